"""On PYTHONPATH of a run under test: SIGUSR2 makes a process write down what it has imported."""

import os
import signal
import sys


def _tell(*_: object) -> None:
    with open(os.path.join(os.environ["PROBE_FOLDER"], str(os.getpid())), "w") as file:
        file.write("\n".join(sorted(name for name, module in sys.modules.items() if module is not None)))


if "PROBE_FOLDER" in os.environ:
    signal.signal(signal.SIGUSR2, _tell)
