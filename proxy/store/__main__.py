"""`python -m proxy.store <data directory>`: start the embedded store's process and return when it serves.

Exit code 0: it serves. 75: try again, another one holds the lock or this one was killed while it started.
1: it cannot start, one line on stderr says why.
The process that stays is detached (its own session, its own log), runs at nice 10 and takes no settings: its
limits are constants (half the cores here, the others in embedded/sessions.py). It ends by itself
(embedded/life.py), or on SIGTERM once what runs is answered; any other kill of it is survivable.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final, NoReturn

from proxy.store.embedded.layout import LOG, TRY_AGAIN, store_directory, take_lock

NICE: Final = 10
FAILED: Final = 1
_READY: Final = b"ready"


def main(arguments: list[str]) -> int:
    """The launcher: it forks before anything heavy is imported (the engine hangs after a fork)."""
    if len(arguments) != 1:
        return _say("usage: python -m proxy.store <data directory>", 2)
    data = Path(arguments[0]).absolute()
    directory = store_directory(data)
    owner = data.stat().st_uid if data.exists() else os.geteuid()
    if owner != os.geteuid():
        return _say(f"{data} belongs to user id {owner}: only that user may start its store", FAILED)
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        lock = take_lock(directory)
    except OSError as error:
        return _say(f"no store can be in {directory}: {error.strerror}", FAILED)
    if lock is None:
        return TRY_AGAIN
    inward, outward = os.pipe()
    if os.fork() == 0:
        os.close(inward)
        _be_the_store(directory, outward)
    os.close(outward)
    return _await_ready(directory, inward)


def _await_ready(directory: Path, inward: int) -> int:
    with open(inward, "rb") as pipe:
        said = pipe.read()
    if said == _READY:
        return 0
    if not said:
        return _say(f"the store in {directory} ended while it started", TRY_AGAIN)
    return _say(f"no store can be in {directory}: {said.decode('utf-8', 'replace')}", FAILED)


def _say(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code


def _be_the_store(directory: Path, outward: int) -> NoReturn:
    code = FAILED
    try:
        _detach(directory)
        _run(outward)
        code = 0
    except BaseException as error:
        print(f"store: {error!r}", file=sys.stderr, flush=True)
        os.write(outward, (" ".join(str(error).split()) or repr(error)).encode())
    finally:
        os._exit(code)


def _detach(directory: Path) -> None:
    os.setsid()
    os.umask(0o077)
    os.chdir(directory)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.environ["TZ"] = "UTC"  # the engine's now() and dates without a zone
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[len(cores) // 2 :])
    if os.getpriority(os.PRIO_PROCESS, 0) < NICE:
        os.setpriority(os.PRIO_PROCESS, 0, NICE)


def _run(outward: int) -> None:
    try:
        from proxy.store.embedded.life import live
    except ImportError as error:
        raise RuntimeError(f"the embedded store needs pip install 'ocpptap[embedded]' ({error})") from error

    def ready() -> None:
        os.write(outward, _READY)
        os.close(outward)

    asyncio.run(live(ready))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
