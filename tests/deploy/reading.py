"""What stands in deploy/, as data; and what the code says about the same things."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from proxy.config import NOT_SETTINGS, Config, load, setting_names
from proxy.plan import Taken, make_plan

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
_SUBSTITUTED = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
GIVEN = {
    "OCPPTAP_UPSTREAM": "wss://csms.example/ocpp",
    "OCPPTAP_ADMIN_TOKEN": "word",
    "GRAFANA_PASSWORD": "word",
    "CLICKHOUSE_PASSWORD": "0123abcd",
    "CLICKHOUSE_GRAFANA_PASSWORD": "4567cdef",
}
"""A user's .env."""


def parsed(name: str) -> dict[str, Any]:
    """A YAML file of deploy/."""
    found = yaml.safe_load((DEPLOY / name).read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def substituted(text: str) -> str:
    """As compose fills it in; a variable that must be given and is not is an error."""

    def value(found: re.Match[str]) -> str:
        name, kind, default = found.groups()
        assert name in GIVEN or kind == "-", f"{name} is asked for, and no .env gives it"
        return GIVEN.get(name, default or "")

    return _SUBSTITUTED.sub(value, text)


def variables() -> dict[str, str]:
    """Of the environment: each setting's, and those that are no settings."""
    names = {f"OCPPTAP_{name.upper().replace('.', '__')}": name for name in setting_names()}
    return names | {name: "" for name in NOT_SETTINGS}


def configured(environment: Mapping[str, str]) -> Config:
    ours = {name: value for name, value in environment.items() if name.startswith("OCPPTAP_")}
    return load(None, ours, {})


def drain_seconds(config: Config) -> float:
    """So long a stop takes at most: part after part, the processes of one part at once (proxy/supervisor)."""
    taken = Taken(Path("/data"), 1, 3, ((4, "a"),) * config.relay.workers, (5, "b"), 1000, 100)
    children = make_plan(config, taken, ()).children
    parts = groupby(children, key=lambda child: child.part)
    return sum(max(child.drain_limit_seconds for child in several) for _, several in parts)
