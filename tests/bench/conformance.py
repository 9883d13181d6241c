"""What a verdict costs, ns a message: the usual mix, by kind, beside the bare schema; and the dearest invalid messages.

`python -m tests.bench.conformance`. One thread, best of all rounds: other work only adds. The mix is that of the
recorder's bench (`payloads.SHARES`: 79 % reports of six samples), each call with its answer. "bare" is `is_valid` of
the schema as shipped: no timestamps, no amendments, no message ids.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import jsonschema_rs
import orjson

from proxy.names import Direction
from proxy.ocpp.conformance import Judgement, Verdict, judge
from proxy.ocpp.conformance.schemas import official
from proxy.ocpp.conformance.standards import STANDARDS
from tests.bench.payloads import BOOT, FROM_CSMS, REPORT, SHARES, START, V16, V20, Station
from tests.bench.unit import unit

AT: Final = "2027-01-15T08:00:00.000Z"
TARGET_NS: Final = 2_000
Judged = Callable[[], Judgement]


@dataclass(frozen=True)
class Kind:
    """One kind of message; `bare` is None where no schema is asked."""

    name: str
    size: int
    judged: Judged
    bare: Callable[[], object] | None = None


def usual(version: str) -> dict[str, tuple[Kind, Kind]]:
    """By kind of traffic, the CALL and its CALLRESULT, all valid."""
    found = {}
    for traffic in (*SHARES, START, BOOT):
        station = Station(1, version, traffic != BOOT, traffic != START, 1, at=AT)
        _, action, said, answer = station.says(REPORT if traffic in (START, BOOT) else traffic)
        sender = Direction.FROM_CSMS if traffic in FROM_CSMS else Direction.FROM_CHARGE_POINT
        found[traffic] = call(version, sender, action, said), result(version, sender, action, answer)
    return found


def call(version: str, sender: Direction, action: str, payload: Any) -> Kind:
    judging, name = judge(version), action + STANDARDS[version].request
    assert judging is not None
    read = orjson.loads(orjson.dumps(payload))
    return Kind(
        f"{version} {action}",
        len(orjson.dumps(payload)),
        lambda: judging.call(sender, action, read, "1000001"),
        _bare(version, name, read),
    )


def result(version: str, asked_by: Direction, action: str, payload: Any) -> Kind:
    judging = judge(version)
    assert judging is not None
    read = orjson.loads(orjson.dumps(payload))
    return Kind(
        f"{version} {action} answer",
        len(orjson.dumps(payload)),
        lambda: judging.result(asked_by, action, read),
        _bare(version, action + "Response", read),
    )


def _bare(version: str, name: str, payload: Any) -> Callable[[], object]:
    is_valid = jsonschema_rs.validator_for(official(STANDARDS[version], name)).is_valid
    return lambda: is_valid(payload)


def invalid() -> list[Kind]:
    """A flood of any of these must not stop the recorder."""
    good = {"value": "1", "unit": "Wh"}
    kinds = {
        "unknown action": ("Nothing", {}),
        "a member too many": ("Heartbeat", {"x": 1}),
        "one wrong of six samples": ("MeterValues", _report([good] * 5 + [{"value": 1}])),
        "an erratum in each of six samples": ("MeterValues", _report([{"value": "1", "unit": "C"}] * 6)),
        "a naive timestamp": ("MeterValues", _report([good] * 6, AT[:-1])),
        "1,000 numbers for objects": ("MeterValues", {"connectorId": 1, "meterValue": [1] * 1000}),
        "1,000 members too many": ("Heartbeat", {f"{n}": n for n in range(1000)}),
        "1,500 samples, the last wrong": ("MeterValues", _report([good] * 1500 + [{}])),
        "20,000 samples, two problems each": ("MeterValues", _report([{"value": 1, "unit": "C"}] * 20_000)),
        "20,000 samples, the last wrong": ("MeterValues", _report([good] * 20_000 + [{}])),
    }
    cp = Direction.FROM_CHARGE_POINT
    return [_named(name, action, payload, cp) for name, (action, payload) in kinds.items()]


def _named(name: str, action: str, payload: Any, sender: Direction) -> Kind:
    judging = judge(V16)
    assert judging is not None
    return Kind(name, len(orjson.dumps(payload)), lambda: judging.call(sender, action, payload, "1"))


def _report(samples: list[Any], at: str = AT) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": [{"timestamp": at, "sampledValue": samples}]}


def cost(work: Callable[[], object], seconds: float = 0.02, rounds: int = 9) -> float:
    """ns for one; best of `rounds` of about `seconds` each."""
    work()
    times = max(1, int(seconds / max(_once(work, 1) / 1e9, 1e-9)))
    return min(_once(work, times) for _ in range(rounds))


def _once(work: Callable[[], object], times: int) -> float:
    began = time.thread_time_ns()
    for _ in range(times):
        work()
    return (time.thread_time_ns() - began) / times


def main() -> int:
    print(f"yardstick (orjson reads a MeterValues of 750 bytes) {unit():.0f} ns\n")
    print(f"{'valid':42} {'bytes':>6} {'verdict ns':>10} {'bare ns':>8}")
    for version in (V16, V20):
        total = 0.0
        for traffic, (asked, answered) in usual(version).items():
            costs = [_show(asked), _show(answered)]
            total += SHARES.get(traffic, 0) / 100 * sum(costs) / 2
        state = "within" if total <= TARGET_NS else "OVER"
        print(f"{version} in the usual mix: {total:.0f} ns a message, {state} {TARGET_NS}\n")
    print(f"{'invalid':42} {'bytes':>8} {'verdict us':>10} {'ns/byte':>8}")
    for kind in invalid():
        nanoseconds = cost(kind.judged, 0.01, 5)
        print(f"{kind.name:42} {kind.size:>8} {nanoseconds / 1000:>10.1f} {nanoseconds / kind.size:>8.1f}")
    return 0


def _show(kind: Kind) -> float:
    assert kind.bare is not None
    assert kind.judged().verdict is Verdict.OK, kind.name
    ours = cost(kind.judged)
    print(f"{kind.name:42} {kind.size:>6} {ours:>10.0f} {cost(kind.bare):>8.0f}")
    return ours


if __name__ == "__main__":
    sys.exit(main())
