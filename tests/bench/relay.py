"""`make bench-relay`: the relay beside nginx, HAProxy, mitmproxy and others, in one interleaved run.

    python -m tests.bench.relay [--quick] [--rounds N] [--minutes M] [--only NAME …] [--scenario NAME …] [--list]

Progress on stderr, tables on stdout; a full run is kept as docs/evidence/relay.json.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatch

from tests.bench import candidates, load, mitm, relay_notes
from tests.bench.relay_figures import Figures, steady
from tests.bench.relay_rounds import Round, bench, run_round
from tests.bench.relay_scenarios import QUICK, QUICK_SCENARIOS, Scenario, everything
from tests.bench.relay_tables import tables
from tests.bench.unit import show
from tests.evidence import keep

COMMAND = "make bench-relay"
TITLE = "Relay"


def chosen(only: Sequence[str], wanted: Sequence[str], missing: Sequence[str]) -> tuple[Scenario, ...]:
    """The scenarios that were asked for (globs; empty: all), each with the candidates that can run and were."""

    def runs(name: str) -> bool:
        return name not in missing and (not only or any(fnmatch(name, glob) for glob in only))

    picked = (s for s in everything() if not wanted or any(fnmatch(s.name, glob) for glob in wanted))
    left = (replace(s, candidates=tuple(filter(runs, s.candidates))) for s in picked)
    return tuple(scenario for scenario in left if scenario.candidates)


def left_out(only: Sequence[str]) -> dict[str, str]:
    """Candidates that cannot run here, and why. Those nobody asked for are not looked at."""
    asked = [one for one in candidates.ALL if not only or any(fnmatch(one.name, glob) for glob in only)]
    return {one.name: reason for one in asked if (reason := one.missing())}


def main() -> int:
    options = _options()
    only = options.only or (QUICK if options.quick else ())
    wanted = options.scenario or (QUICK_SCENARIOS if options.quick else ())
    try:
        load.build()
        missing = left_out(only)
        for reason in missing.values():
            print(f"left out: {reason}", file=sys.stderr)
        scenarios = chosen(only, wanted, tuple(missing))
        if options.list:
            print("\n".join(f"{one.name}: {' '.join(one.candidates)}" for one in scenarios))
            return 0
        rounds = _run(scenarios, options.rounds, 60 * options.minutes)
    except (load.CannotRun, subprocess.SubprocessError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _tell(scenarios, rounds, missing, partial=bool(only or wanted))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.relay", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="about a minute: the base shape, few candidates")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=11.5, help="begin no round that would end later")
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"of {', '.join(candidates.NAMES)}; globs")
    parser.add_argument("--scenario", nargs="+", metavar="NAME", help="globs; --list shows them")
    parser.add_argument("--list", action="store_true", help="say what would be measured")
    return parser.parse_args()


def _run(scenarios: Sequence[Scenario], rounds: int, seconds: float) -> list[Round]:
    """As many rounds as were asked for and fit into the time; at least one."""
    os.environ.update(candidates.BEATS)
    done: list[Round] = []
    with bench() as ground:
        while len(done) < rounds and (
            not done or sum(one.seconds for one in done) + done[-1].seconds < seconds
        ):
            done.append(run_round(ground, len(done), scenarios))
    return done


def _tell(
    scenarios: Sequence[Scenario], rounds: Sequence[Round], missing: dict[str, str], *, partial: bool
) -> None:
    kept, dropped = steady(rounds)
    figures = Figures(kept or rounds)
    made = [relay_notes.goals(figures), *tables(figures, scenarios, rounds)]
    notes = relay_notes.notes(figures, scenarios, rounds, dropped, missing)
    show(made, notes)
    if not partial:
        versions = relay_notes.versions(mitm.version())
        samples = [
            {"round": one.round, "scenario": one.scenario, "candidate": one.candidate, **one.result}
            for each in rounds
            for one in each.samples
        ]
        print(keep("relay", TITLE, COMMAND, made, notes, versions=versions, samples=samples), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
