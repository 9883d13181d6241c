"""What can be wrong with a charge point, one class each; the table `FAULTS` is all there is.

A fault overrides one of the hooks of `Fault`, whose own hooks are those of a healthy charge point:
`compression` (offered in the handshake), `swallows` (an answer that is never sent), `splits`/`pieces`
(how a text is put into frames), `disturb` (runs beside each connection), `reboots` (how it reconnects).
Which charge point gets which fault is decided by the seed; one may have several.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import ClassVar, Final, Literal

from proxy.simulator.clock import Clock
from proxy.simulator.link import Counted, Link

_SHARE: Final = 10  # one charge point in ten gets a given fault, at least one


_SILENT_SECONDS: Final = 60.0
_TALKATIVE_SECONDS: Final = 45.0


class Fault:
    """A healthy charge point. `name` and `help` are what the command line shows."""

    name: ClassVar[str] = ""
    help: ClassVar[str] = ""
    compression: ClassVar[Literal["deflate"] | None] = None
    splits: ClassVar[bool] = False
    reboots: ClassVar[bool] = False

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def swallows(self, text: str) -> bool:
        """Whether this outgoing text is to be held back for good."""
        return False

    def pieces(self, text: str, connection: Counted) -> AsyncIterator[bytes]:
        """The fragments of a text; asked only where `splits`."""
        raise NotImplementedError(f"{self.name} does not split")

    async def disturb(self, link: Link, clock: Clock, ocpp: str) -> None:
        """What goes wrong during one connection, once it has booted."""


class Silence(Fault):
    """Hangs for a minute, pongs included, while its socket stays open; then goes on as if nothing was."""

    name = "silence"
    help = "stops talking for a minute at a time but keeps the socket"

    async def disturb(self, link: Link, clock: Clock, ocpp: str) -> None:
        while not clock.stopped:
            await clock.sleep(self.rng.uniform(4, 12))
            link.hush()
            await clock.sleep(_SILENT_SECONDS)
            link.speak()
            await clock.sleep(_TALKATIVE_SECONDS)


class UnansweredCall(Fault):
    """Every other call of the CSMS gets no answer; beginning with the first, so that a short run shows it."""

    name = "unanswered-call"
    help = "leaves every other call without an answer"
    period: ClassVar[int] = 2

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self._answers = 0

    def swallows(self, text: str) -> bool:
        self._answers += text.startswith(("[3,", "[4,"))
        return text.startswith(("[3,", "[4,")) and self._answers % self.period == 1


class ForgetfulCsms(UnansweredCall):
    """The same on the CSMS's side, much rarer: each charge point waits 30 s for what it does not get."""

    period = 60

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self._answers = rng.randrange(1, self.period // 2)  # not the boot


# As met in the field (reference/quirks.md 25-28): `%s` is a message id.
_BROKEN: Final = {
    "1.6": (
        '[3,"%s",{"configurationKey":]',
        '[2,"%s","MeterValues",{"connectorId":1,"meterValue":[{"sampledValue":[,{"value":"230.0"}]}]}]',
        '[2,"%s","StopTransaction",{"transactionId":,"meterStop":4711,"timestamp":"2024-01-01T00:00:00Z"}]',
        '[2,"%s","DataTransfer",{"vendorId":"Wallbe\x00\x00","data":""}]',
    ),
    "2": (
        '[3,"%s",{"getVariableResult":]',
        '[2,"%s","TransactionEvent",{"eventType":"Updated","meterValue":[{"sampledValue":[,{"value":230.0}]}]}]',
        '[2,"%s","TransactionEvent",{"eventType":"Ended","seqNo":,"triggerReason":"EVDeparted"}]',
        '[2,"%s","DataTransfer",{"vendorId":"Wallbe\x00\x00"}]',
    ),
}


class MalformedJson(Fault):
    """Now and then a text that is no JSON, beside valid traffic; nobody waits for an answer to it."""

    name = "malformed-json"
    help = "sends texts that are no JSON, as real firmware does"

    async def disturb(self, link: Link, clock: Clock, ocpp: str) -> None:
        texts = _BROKEN.get(ocpp, _BROKEN["2"])
        turn = self.rng.randrange(len(texts))
        while not clock.stopped:
            await clock.sleep(self.rng.uniform(3, 9))
            turn += 1
            await link.put(texts[turn % len(texts)] % uuid.UUID(int=self.rng.getrandbits(128), version=4))


class ReconnectLoop(Fault):
    """Lives a few seconds, drops the connection (by RST or by a close frame), boots again at once."""

    name = "reconnect-loop"
    help = "reboots every few seconds; the connection is reset or closed"
    reboots = True

    async def disturb(self, link: Link, clock: Clock, ocpp: str) -> None:
        await clock.sleep(self.rng.uniform(1.5, 4))
        if clock.stopped:
            return
        if self.rng.random() < 0.5:
            await link.reset()
        else:
            await link.close()


class Fragmented(Fault):
    """Splits every message over several frames (RFC 6455 5.4), often with a ping in between (5.5)."""

    name = "fragmented"
    help = "splits messages into several frames, with pings between them"
    splits = True

    async def pieces(self, text: str, connection: Counted) -> AsyncIterator[bytes]:
        data = text.encode()
        size = max(1, len(data) // self.rng.randint(2, 5))
        for start in range(0, len(data), size):
            yield data[start : start + size]
            if not start and self.rng.random() < 0.5:
                await connection.ping()


class Compressed(Fault):
    """Offers permessage-deflate (RFC 7692) and uses it once the CSMS agrees: legal, but new to many tools."""

    name = "compressed"
    help = "offers and uses permessage-deflate"
    compression = "deflate"


FAULTS: Final[dict[str, type[Fault]]] = {
    fault.name: fault
    for fault in (Silence, UnansweredCall, MalformedJson, ReconnectLoop, Fragmented, Compressed)
}
CSMS_FAULTS: Final[dict[str, type[Fault]]] = {ForgetfulCsms.name: ForgetfulCsms}


def check(names: Iterable[str], known: dict[str, type[Fault]]) -> tuple[str, ...]:
    """The names without repetition; ValueError with one line for one that is unknown."""
    unique = tuple(dict.fromkeys(names))
    for name in unique:
        if name not in known:
            raise ValueError(f"unknown fault {name!r}: choose from {', '.join(known)}")
    return unique


def assign(names: Sequence[str], identities: Sequence[str], seed: int) -> dict[str, tuple[str, ...]]:
    """Which charge point gets which faults: each fault strikes a tenth of them, at least one.

    They are dealt out round a shuffled table, so that nobody gets a second one before everybody has one.
    """
    shuffled = random.Random(f"{seed}/faults").sample(identities, len(identities))
    dealt = [name for name in names for _ in range(max(1, len(identities) // _SHARE))]
    faulty: dict[str, tuple[str, ...]] = {}
    for turn, name in enumerate(dealt if identities else ()):
        identity = shuffled[turn % len(shuffled)]
        faulty[identity] = (*faulty.get(identity, ()), name)
    return faulty
