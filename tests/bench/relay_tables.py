"""The tables of the relay's bench, out of figures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.bench.candidates import NAMES
from tests.bench.relay_figures import (
    REFERENCE,
    Figures,
    Spread,
    cpu_of_all,
    cpu_per_message,
    is_overloaded,
    of,
    user_per_message,
)
from tests.bench.relay_rounds import Round
from tests.bench.relay_scenarios import BASE, Kind, Scenario, Transport
from tests.bench.yardstick import moved
from tests.evidence import Cell, Table

NONE: Final = "-"
Row = list[Cell]


def tables(figures: Figures, scenarios: Sequence[Scenario], rounds: Sequence[Round]) -> list[Table]:
    """Those that have a row."""
    made = [
        *(
            _saturated(figures, scenario)
            for scenario in _of_kind(scenarios, Kind.CLOSED)
            if _is_base(scenario)
        ),
        *(_shapes(figures, scenarios, transport) for transport in Transport),
        *(_latency(figures, scenario) for scenario in _of_kind(scenarios, Kind.OPEN)),
        *(_commits(figures, scenario) for scenario in _of_kind(scenarios, Kind.OPEN)),
        *(_connections(figures, scenarios, transport) for transport in Transport),
        *(_one_core(figures, scenario) for scenario in _of_kind(scenarios, Kind.ONE_CORE)),
        _rounds(rounds),
    ]
    return [table for table in made if table.rows]


def _of_kind(scenarios: Sequence[Scenario], kind: Kind) -> list[Scenario]:
    return [scenario for scenario in scenarios if scenario.kind is kind]


def _is_base(scenario: Scenario) -> bool:
    return (scenario.connections, scenario.payload) == BASE


def _two(best: Spread | None, digits: int = 2) -> tuple[Cell, Cell]:
    return (NONE, NONE) if best is None else (round(best.best, digits), round(best.middle, digits))


def _ratio(figures: Figures, scenario: str, candidate: str) -> str:
    ratio = figures.ratio(scenario, candidate)
    return NONE if ratio is None else f"{ratio[0]:.2f} / {ratio[1]:.2f}"


# --- closed loop


def _saturated(figures: Figures, scenario: Scenario) -> Table:
    columns = (
        *("candidate", "runs", "us/msg best", "median", "user us", "x yardstick", "x nginx best / median"),
        *("round trips/s", "all processes us/msg", "lost"),
    )
    return Table(
        f"Closed loop, {_transport(scenario.transport)}, {scenario.connections} connections, {scenario.payload} bytes",
        columns,
        [_saturated_row(figures, scenario.name, name) for name in figures.candidates(scenario.name)],
        "x nginx: nginx's CPU time per message / this one's. *: never had 90 % of its core.",
    )


def _saturated_row(figures: Figures, scenario: str, name: str) -> Row:
    cpu = figures.cpu(scenario, name)
    user = figures.lowest(scenario, name, user_per_message)
    everybody = figures.lowest(scenario, name, cpu_of_all)
    speed = figures.highest(scenario, name, of("per_second"))
    assert cpu is not None
    assert user is not None
    assert everybody is not None
    assert speed is not None
    return [
        name,
        cpu.runs,
        f"{cpu.best:.2f}{cpu.mark}",
        f"{cpu.middle:.2f}",
        f"{user.middle:.2f}",
        f"{cpu.best * 1000 / figures.yardstick:.2f}" if figures.yardstick else NONE,
        _ratio(figures, scenario, name),
        int(speed.best),
        f"{everybody.best:.2f}",
        figures.lost(name),
    ]


def _shapes(figures: Figures, scenarios: Sequence[Scenario], transport: Transport) -> Table:
    """All combinations, for those that were measured in more than the base."""
    closed = [one for one in _of_kind(scenarios, Kind.CLOSED) if one.transport is transport]
    more = [one for one in closed if not _is_base(one)]
    names = [name for name in NAMES if any(figures.results(one.name, name) for one in more)]
    return Table(
        f"CPU us per message (x nginx), {_transport(transport)}, connections x payload bytes",
        ("candidate", *(f"{one.connections} x {one.payload}" for one in closed)),
        [[name, *(_shape(figures, one.name, name) for one in closed)] for name in names],
        "Best of the runs. *: never had 90 % of its core.",
    )


def _shape(figures: Figures, scenario: str, name: str) -> Cell:
    cpu, ratio = figures.cpu(scenario, name), figures.ratio(scenario, name)
    if cpu is None:
        return NONE
    return f"{cpu.best:.2f}{cpu.mark}" + (f" ({ratio[0]:.2f})" if ratio else "")


def _one_core(figures: Figures, scenario: Scenario) -> Table:
    rows: list[Row] = []
    for name in figures.candidates(scenario.name):
        speed = figures.highest(scenario.name, name, of("per_second"))
        cpu = figures.lowest(scenario.name, name, cpu_of_all)
        theirs = figures.highest(scenario.name, REFERENCE, of("per_second"))
        assert speed is not None
        assert cpu is not None
        ratio = f"{speed.best / theirs.best:.2f}" if theirs else NONE
        rows.append([name, int(speed.best), int(speed.middle), ratio, f"{cpu.best:.2f}", f"{cpu.middle:.2f}"])
    return Table(
        f"All on one core: load, upstream and proxy, {scenario.connections} connections, {scenario.payload} bytes",
        ("candidate", "round trips/s best", "median", "x nginx", "proxy's processes us/msg best", "median"),
        rows,
        "Of ocpptap recorder and store too, at their nice 10: what they do not get done is journalled and comes later.",
    )


def _transport(transport: Transport) -> str:
    return {Transport.PLAIN: "plain", Transport.TLS: "TLS at the front"}[transport]


# --- open loop


def _latency(figures: Figures, scenario: Scenario) -> Table:
    columns = (
        *("candidate", "p50 us best", "median", "p99 us best", "median", "p99.9 us best", "median"),
        *("p50 x nginx", "p99 x nginx", "us/msg best", "all processes us/msg"),
    )
    return Table(
        f"Latency at {scenario.rate} calls/s, {_transport(scenario.transport)}, {scenario.connections} connections, "
        f"{scenario.payload} bytes",
        columns,
        [_latency_row(figures, scenario.name, name) for name in figures.candidates(scenario.name)],
        "From the moment a call was due to its answer. x nginx: best to best; less is better.",
    )


def _latency_row(figures: Figures, scenario: str, name: str) -> Row:
    if all(map(is_overloaded, figures.results(scenario, name))):
        return [name, "overloaded", *[NONE] * 9]
    quantiles = [
        cell
        for quantile in ("p50_us", "p99_us", "p999_us")
        for cell in _two(figures.lowest(scenario, name, of(quantile)), 0)
    ]
    ratios: Row = [_times(figures, scenario, name, quantile) for quantile in ("p50_us", "p99_us")]
    cpu = figures.lowest(scenario, name, cpu_per_message)
    everybody = figures.lowest(scenario, name, cpu_of_all)
    return [name, *quantiles, *ratios, _two(cpu)[0], _two(everybody)[0]]


def _times(figures: Figures, scenario: str, name: str, quantile: str) -> str:
    ours = figures.lowest(scenario, name, of(quantile))
    theirs = figures.lowest(scenario, REFERENCE, of(quantile))
    return f"{ours.best / theirs.best:.2f}" if ours and theirs else NONE


def _commits(figures: Figures, scenario: Scenario) -> Table:
    found = [(name, figures.commits(scenario.name, name)) for name in figures.candidates(scenario.name)]
    return Table(
        f"Commits in the event loop at {2 * scenario.rate} messages/s, {_transport(scenario.transport)}, synced each "
        "100 ms",
        ("candidate", "commits", "p99 us <=", "p99.9 us <=", "longer than 250 us"),
        [
            [name, one.count, round(one.p99), round(one.p999), f"{one.over_250_us:.4%}"]
            for name, one in found
            if one is not None
        ],
        "All runs together, from the relay's own histogram: a quantile is known as its bucket's upper bound.",
    )


# --- connections


def _connections(figures: Figures, scenarios: Sequence[Scenario], transport: Transport) -> Table:
    mine = [one for one in scenarios if one.transport is transport and one.kind in (Kind.IDLE, Kind.CHURN)]
    idle = next((one.name for one in mine if one.kind is Kind.IDLE), "")
    churn = next((one.name for one in mine if one.kind is Kind.CHURN), "")
    names = [name for name in NAMES if figures.results(idle, name) or figures.results(churn, name)]
    return Table(
        f"Connections, {_transport(transport)}",
        (
            *(
                "candidate",
                "KiB per idle connection (PSS) best",
                "median",
                "RSS best",
                "accepts/s best",
                "median",
            ),
            *("x nginx", "CPU us per accept"),
        ),
        [[name, *_idle(figures, idle, name), *_churn(figures, churn, name)] for name in names],
        "User memory of the proxy's process, after one call each; kernel socket buffers are not in it. An accept is: "
        "connect, upgrade, one call, reset.",
    )


def _idle(figures: Figures, scenario: str, name: str) -> Row:
    pss = figures.lowest(scenario, name, of("pss_kib"))
    rss = figures.lowest(scenario, name, of("rss_kib"))
    return [*_two(pss, 1), _two(rss, 1)[0]]


def _churn(figures: Figures, scenario: str, name: str) -> Row:
    speed = figures.highest(scenario, name, of("per_second"))
    theirs = figures.highest(scenario, REFERENCE, of("per_second"))
    cpu = figures.lowest(scenario, name, of("proxy_us"))
    ratio = f"{speed.best / theirs.best:.2f}" if speed and theirs else NONE
    return [*_two(speed, 0), ratio, _two(cpu, 0)[0]]


def _rounds(rounds: Sequence[Round]) -> Table:
    return Table(
        "Rounds and the yardstick (`orjson.loads` of a 750-byte MeterValues)",
        ("round", "ns before", "ns after", "moved by", "seconds"),
        [
            [
                one.number + 1,
                round(one.before),
                round(one.after),
                f"{moved(one.before, one.after):.1%}",
                round(one.seconds),
            ]
            for one in rounds
        ],
    )
