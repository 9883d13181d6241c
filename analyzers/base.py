"""The contract of an analyzer: facts in, changes of findings out (DESIGN 7).

- State in, fact in, changes out. Settings are fields of the frozen analyzer; everything learnt is in the state,
  which the runner owns (one per charge point, or one for the fleet), snapshots, evicts and drops when a step fails.
- What every analyzer would have to know (who it is, what it charges, when it last spoke) the runner keeps once:
  `ChargePoint`, to be read only.
- No clock: to wait, set `state.wake_at` (ns of `clock`); `wake` is called when time has come there, before any
  fact of that time, with `state.wake_at` reset to None. It may be served late, but never dated late.
- A new state knows nothing, and unknown is not violated: state can begin in the middle of everything.
- State is bounded whatever peers send, and facts may come in any order: nothing raises, or the state is lost.
- What is open is the runner's knowledge: raising twice updates one finding, clearing what is not open is nothing.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Generic, TypeVar

import msgspec

from proxy.ocpp.facts import Fact, LifeKind, Place
from proxy.tables import SEVERITIES

SECOND: Final = 1_000_000_000
"""ns."""

Evidence = tuple[tuple[str, int], ...]
"""(connection id, frame number) of frames that prove something."""


class Severity(enum.IntEnum):
    """The number is the table's (tables.SEVERITIES). Healthy traffic gives nothing above INFO."""

    INFO = SEVERITIES["info"]
    WARNING = SEVERITIES["warning"]
    CRITICAL = SEVERITIES["critical"]

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Rule:
    """A row of an analyzer's rule table. `sentence` may use {charge_point}, {what}, {observed} and {limit}.

    `group`: the rule of the one finding that stands for many charge points of a group that break this rule at once
    (the runner counts; its {what} is the group, {observed} how many).
    """

    id: str
    severity: Severity
    clause: str
    sentence: str
    group: Rule | None = None


class Raised(msgspec.Struct, frozen=True, gc=False):
    """The rule is broken (again). (rule, connector, transaction, key) names the finding within a charge point.

    `severity` None: the rule's. `times`: how many occurrences this adds; 0 when it only tells more about one.
    `charge_point`: only for analyzers of the fleet, whose findings otherwise name none.
    """

    rule: Rule
    observed: str = ""
    limit: str = ""
    what: str = ""
    key: str = ""
    connector_id: int | None = None
    transaction_id: str = ""
    severity: Severity | None = None
    evidence: Evidence = ()
    times: int = 1
    charge_point: str = ""


class Cleared(msgspec.Struct, frozen=True, gc=False):
    """The rule holds again. `observed` replaces the finding's when it says more (how long it took in the end)."""

    rule: Rule
    observed: str = ""
    key: str = ""
    connector_id: int | None = None
    transaction_id: str = ""
    charge_point: str = ""


Change = Raised | Cleared
_MESSAGE: Final = LifeKind.MESSAGE  # looking a member up on its enum costs more than the comparison
NOTHING: Final[Sequence[Change]] = ()


class Finding(msgspec.Struct, frozen=True, gc=False):
    """What is asserted, as the `findings` table holds it (without batch and source, which the pipeline adds)."""

    at: int
    last_at: int
    count: int
    severity: Severity
    finding_id: str
    analyzer: str
    rule: str
    charge_point: str
    connector_id: int | None
    transaction_id: str
    cleared_at: int | None
    evidence: Evidence
    observed: str
    limit: str
    basis: str
    message: str
    muted_by: str = ""


class Life(msgspec.Struct, gc=False):
    """A charge point's signs of life, kept by the runner without any analyzer being called. -1: none yet.

    An analyzer that must know of the next sign at once sets `awaits_message` / `awaits_ping`: the runner resets it
    and gives one `LifeSeen` (to all who want that fact, so expect it unasked). Both are set on a new charge point.
    `before_frame`: of the message before the last one, on whichever connection.
    """

    message_clock: int = -1
    message_frame: int = 0
    before_frame: int = 0
    message_connection: str = ""
    ping_clock: int = -1
    ping_frame: int = 0
    ping_connection: str = ""
    ping_period: int = 0
    ping_gaps: int = 0
    awaits_message: bool = True
    awaits_ping: bool = True

    def _saw_ping(self, connection_id: str, clock: int, frame_no: int) -> None:
        """The learned period follows a longer distance at once and shorter ones slowly (pings come in bursts).

        It is learnt within one connection, from `ping_gaps` distances.
        """
        if connection_id != self.ping_connection:
            self.ping_period = self.ping_gaps = 0
        else:
            self.ping_gaps += 1
            slower = self.ping_period - (self.ping_period >> 3)
            self.ping_period = min(max(clock - self.ping_clock, slower), LONGEST_PING_PERIOD)
        self.ping_clock = clock
        self.ping_frame = frame_no
        self.ping_connection = connection_id

    def saw(self, kind: LifeKind, connection_id: str, clock: int, frame_no: int) -> bool:
        """Note a sign of life; True when an analyzer waits for it. Hot: once per frame."""
        if kind is _MESSAGE:
            self.message_clock = clock
            self.before_frame = self.message_frame
            self.message_frame = frame_no
            self.message_connection = connection_id
            awaited, self.awaits_message = self.awaits_message, False
            return awaited
        self._saw_ping(connection_id, clock, frame_no)
        awaited, self.awaits_ping = self.awaits_ping, False
        return awaited

    def await_any(self) -> None:
        self.awaits_message = self.awaits_ping = True


LONGEST_PING_PERIOD: Final = 600 * SECOND


class OpenTransaction(msgspec.Struct, frozen=True, gc=False):
    """A transaction that runs, as its start told it. `told_ns`: the device's time of it, None: not readable.

    `seen_from_start` False: met in the middle (2.x), then `clock` and the frame are those of its first event seen.
    """

    transaction_id: str
    place: Place
    clock: int
    told_ns: int | None
    meter_start_wh: float | None
    connection_id: str
    frame_no: int
    seen_from_start: bool = True


MAX_OPEN_TRANSACTIONS: Final = 32
"""Per charge point; the oldest is forgotten for a 33rd."""


class ChargePoint(msgspec.Struct, gc=False):
    """What the runner knows of a charge point, whichever analyzers are on. Analyzers read it and never change it,
    but for `life.await_any()`.

    `vendor`, `model`, `firmware`: of its last boot, "" not known. `version`: of its last connection ("1.6", "2.0.1",
    "2.1", "2": one of the last two, "" not known). `connection_id`: the newest, "" once it closed or was lost from
    sight (at that fact it is still there). `transactions`: open ones by id, oldest first; at TransactionStarted the new
    one is in already, at TransactionEnded the one that ends still is.
    """

    name: str
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    version: str = ""
    upstream: str = ""
    remote_address: str = ""
    connection_id: str = ""
    life: Life = msgspec.field(default_factory=Life)
    transactions: dict[str, OpenTransaction] = msgspec.field(default_factory=dict)

    def place_of(self, place: Place, transaction_id: str) -> Place:
        """2.x events of a transaction may name no place: then it is where the transaction is."""
        if place.evse_id is None and place.connector_id is None and transaction_id in self.transactions:
            return self.transactions[transaction_id].place
        return place

    def transaction_at(self, place: Place) -> OpenTransaction | None:
        """The newest open one there: the same EVSE (2.x) or connector (1.6)."""
        found = None
        for transaction in self.transactions.values():
            if connector_of(transaction.place) == connector_of(place):
                found = transaction
        return found


def connector_of(place: Place) -> int | None:
    """What `connector_id` of a finding holds: 1.6 the connector, 2.x the EVSE (a transaction's place: 2.x E01)."""
    return place.connector_id if place.evse_id is None else place.evse_id


class State(msgspec.Struct, gc=False):
    """What an analyzer learnt. MessagePack must be able to hold it: numbers, strings, lists, dicts, Structs.
    Values only, so never a cycle: the garbage collector need not know of it.

    Keep it small: 10,000 charge points with one transaction each have 4 KB for all analyzers together. One that is
    as `new_state` made it is not kept at all: let nothing learnt look like nothing learnt.
    """

    wake_at: int | None = None


S = TypeVar("S", bound=State)


class Analyzer(ABC, Generic[S]):
    """Subclass as a frozen dataclass; its fields are the settings, with defaults that fit any fleet."""

    name: ClassVar[str]
    wants: ClassVar[tuple[type[Fact], ...]]
    rules: ClassVar[tuple[Rule, ...]]

    @abstractmethod
    def new_state(self) -> S: ...

    @abstractmethod
    def step(self, state: S, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        """`fact` is of a type in `wants`, and must not be kept: keep values. NOTHING when nothing changed."""

    def wake(self, state: S, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        """Time has come to `now`, the moment `state.wake_at` said."""
        return NOTHING


class FleetAnalyzer(Analyzer[S]):
    """One state for all charge points. `step` is given the one the fact is about, `wake` one without a name.

    Its findings name no charge point unless they say one (`Raised.charge_point`, and the same in `Cleared`).
    """


def seconds(nanoseconds: int) -> str:
    """For `observed` and `limit`: tenths only where there are any."""
    value = round(nanoseconds / SECOND, 1)
    return f"{value:.0f} s" if value == int(value) else f"{value:.1f} s"


def number(value: float, unit: str) -> str:
    """For `observed` and `limit`: 12.3 kWh, 230 V; at most three digits behind the point."""
    return f"{value:.3f}".rstrip("0").rstrip(".") + (f" {unit}" if unit else "")


def kwh(watt_hours: float) -> str:
    return number(watt_hours / 1000.0, "kWh")


def place_words(place: Place) -> str:
    """ "connector 1", "EVSE 1", "the charge point"."""
    place_number = connector_of(place)
    if not place_number:
        return "the charge point"
    return f"connector {place_number}" if place.evse_id is None else f"EVSE {place_number}"


def is_older(told_ns: int | None, known_ns: int | None) -> bool:
    """By the device's clock; a time that cannot be read is not."""
    return told_ns is not None and known_ns is not None and told_ns < known_ns


def once(raised: Raised) -> Sequence[Change]:
    """It happened, and is over."""
    over = Cleared(
        raised.rule,
        key=raised.key,
        connector_id=raised.connector_id,
        transaction_id=raised.transaction_id,
        charge_point=raised.charge_point,
    )
    return [raised, over]


def host_of(address: str) -> str:
    """Without the port, which differs between any two connections: of 10.0.0.1:4711 and [2001:db8::1]:4711; an IPv6
    address alone stays."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, _ = address.rpartition(":")
    return host if "." in host and ":" not in host else address
