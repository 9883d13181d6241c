"""What an exchange comes to: the recorded answer and the new one, what never came, what nobody asked for. Pure.

Everything that differs goes to the `Outcome`, and so do the counts and latencies of each action. Of an action that is
ignored whole nothing differs.
"""

from __future__ import annotations

from typing import Any, Final

from proxy.forensics.replay.diff import Change, Kind, changes, shown
from proxy.forensics.replay.outcome import Outcome, Tally, Who
from proxy.forensics.replay.paths import Ignored
from proxy.forensics.replay.spoken import CALL, RESULT, Spoken, payload_of
from proxy.forensics.replay.substitution import Learned, learn_answer
from proxy.names import Direction
from proxy.ocpp.envelope import CallError, CallResult, decode

_US: Final = 1_000_000
UNCOMPARED: Final = "answers not compared: the recording has none"
NOT_REACHED: Final = "calls of the peer whose place the replay did not reach"
_NO_CALL: Final = Spoken(0, 0, Direction.FROM_CHARGE_POINT, 0, "", "", b"")


class Exchange:
    """A call that was sent. `recorded`: its recorded answer, as far as the script has come to it; `answer`, `text`,
    `seconds`: the new one. `late`: its place in the script is over. `lost`: no answer can come any more."""

    __slots__ = ("answer", "call", "key", "late", "lost", "recorded", "seconds", "sent_at", "text")

    def __init__(self, call: Spoken, key: str, sent_at: float) -> None:
        self.call = call
        self.key = key
        self.sent_at = sent_at
        self.recorded: Spoken | None = None
        self.answer: CallResult | CallError | None = None
        self.text = b""
        self.seconds = 0.0
        self.late = False
        self.lost = False


class Judge:
    """Of one conversation."""

    def __init__(self, who: Who, outcome: Outcome, ignored: Ignored, learned: Learned) -> None:
        self._who = who
        self._outcome = outcome
        self._ignored = ignored
        self._learned = learned

    # our calls

    def sent(self, call: Spoken) -> None:
        self._outcome.of(call.direction, call.action).calls += 1

    def compare(self, exchange: Exchange) -> None:
        """An answer is there. Where the recording has none there is nothing to compare."""
        call, recorded = exchange.call, exchange.recorded
        tally = self._tally(call)
        tally.new.add(exchange.seconds)
        if recorded is None:
            self._outcome.note(UNCOMPARED)
            return
        learn_answer(self._learned, call, recorded.text, exchange.text)
        found = self._changes(exchange, recorded)
        if exchange.late and not self._ignored.whole(call.action):
            found = [Change(Kind.LATE, "", "", f"{exchange.seconds:.1f} s"), *found]
        self._compared(tally, call, recorded, found)

    def _changes(self, exchange: Exchange, recorded: Spoken) -> list[Change]:
        if recorded.text == exchange.text:
            return []
        before, after = decode(recorded.text), exchange.answer
        assert isinstance(before, CallResult | CallError)
        assert after is not None
        return changes(exchange.call.action, before, after, self._ignored)

    def missing(self, exchange: Exchange) -> None:
        """No answer will come. Nothing is missing where the recording has none either."""
        if exchange.recorded is None:
            return
        gone = [Change(Kind.MISSING_ANSWER, "", _excerpt(exchange.recorded))]
        call = exchange.call
        self._compared(
            self._tally(call), call, exchange.recorded, [] if self._ignored.whole(call.action) else gone
        )

    def _compared(self, tally: Tally, call: Spoken, recorded: Spoken, found: list[Change]) -> None:
        tally.compared += 1
        tally.recorded.add(max(0, recorded.at - call.at) / _US)
        tally.differing += bool(found)
        for change in found:
            self._outcome.differs(self._who.difference(change, call))

    # calls of the other side

    def expected(self, call: Spoken) -> None:
        """A recorded one."""
        if call.kind == CALL:
            self._outcome.of(call.direction, call.action).calls += 1

    def came(self, recorded: Spoken, late: list[Change]) -> None:
        """A new one that stands for a recorded one; `late`: it was no longer waited for."""
        self._of_theirs(recorded, late)

    def missing_call(self, recorded: Spoken) -> None:
        self._of_theirs(recorded, [Change(Kind.MISSING_CALL, "", shown(payload_of(recorded.text)))])

    def unexpected_call(self, call: Spoken) -> None:
        self.expected(call)
        self._of_theirs(call, [Change(Kind.UNEXPECTED_CALL, "", "", shown(payload_of(call.text)))])

    def _of_theirs(self, call: Spoken, found: list[Change]) -> None:
        found = [] if self._ignored.whole(call.action) else found
        tally = self._tally(call)
        tally.compared += 1
        tally.differing += bool(found)
        for change in found:
            self._outcome.differs(self._who.difference(change, call))

    def uncounted(self, kind: Kind, count: int) -> None:
        """So many more that nobody remembers one by one."""
        self._outcome.kinds[kind] += count

    # the connection

    def connection(self, what: str, recorded: str = "") -> None:
        """It did not go as recorded: it ended early, or never stood."""
        self._outcome.differs(self._who.difference(Change(Kind.CONNECTION, "", recorded, what), _NO_CALL))

    def note(self, what: str, count: int = 1) -> None:
        if count:
            self._outcome.note(what, count)

    def said(self) -> None:
        self._outcome.sent += 1

    def _tally(self, call: Spoken) -> Tally:
        return self._outcome.of(call.direction, call.action)


def _excerpt(answer: Spoken) -> str:
    message: Any = decode(answer.text)
    return shown(message.payload if answer.kind == RESULT else message.code)


LATE_CALL: Final = Change(Kind.LATE)
