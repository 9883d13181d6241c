"""A handshake that does not become a tunnel: how it is said to the peer, the journal, the log and the metrics."""

from __future__ import annotations

from proxy import counters
from proxy.heads.request import Rejection
from proxy.heads.request import answer as rejection_answer
from proxy.heads.response import answer as own_answer


class Refusal(Exception):
    """Ends a handshake. `side` is the leg that failed; `wire` what the charge point gets, b"": nothing but the close.

    `by`: charge_point (gave up), csms (its answer was passed on) or proxy (our verdict).
    """

    def __init__(
        self,
        side: str,
        reason: str,
        detail: str,
        status: int = 0,
        wire: bytes = b"",
        by: str = "proxy",
    ) -> None:
        super().__init__(detail)
        self.side = side
        self.reason = reason
        self.detail = detail
        self.status = status
        self.wire = wire
        self.by = by
        self.response_head = b""

    @property
    def slot(self) -> int:
        """The counter; a rule of the request head that has no label of its own counts as bad_head."""
        known = ("ocpptap_handshake_failures_total", self.side, self.reason) in counters.INDEX
        label = (
            "bad_head" if self.status >= 400 and self.side == "charge_point" and not known else self.reason
        )
        return counters.handshake_failure(self.side, label)


def rejected(rejection: Rejection) -> Refusal:
    """By the table of proxy/heads."""
    wire = rejection_answer(rejection)
    return Refusal("charge_point", rejection.reason, rejection.detail, rejection.status, wire)


def left(reason: str, detail: str) -> Refusal:
    """The charge point is gone: nobody is there to be answered."""
    return Refusal("charge_point", reason, detail, by="charge_point")


def silent(side: str, reason: str, detail: str) -> Refusal:
    """By us, without an answer: nobody would understand it, or it would cost too much."""
    return Refusal(side, reason, detail)


def unavailable(side: str, reason: str, status: int, detail: str, retry_after_seconds: int) -> Refusal:
    """By us, to be tried again: 502, 503, 504."""
    wire = own_answer(status, reason, detail, retry_after_seconds)
    return Refusal(side, reason, detail, status, wire)
