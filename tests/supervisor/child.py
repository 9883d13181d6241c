"""Stands in for a part: a real process that speaks the lifeline and writes down what happens to it.

argv: the file of events, then how it behaves: ready, silent (no beats), deaf (to orders), broken (exit 3).
"""

import json
import os
import select
import signal
import sys


def main(events: str, behaviour: str) -> None:
    out = os.open(events, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)

    def note(**event: object) -> None:
        os.write(out, json.dumps({"pid": os.getpid(), **event}).encode() + b"\n")

    line = os.fdopen(0, "rb", buffering=0)
    note(settings=json.loads(line.readline()))
    if behaviour == "broken":
        sys.exit(3)
    os.write(0, b"R")
    while True:
        if select.select([0], [], [], 0.03)[0]:
            order = line.readline()
            note(order=json.loads(order) if order else "eof")
            if not order or (b'"status"' not in order and b'"settings"' not in order and behaviour != "deaf"):
                return
        if behaviour != "silent":
            os.write(0, b".")


main(*sys.argv[1:])
