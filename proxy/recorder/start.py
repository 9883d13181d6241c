"""How a recorder begins: what the store has, what the newest checkpoint knows, and what both have forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from proxy.heads.connection import Opened, Tls
from proxy.journal.items import Positions
from proxy.pipeline.connectors import Connectors
from proxy.pipeline.identity import Identity
from proxy.pipeline.ledger import Ledger, LedgerState
from proxy.pipeline.pipeline import Known, Pipeline, PipelineState
from proxy.pipeline.runner import Runner
from proxy.pipeline.tally import Tally
from proxy.pipeline.understanding import Understanding
from proxy.recorder.analysis import Watchdog, selection
from proxy.recorder.checkpoint import Checkpoint, Part, unpack
from proxy.recorder.recorder import (
    CONNECTORS_SCHEMA,
    LEDGER_SCHEMA,
    PIPELINE_SCHEMA,
    RUNNER_SCHEMA,
    TALLY_SCHEMA,
)
from proxy.recorder.settings import RecorderSettings
from proxy.store.client import Role, Store, StoreSettings, connect
from proxy.store.newest import newest_batch_sql
from proxy.tables import TABLES


class Stored(msgspec.Struct, frozen=True):
    """Of this journal's live rows: each table's newest batch, and the connections that are open."""

    batches: dict[str, int]
    open_connections: dict[str, Known]


def ask_store(settings: RecorderSettings, uuid: bytes) -> Stored:
    """Brings the schema up to date first. Raises StoreError."""
    where = msgspec.convert(settings.store, StoreSettings)
    store = connect(where, Path(settings.data), Role.WRITER)
    try:
        store.migrate()
        batches = {table: _newest_batch(store, table, uuid, where.cluster) for table in TABLES}
        return Stored(batches, _open_connections(store, uuid))
    finally:
        store.close()


def _newest_batch(store: Store, table: str, uuid: bytes, cluster: str) -> int:
    sql = newest_batch_sql(table, cluster)
    return int(store.query(sql, {"journal": uuid.hex()}, "TabSeparated").strip() or 0)


_OPEN: Final = """
SELECT connection_id, charge_point, toUnixTimestamp64Nano(toDateTime64(at, 9, 'UTC')) AS at, run, worker, upstream,
  upstream_address, remote_address, hex(target) AS target, hex(request_head) AS request_head,
  hex(response_head) AS response_head, tls_version, tls_cipher, tls_sni, tls_client_subject, upstream_tls_version,
  upstream_tls_cipher, upstream_tls_subject, dial_us, handshake_us, notes
FROM all_connections FINAL
WHERE source = '' AND journal = {journal:String} AND state = 'open'
LIMIT 1000000
"""


def _open_connections(store: Store, uuid: bytes) -> dict[str, Known]:
    """Who they are: for the case that the recorder forgets them (a lost checkpoint behind deleted segments)."""
    lines = store.query(_OPEN, {"journal": uuid.hex()}, "JSONEachRow").splitlines()
    rows = (orjson.loads(line) for line in lines if line)
    return {row["connection_id"]: _known(row, uuid) for row in rows}


def _known(row: dict[str, Any], uuid: bytes) -> Known:
    identity = Identity(
        uuid.hex(),
        row["connection_id"],
        row["charge_point"],
        int(row["at"]),
        row["run"],
        row["worker"],
        0,
        "",
    )
    tls = (row["tls_version"], row["tls_cipher"], row["tls_sni"], row["tls_client_subject"])
    upstream_tls = (row["upstream_tls_version"], row["upstream_tls_cipher"], "", row["upstream_tls_subject"])
    opened = Opened(
        charge_point=row["charge_point"],
        target=bytes.fromhex(row["target"]),
        remote_address=row["remote_address"],
        upstream=row["upstream"],
        upstream_address=row["upstream_address"],
        request_head=bytes.fromhex(row["request_head"]),
        response_head=bytes.fromhex(row["response_head"]),
        tls=Tls(*tls) if any(tls) else None,
        upstream_tls=Tls(*upstream_tls) if any(upstream_tls) else None,
        dial_us=int(row["dial_us"]),
        handshake_us=int(row["handshake_us"]),
        notes=tuple(row["notes"]),
    )
    return identity, opened


def usable(checkpoints: list[Checkpoint]) -> tuple[Checkpoint, Positions] | None:
    """The newest whose positions can be read."""
    for checkpoint in checkpoints:
        try:
            return checkpoint, msgspec.msgpack.decode(checkpoint.positions, type=Positions)
        except msgspec.MsgspecError:
            continue
    return None


def make_pipeline(
    uuid: bytes,
    settings: RecorderSettings,
    checkpoint: Checkpoint | None,
    stored: Stored,
    safe_mode_since: str,
    key: bytes,
) -> Pipeline:
    """As the checkpoint left it; what it does not know begins anew. `safe_mode_since`: '' = not in safe mode.

    `key`: of `<data>/key`.
    """
    parts = {} if checkpoint is None else checkpoint.parts
    state = unpack(parts.get("pipeline"), PIPELINE_SCHEMA, PipelineState)
    known = {} if state is None else parts  # the clock of what follows is the pipeline's
    runner = None if safe_mode_since else _runner(settings, known.get("runner"))
    accounts = unpack(known.get("ledger"), LEDGER_SCHEMA, LedgerState)
    pipeline = Pipeline(
        uuid,
        Understanding(runner, safe_mode_since),
        key=key,
        ledger=Ledger() if accounts is None else Ledger.restore(accounts),
        connectors=unpack(known.get("connectors"), CONNECTORS_SCHEMA, Connectors),
        tally=unpack(parts.get("tally"), TALLY_SCHEMA, Tally),
    )
    pipeline.forgotten = stored.open_connections
    if state is not None:
        pipeline.resume(state)
    return pipeline


def _runner(settings: RecorderSettings, memory: Part | None) -> Runner:
    wanted = selection(settings.analyzers, settings.sites)
    snapshot = memory.data if memory is not None and memory.schema == RUNNER_SCHEMA else b""
    analyzers, policies = wanted.analyzers, wanted.policies
    if snapshot:
        runner = Runner.restore(analyzers, snapshot, policies=policies)
    else:
        runner = Runner(analyzers, policies=policies)
    Watchdog(runner)
    return runner


def words(positions: Positions) -> str:
    """Where in the journal, for people; another place has other words, for findings are named by them."""
    lanes = ", ".join(
        f"worker {lane.worker} life {lane.life} segment {lane.segment}+{lane.offset}"
        for lane in positions.lanes
    )
    return f"run {positions.run} {lanes or 'its beginning'}"
