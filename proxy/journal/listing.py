"""The segments of a directory, by run, worker, life and number: a pure view of one `listdir`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from proxy.journal.filesystem import FileSystem
from proxy.journal.format import SegmentName, parse_name


class Listing:
    def __init__(self, file_names: Iterable[str]) -> None:
        self.file_names = frozenset(file_names)
        self._runs: dict[int, dict[int, list[SegmentName]]] = {}
        for name in sorted(filter(None, map(parse_name, self.file_names))):
            self._runs.setdefault(name.run, {}).setdefault(name.worker, []).append(name)
        self._run_numbers = sorted(self._runs)

    def workers(self, run: int) -> Iterable[int]:
        return self._runs.get(run, {})

    def next(self, run: int, worker: int, life: int, number: int) -> SegmentName | None:
        """The worker's first segment that is not before (life, number)."""
        names = self._runs.get(run, {}).get(worker, [])
        at = bisect_left(names, SegmentName(run, worker, life, number))
        return names[at] if at < len(names) else None

    def segments(self, run: int, worker: int, life: int, number: int) -> list[SegmentName]:
        """The worker's segments that are not before (life, number)."""
        names = self._runs.get(run, {}).get(worker, [])
        return names[bisect_left(names, SegmentName(run, worker, life, number)) :]

    def run_after(self, run: int) -> int | None:
        """The first run later than this one."""
        at = bisect_left(self._run_numbers, run + 1)
        return self._run_numbers[at] if at < len(self._run_numbers) else None

    def of_run(self, run: int) -> list[SegmentName]:
        return [name for names in self._runs.get(run, {}).values() for name in names]

    def all(self) -> list[SegmentName]:
        """In stream order within each worker; runs in order."""
        return [name for run in self._run_numbers for name in self.of_run(run)]


def file_size(fs: FileSystem, directory: str, name: SegmentName) -> int:
    """0 when it is gone."""
    try:
        return fs.status(f"{directory}/{name}").size
    except OSError:
        return 0
