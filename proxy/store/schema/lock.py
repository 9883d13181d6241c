"""One migration at a time. ClickHouse has no locks, but only one CREATE TABLE of a name can succeed, on a cluster too.

The lock is a table `migration_lock` whose comment says who holds it. Whoever finds it waits, at most a minute. It is
taken over when its holder is a process of this machine that is gone, or when it is older than ten minutes: a
migration is harmless when it runs twice, so the moment between a look and a takeover costs nothing.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from proxy.store.deployment import Deployment
from proxy.store.interface import Store, StoreError
from proxy.store.parameters import quoted
from proxy.store.schema.ddl import on_cluster, sent

LOCK: Final = "migration_lock"
POLL_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 60.0
STALE_SECONDS: Final = 600
_ALREADY_EXISTS: Final = 57
_CLOCKS_DIFFER_SECONDS: Final = 2
"""A process's beginning is known by the second, the machine's too."""
Pause = Callable[[float], None]


class Holder(NamedTuple):
    """Who has the lock ("host pid time"), and for how long by the server's clock."""

    name: str
    seconds: int


@contextlib.contextmanager
def held(store: Store, deployment: Deployment, pause: Pause) -> Iterator[None]:
    """The lock, while the block runs; `pause` sleeps seconds. StoreError: somebody else had it for a minute."""
    name = _our_name()
    _take(store, deployment, name, pause)
    try:
        yield
    finally:
        _release(store, deployment, name)


def _our_name() -> str:
    now = datetime.datetime.now(datetime.UTC)
    return f"{socket.gethostname()} {os.getpid()} {now:%Y-%m-%dT%H:%M:%S.%fZ}"


def _take(store: Store, deployment: Deployment, name: str, pause: Pause) -> None:
    for _ in range(int(LONGEST_WAIT_SECONDS / POLL_SECONDS)):
        if _made(store, deployment, name):
            return
        other = holder(store, deployment)
        if other is not None and (other.seconds > STALE_SECONDS or _gone(other.name)):
            _drop(store, deployment)
        elif other is not None:
            pause(POLL_SECONDS)
    other = holder(store, deployment)
    raise StoreError(_refusal(deployment, other.name if other else "somebody else"))


def _refusal(deployment: Deployment, name: str) -> str:
    who, _, since = name.rpartition(" ")
    words = f"{' pid '.join(who.split())} since {since}" if who else name
    drop = f"DROP TABLE {deployment.database}.{LOCK}{on_cluster(deployment)}"
    return f"the store is being migrated by {words}: wait, or `{drop}` if that process is gone"


def _made(store: Store, deployment: Deployment, name: str) -> bool:
    """Not IF NOT EXISTS: it must fail where the table is there."""
    table = f"CREATE TABLE {LOCK}{on_cluster(deployment)} (nothing UInt8) ENGINE = Memory"
    try:
        store.query(sent(f"{table} COMMENT {quoted(name)}", deployment))
    except StoreError as error:
        if error.code == _ALREADY_EXISTS:
            return False
        _release(store, deployment, name)  # on a cluster some nodes may have made it
        raise
    return True


def holder(store: Store, deployment: Deployment) -> Holder | None:
    """Who has the lock; None: nobody."""
    found = store.query(
        "SELECT dateDiff('second', metadata_modification_time, now()), comment FROM system.tables "
        f"WHERE database = {quoted(deployment.database)} AND name = '{LOCK}'",
        format="TSV",
    )
    seconds, _, name = found.decode("utf-8", "replace").strip().partition("\t")
    return Holder(name, int(seconds)) if seconds else None


def _release(store: Store, deployment: Deployment, name: str) -> None:
    """Ours only. What goes wrong is not told: it would hide why the migration failed, and the lock grows old."""
    with contextlib.suppress(StoreError):
        other = holder(store, deployment)
        if other is not None and other.name == name:
            _drop(store, deployment)


def _drop(store: Store, deployment: Deployment) -> None:
    store.query(sent(f"DROP TABLE IF EXISTS {LOCK}{on_cluster(deployment)}", deployment))


def _gone(name: str) -> bool:
    """Was it a process of this machine that is no more? A younger one with its number is another."""
    host, _, rest = name.partition(" ")
    process, _, since = rest.partition(" ")
    if host != socket.gethostname() or not process.isdigit():
        return False
    try:
        took = datetime.datetime.fromisoformat(since).timestamp()
        return _began(int(process)) > took + _CLOCKS_DIFFER_SECONDS
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False


def _began(process: int) -> float:
    """When a process began (Unix seconds, rounded down). FileNotFoundError: there is none."""
    stat = Path(f"/proc/{process}/stat").read_text("ascii", "replace")
    ticks = int(stat.rpartition(")")[2].split()[19])
    boot = next(
        line for line in Path("/proc/stat").read_text("ascii").splitlines() if line.startswith("btime")
    )
    return int(boot.split()[1]) + ticks // os.sysconf("SC_CLK_TCK")
