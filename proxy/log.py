"""Logs: one line per event on stderr, as text or JSON (DESIGN 10: a leaf).

No payloads. What a peer sent is escaped, so that a charge point's name can neither forge a line nor drive a
terminal. A stuck reader of stderr must not stop traffic: lines go through a queue to one thread; when the
queue is full they are dropped and counted. What a peer can cause often is limited per (event, address).
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Final

import msgspec
import structlog

QUEUE_LINES: Final = 10_000
FLUSH_SECONDS: Final = 1.0
GATHER_SECONDS: Final = 0.05
VALUE_LIMIT: Final = 1_024
"""Characters of one value; the rest is cut off and said so."""

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_HEAD: Final = ("timestamp", "level", "part", "event")
_NEEDS_QUOTES: Final = frozenset(' "=')


class _Lines:
    """The queue and the thread behind it. Policy when full: the newest line is dropped and counted.

    The thread gathers lines before it writes them: woken for each one, it would fight the event loop for the
    interpreter (in a storm of reconnects that cost more than the lines themselves).
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queue: deque[str | threading.Event] = deque()
        self._filled = threading.Event()
        self._hurry = threading.Event()
        self._dropped = 0
        threading.Thread(target=self._write_all, name="log", daemon=True).start()
        atexit.register(self.flush)

    def msg(self, line: str) -> None:
        if len(self._queue) >= QUEUE_LINES:
            self._dropped += 1
            return
        self._queue.append(line)
        if not self._filled.is_set():
            self._filled.set()

    log = debug = info = warn = warning = error = critical = exception = fatal = failure = err = msg

    def flush(self) -> None:
        """Wait until what was logged so far is written, but not for long."""
        written = threading.Event()
        self._queue.append(written)
        self._hurry.set()
        self._filled.set()
        written.wait(FLUSH_SECONDS)

    def _write_all(self) -> None:
        while True:
            self._filled.wait()
            self._hurry.wait(GATHER_SECONDS)
            self._hurry.clear()
            self._filled.clear()
            self._write_queue()

    def _write_queue(self) -> None:
        lines: list[str] = []
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, str):
                lines.append(item + self._note())
            else:
                self._write("".join(lines))
                lines = []
                item.set()
        self._write("".join(lines))

    def _note(self) -> str:
        dropped, self._dropped = self._dropped, 0
        return f" lines_dropped={dropped}\n" if dropped else "\n"

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            return  # nobody reads: there is no other place to say so


class _Factory:
    """structlog asks it for a logger; one `_Lines` for the life of the process."""

    def __init__(self, lines: _Lines) -> None:
        self.lines = lines

    def __call__(self, *_: object) -> _Lines:
        return self.lines


class _Bridge(logging.Handler):
    """What libraries say through `logging`, in our shape; of a traceback the error and its last line."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        extra = {"error": repr(error), "where": _where(error)} if error else {}
        get_logger().log(record.levelno, record.getMessage(), library=record.name, **extra)


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def configure(part: str, format: str = "text", level: str = "info", descriptor: int = 2) -> None:
    """Set the process's log up; again to change format or level. Raises ValueError for one there is not."""
    _known("log level", level, _LEVELS)
    _known("log format", format, _RENDERERS)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _named(part),
            _RENDERERS[format],
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_factory(descriptor),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Bridge()], level=max(_LEVELS[level], logging.WARNING), force=True)


def _known(what: str, given: str, known: Iterable[str]) -> None:
    if given not in known:
        raise ValueError(f"unknown {what} {given!r}: one of {', '.join(known)}")


def _factory(descriptor: int) -> _Factory:
    present = structlog.get_config()["logger_factory"]
    if isinstance(present, _Factory) and present.lines._descriptor == descriptor:
        return present
    return _Factory(_Lines(descriptor))


def get_logger() -> structlog.typing.FilteringBoundLogger:
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


def flush() -> None:
    """For a process that ends without the interpreter's farewell (os._exit, exec)."""
    present = structlog.get_config()["logger_factory"]
    if isinstance(present, _Factory):
        present.lines.flush()


def _named(part: str) -> Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]:
    def add(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["part"] = part
        return event

    return add


def _text(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    head = f"{event['timestamp']} {event['level']} {event['part']}: {printable(event['event'])}"
    rest = (f"{key}={_quoted(value)}" for key, value in event.items() if key not in _HEAD)
    return " ".join((head, *rest))


def _json(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    head = {key: event[key] for key in _HEAD}
    rest = {key: _plain(value) for key, value in event.items() if key not in _HEAD}
    return msgspec.json.encode(head | rest).decode()


_RENDERERS: Final = {"text": _text, "json": _json}


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float) else _printed(value)


def _printed(value: object) -> str:
    return printable(value if isinstance(value, bytes | str) else str(value))


def _quoted(value: object) -> str:
    text = _printed(value)
    if text and _NEEDS_QUOTES.isdisjoint(text):
        return text
    return '"' + text.replace('"', '\\"') + '"'


def printable(text: bytes | str) -> str:
    r"""A peer's string as one harmless line: backslash, control characters, invalid UTF-8 as \x.."""
    if isinstance(text, bytes):
        text = text[: VALUE_LIMIT * 4].decode("utf-8", "surrogateescape")
    if len(text) <= VALUE_LIMIT and text.isprintable() and "\\" not in text:
        return text  # nearly always
    cut = text[:VALUE_LIMIT] + (f"…(+{len(text) - VALUE_LIMIT})" if len(text) > VALUE_LIMIT else "")
    return "".join(map(_escaped, cut))


def _escaped(character: str) -> str:
    if character.isprintable():
        return "\\\\" if character == "\\" else character
    code = ord(character)
    return f"\\x{code & 0xFF:02x}" if code < 0x100 or 0xDC80 <= code <= 0xDCFF else f"\\u{{{code:x}}}"


class RateLimit:
    """At most `burst` lines per (event, address) in `seconds`; the next one says how many were left out.

    Bounded: the key unused for longest is forgotten when there are more than `keys`.
    """

    def __init__(self, burst: int = 5, seconds: float = 60.0, keys: int = 10_000) -> None:
        self._burst = burst
        self._seconds = seconds
        self._keys = keys
        self._windows: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def allow(self, event: str, address: str, now_seconds: float) -> int | None:
        """None: say nothing. A number: log it, and so many were left out before it."""
        key = (event, address)
        began, count = self._windows.pop(key, (now_seconds, 0))
        left_out = 0
        if now_seconds - began >= self._seconds:
            began, count, left_out = now_seconds, 0, max(0, count - self._burst)
        self._windows[key] = (began, count + 1)
        if len(self._windows) > self._keys:
            self._windows.popitem(last=False)
        return left_out if count < self._burst else None
