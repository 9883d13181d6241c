"""What stands beside the tables: the figures to reach, what was not comparable, which programs ran."""

from __future__ import annotations

import re
import ssl
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.bench.candidates import ALL, which
from tests.bench.relay_figures import BUSY, REFERENCE, Figures, of
from tests.bench.relay_rounds import Round
from tests.bench.relay_scenarios import SLOW, Kind, Scenario
from tests.bench.relay_tables import NONE
from tests.bench.unit import MOST_MOVED
from tests.evidence import Cell, Table

OURS: Final = "ocpptap"
ALONE: Final = "ocpptap-relay"
_COMPARABLE: Final = (
    "Proxy on core 0; load, upstream and ocpptap's other processes (recorder, store, admin, supervisor: nice 10) on "
    "core 1. CPU is schedstat of all threads of the proxy's process; the kernel charges loopback's receive work to the "
    "sender. Writing back the journal's pages is the kernel's work and in nobody's figure.",
    "A message is one frame in one direction, a round trip two. Every answer's id is checked.",
    "nginx and HAProxy journal, record and parse nothing after the upgrade; HAProxy tcp does not even read that. "
    "HAProxy counts in both modes. bytepump reads nothing. websockets and mitmproxy end the protocol on both sides; "
    "mitmproxy keeps every message in memory.",
    "TLS: one P-256 (ECDSA) certificate for all, full handshakes; RSA would cost all of them more per accept. "
    "bytepump, websockets and mitmproxy were not measured with TLS.",
    "The load has one core: above some 100,000 round trips/s and in TLS accepts it is the limit, not the proxy. In "
    "closed loops ocpptap's recorder and store take up to a tenth of that core; in open loops load and upstream are "
    "real-time processes (where that is allowed), so that latency is the proxy's.",
    "In a closed loop ocpptap relays more than its recorder gets done with a share of a core; the journal holds the "
    "rest, so 'all processes' is less there than the whole costs. The open loops come before there is a backlog.",
)


def goals(figures: Figures) -> Table:
    """Issue 3's figures, where this run says something about them."""
    rows = [_goal(goal, goal.of(figures, OURS), goal.of(figures, ALONE)) for goal in GOALS]
    return Table(
        "Figures to reach, best to best",
        ("figure", "wanted", "ocpptap, everything on", "its relay alone", "reached"),
        [row for row in rows if row],
    )


@dataclass(frozen=True)
class Goal:
    """`of` gives None where this run does not know."""

    what: str
    wanted: str
    reached: Callable[[float], bool]
    of: Callable[[Figures, str], float | None]


def _goal(goal: Goal, ours: float | None, alone: float | None) -> list[Cell]:
    if ours is None and alone is None:
        return []
    shown = [NONE if one is None else f"{one:.2f}" for one in (ours, alone)]
    decides = alone if ours is None else ours
    return [goal.what, goal.wanted, *shown, "yes" if decides is not None and goal.reached(decides) else "NO"]


def _cpu(scenario: str, to: str) -> Callable[[Figures, str], float | None]:
    def ratio(figures: Figures, name: str) -> float | None:
        ours, theirs = figures.cpu(scenario, name), figures.cpu(scenario, to)
        return theirs.best / ours.best if ours and theirs else None

    return ratio


def _latency(scenario: str, quantile: str) -> Callable[[Figures, str], float | None]:
    def ratio(figures: Figures, name: str) -> float | None:
        ours, theirs = (figures.lowest(scenario, one, of(quantile)) for one in (name, REFERENCE))
        return ours.best / theirs.best if ours and theirs else None

    return ratio


def _accepts(figures: Figures, name: str) -> float | None:
    ours, theirs = (figures.highest("churn", one, of("per_second")) for one in (name, REFERENCE))
    return ours.best / theirs.best if ours and theirs else None


def _memory(figures: Figures, name: str) -> float | None:
    found = figures.lowest("idle", name, of("pss_kib"))
    return found.best if found else None


def _commit(figures: Figures, name: str) -> float | None:
    commits = figures.commits("open-10000", name)
    return commits.p999 if commits else None


GOALS: Final = (
    Goal(
        "CPU per message, nginx / ours, 200 x 200 (floor 0.70)",
        ">= 0.80",
        lambda found: found >= 0.80,
        _cpu("closed-200x200", REFERENCE),
    ),
    Goal("the same with TLS", ">= 0.85", lambda found: found >= 0.85, _cpu("tls-closed-200x200", REFERENCE)),
    Goal("mitmproxy / ours", ">= 25", lambda found: found >= 25, _cpu("closed-200x200", "mitmproxy")),
    Goal(
        "p50 at 2,000 calls/s, ours / nginx",
        "<= 1.15",
        lambda found: found <= 1.15,
        _latency("open-2000", "p50_us"),
    ),
    Goal(
        "p99 at 2,000 calls/s, ours / nginx",
        "<= 1.5",
        lambda found: found <= 1.5,
        _latency("open-2000", "p99_us"),
    ),
    Goal("commit p99.9 at 20,000 messages/s, us", "<= 300", lambda found: found <= 300, _commit),
    Goal("KiB per idle connection", "<= 6", lambda found: found <= 6, _memory),
    Goal("accepts/s, ours / nginx", ">= 0.5", lambda found: found >= 0.5, _accepts),
)


# --- notes


def notes(
    figures: Figures,
    scenarios: Sequence[Scenario],
    rounds: Sequence[Round],
    dropped: Sequence[Round],
    missing: Mapping[str, str],
) -> list[str]:
    names = dict.fromkeys(name for scenario in scenarios for name in scenario.candidates)
    said = [f"{one.name}: {one.says}" for one in ALL if one.name in names]
    return [
        *_about_rounds(rounds, dropped),
        f"{figures.runs} runs; wrong answers and lost connections: {sum(map(figures.lost, names))}.",
        *(f"LEFT OUT: {name}: {reason}." for name, reason in missing.items()),
        *(f"FAILED: round {one.number + 1}: {problem}" for one in rounds for problem in one.problems),
        f"*: only runs with less than {BUSY:.0%} of the core; where there are others, those are left out.",
        "Candidates: " + "; ".join(said) + ".",
        f"Only the main candidates in all six shapes; {' and '.join(SLOW)} in the base one.",
        *_COMPARABLE,
        *_ciphers(figures, scenarios),
    ]


def _about_rounds(rounds: Sequence[Round], dropped: Sequence[Round]) -> Iterable[str]:
    yield (
        f"{len(rounds)} rounds, {len(dropped)} dropped because the yardstick moved by more than {MOST_MOVED:.0%}: all "
        "candidates in each, order rotated."
    )
    if dropped and len(dropped) == len(rounds):
        yield "ALL ROUNDS WERE UNSTEADY and are shown all the same: compare nothing but ratios, and those warily."


def _ciphers(figures: Figures, scenarios: Sequence[Scenario]) -> list[str]:
    found = {
        f"{name} {result['tls']}"
        for scenario in scenarios
        for name in scenario.candidates
        for result in figures.results(scenario.name, name)
        if scenario.kind is Kind.CLOSED and result["tls"] != "none"
    }
    return [f"Negotiated: {', '.join(sorted(found))}."] if found else []


# --- versions


def versions(mitmproxy: str) -> dict[str, str]:
    found = {
        "nginx": _said([which("nginx"), "-v"]),
        "haproxy": _said([which("haproxy"), "-v"]),
        "openssl": ssl.OPENSSL_VERSION.split()[1],
        "mitmproxy": mitmproxy,
    }
    return {name: version for name, version in found.items() if version}


def _said(argv: Sequence[str]) -> str:
    """The first version number in what a program says about itself."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
    return found.group() if found else ""
