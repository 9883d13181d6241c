"""The C load generator as Python sees it: built on demand, run, its line read; and the upstream it can be."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
SCRATCH: Final = HERE.parent.parent / ".bench"
"""Programs, environments and data of a run; ignores itself."""
PROGRAM: Final = SCRATCH / "wsload"
PATIENCE_SECONDS: Final = 90.0
PROXY_CORE: Final = 0
LOAD_CORE: Final = 1

Result = Mapping[str, float | str]


class CannotRun(Exception):
    """One line that says what is missing."""


def scratch() -> Path:
    SCRATCH.mkdir(exist_ok=True)
    (SCRATCH / ".gitignore").write_text("*\n")
    return SCRATCH


def build() -> Path:
    """wsload, compiled anew when a source is newer."""
    sources = [HERE / "wsload.c", *HERE.glob("wsload_*.h")]
    if PROGRAM.exists() and PROGRAM.stat().st_mtime > max(source.stat().st_mtime for source in sources):
        return PROGRAM
    if shutil.which("gcc") is None:
        raise CannotRun("gcc is missing: sh tests/bench/packages.sh")
    new = scratch() / "wsload.new"
    argv = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(new), str(sources[0])]
    done = subprocess.run([*argv, "-lssl", "-lcrypto", "-lm"], capture_output=True, text=True)
    if done.returncode:
        raise CannotRun(f"wsload does not compile (libssl-dev?): {done.stderr.strip().splitlines()[0]}")
    new.replace(PROGRAM)
    return PROGRAM


def parse(line: str) -> Result:
    """`mode=open answers=3 …` as a mapping, numbers as numbers."""
    pairs = (word.partition("=") for word in line.split())
    return {name: _value(text) for name, equals, text in pairs if equals}


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def number(result: Result, name: str) -> float:
    value = result[name]
    assert isinstance(value, float), f"{name}={value}"
    return value


def command(core: int, mode: str, **options: object) -> list[str]:
    """True is a flag, False and None are left out; `core` is where it runs."""
    words = [str(PROGRAM), mode]
    for name, value in options.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not None and value is not False:
            words += [f"--{name}", str(value)]
    return on_core(core, words)


def on_core(core: int, argv: Sequence[str]) -> list[str]:
    """Pinned from its first instruction on."""
    return ["taskset", "-c", str(core), *argv]


def run(argv: Sequence[str]) -> Result:
    """One run to its end."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, check=True)
    return parse(done.stdout)


@contextmanager
def started(argv: Sequence[str]) -> Iterator[tuple[int, Result]]:
    """(its pid, the first line it says), for as long as the block lasts."""
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            yield process.pid, parse(process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def upstream(core: int) -> Iterator[tuple[int, int]]:
    """(its port, its pid)."""
    with started(command(core, "serve", port=0)) as (pid, said):
        yield int(number(said, "port")), pid
