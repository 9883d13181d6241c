"""`python -m proxy.simulator csms|fleet`: the simulators as processes of their own. Wrong usage: exit 2."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from proxy.simulator import csms, fleet
from proxy.simulator.faults import CSMS_FAULTS, FAULTS, Fault
from proxy.simulator.session import VERSIONS


def _fault_help(faults: dict[str, type[Fault]]) -> str:
    return "repeatable; " + "; ".join(f"{name}: {fault.help}" for name, fault in faults.items())


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m proxy.simulator", description="Simulated OCPP peers.")
    parts = top.add_subparsers(dest="part", required=True)
    server = parts.add_parser("csms", help="a correct CSMS on one port")
    server.add_argument("--listen", default="127.0.0.1:9100", metavar="HOST:PORT")
    server.add_argument("--seed", type=int, default=0)
    server.add_argument("--heartbeat-seconds", type=int, default=5, help="the interval it gives")
    server.add_argument("--fault", action="append", default=[], metavar="NAME", help=_fault_help(CSMS_FAULTS))
    client = parts.add_parser("fleet", help="a number of charge points")
    client.add_argument(
        "--to", required=True, metavar="URL", help="the identity is added as the last segment"
    )
    client.add_argument("--charge-points", type=int, default=10)
    client.add_argument("--fault", action="append", default=[], metavar="NAME", help=_fault_help(FAULTS))
    client.add_argument("--seed", type=int, default=0)
    client.add_argument("--ocpp", choices=tuple(VERSIONS), help="default: the three in turn")
    client.add_argument("--minutes", type=float, help="default: until SIGTERM or SIGINT")
    client.add_argument("--speed", type=float, default=1.0, help="device seconds per second")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        if args.part == "csms":
            csms.run(args.listen, args.seed, args.heartbeat_seconds, tuple(args.fault))
        else:
            faults = tuple(args.fault)
            fleet.run(args.to, args.charge_points, faults, args.seed, args.ocpp, args.minutes, args.speed)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # the second one
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
