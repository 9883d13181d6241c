"""How long rows stay and on which disks: what the operator has said against what the store has. Pure: SQL and words.

What the operator does not name stays as the store has it: a command that was given no configuration must not shorten
what another one has set. Live rows of a table expire together with their partition; imported rows never do.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from proxy.store.deployment import Deployment
from proxy.store.parameters import quoted
from proxy.store.schema.ddl import on_cluster, sent, stored
from proxy.tables import EXPIRY, ROLLUPS, TABLES

FOR_EVER: Final = 20_000
"""Days. A DateTime ends in 2106: an expiry behind that would begin again in 1970 and take rows at once."""
KEEPING: Final = (*TABLES, *ROLLUPS)
_TTL: Final = re.compile(r"\bTTL (.*?)(?: SETTINGS .*)?\Z", re.DOTALL)
_DELETED: Final = re.compile(r"toIntervalDay\((\d+)\)|INTERVAL (\d+) DAY")
_MOVED: Final = re.compile(r"addDays\(.*?, (\d+)\) TO VOLUME '((?:[^'\\]|\\.)*)'")
_POLICY: Final = "default"
_MATERIALIZED: Final = "materialize_ttl_after_modify = 1"
"""Rows that are there follow the new rule too; in the background, by whole parts."""


class Kept(msgspec.Struct, frozen=True):
    """`days`: until live rows expire, 0 = never, None = by a rule that is not ours; `cold`: volume and days until rows
    move there; `policy`: the storage policy's name."""

    days: int | None = 0
    cold: tuple[str, int] | None = None
    policy: str = _POLICY


def as_made(table: str, deployment: Deployment) -> Kept:
    """What a table is when the migrations have made it."""
    return Kept(EXPIRY[table][1] if table in EXPIRY else 0, None, deployment.storage_policy or _POLICY)


def kept(engine_full: str, policy: str) -> Kept:
    """What the store says of a table (`system.tables`)."""
    ttl = _TTL.search(engine_full)
    if ttl is None:
        return Kept(0, None, policy)
    moved = _MOVED.search(ttl[1])
    deleted = _DELETED.search(ttl[1])
    days = int(deleted[1] or deleted[2]) if deleted else 0 if moved else None
    return Kept(days, (moved[2], int(moved[1])) if moved else None, policy)


def wanted(table: str, found: Kept, deployment: Deployment) -> Kept:
    """As the operator has said it; the rest as it is."""
    policy = deployment.storage_policy or found.policy
    if table not in EXPIRY:
        return Kept(found.days, found.cold, policy)
    days = deployment.keep_days.get(table, found.days)
    if days is not None and days > FOR_EVER:
        days = 0
    return Kept(days, _cold(days, deployment) if deployment.cold_volume else found.cold, policy)


def _cold(days: int | None, deployment: Deployment) -> tuple[str, int] | None:
    """Not for what expires before it could move."""
    if days and days <= deployment.cold_after_days:
        return None
    return deployment.cold_volume, deployment.cold_after_days


def says_anything(deployment: Deployment) -> bool:
    """Has the operator said anything about it? If not, the store need not be asked."""
    return bool(deployment.keep_days or deployment.cold_volume or deployment.storage_policy)


def changes(table: str, found: Kept, deployment: Deployment) -> list[str]:
    """The statements that make of what the store has what the operator has said: disks first, a rule names them."""
    asked = wanted(table, found, deployment)
    alter = f"ALTER TABLE {stored(table, deployment)}{on_cluster(deployment)}"
    made = []
    if asked.policy != found.policy:
        made.append(sent(f"{alter} MODIFY SETTING storage_policy = {quoted(asked.policy)}", deployment))
    if asked.days is not None and (asked.days, asked.cold) != (found.days, found.cold):
        rules = ",\n    ".join(_rules(table, asked.days, asked.cold))
        if rules:
            made.append(sent(f"{alter} MODIFY TTL {rules}", deployment, _MATERIALIZED))
        else:
            made.append(sent(f"{alter} REMOVE TTL", deployment))
    return made


def _rules(table: str, days: int, cold: tuple[str, int] | None) -> list[str]:
    """Only expiry is written with INTERVAL: `ocpptap uptime` reads from it since when the record is whole."""
    column = EXPIRY[table][0]
    rules = []
    if days and table in ROLLUPS:
        rules.append(f"{column} + INTERVAL {days} DAY")
    elif days:
        never = "toDateTime('2106-01-01 00:00:00', 'UTC')"
        rules.append(f"if(source = '', toDateTime({column}) + INTERVAL {days} DAY, {never})")
    if cold:
        rules.append(f"addDays(toDateTime({column}), {cold[1]}) TO VOLUME {quoted(cold[0])}")
    return rules
