"""What the supervisor sees and wants of the recorder: beats, orders, and once a second its figures."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from proxy.lifeline import Lifeline
from proxy.recorder.settings import RecorderSettings

_LOOK_SECONDS: Final = 0.25


class End(Exception):
    """The supervisor is gone or wants an end at once: the rest is recorded at the next start."""


class Leash:
    """Call it often, also while waiting: it works four times a second. Raises End when there is to be an end."""

    def __init__(self, lifeline: Lifeline, drain_seconds: float) -> None:
        self.lifeline = lifeline
        self._publish: Callable[[], None] | None = None
        self._resettle: Callable[[RecorderSettings], None] | None = None
        self._settings: RecorderSettings | None = None
        self._drain_seconds = drain_seconds
        self._drain_until = 0.0
        self._next = 0.0

    def attach(self, publish: Callable[[], None], resettle: Callable[[RecorderSettings], None]) -> None:
        """From here on: `publish` four times a second, `resettle` when settings come, or came while starting."""
        self._publish, self._resettle = publish, resettle
        if self._settings is not None:
            resettle(self._settings)

    @property
    def draining(self) -> bool:
        """Is the recorder to catch up and end?"""
        return self._drain_until > 0

    def __call__(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _LOOK_SECONDS
        self.lifeline.beat()
        if self._publish is not None:
            self._publish()
        for order in self._orders():
            self._obey(order, now)
        if self.draining and now > self._drain_until:
            raise End

    def _orders(self) -> list[dict[str, Any]]:
        try:
            return [msgspec.json.decode(line) for line in self.lifeline.orders()]
        except EOFError:
            raise End from None

    def _obey(self, order: dict[str, Any], now: float) -> None:
        if order["order"] == "stop":
            raise End
        if order["order"] == "drain":
            self._drain_until = now + self._drain_seconds
        elif order["order"] == "settings":
            self._settings = msgspec.convert(order["settings"], RecorderSettings)
            if self._resettle is not None:
                self._resettle(self._settings)
