"""`python -m proxy.relay`: one worker; fd 0 is the lifeline, its first line the settings. Obeys orders, not signals."""

from __future__ import annotations

import signal
import sys

import uvloop

from proxy import log
from proxy.lifeline import Lifeline
from proxy.relay import memory, settings, worker


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # Ctrl-C reaches the whole group
        signal.signal(number, signal.SIG_IGN)
    log.configure("relay", "text", "info")  # for what is wrong with the settings themselves
    lifeline = Lifeline()
    try:
        told = settings.from_json(lifeline.settings())
        log.configure("relay", told.log_format, told.log_level)
        memory.give_large_blocks_back(told)
        uvloop.run(worker.run(lifeline, told))
    except EOFError:
        return 0
    except (ValueError, OSError) as error:
        log.get_logger().error("cannot start", error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
