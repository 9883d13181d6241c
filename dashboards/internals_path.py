"""The rows of the board "ocpptap internals" along the way of the bytes: relay, journal, recorder and store."""

from __future__ import annotations

from typing import Final

from dashboards.panels import BAD, FAIR, GOOD, NEUTRAL, POOR, Prom, Row, bars, heatmap, series, wide
from dashboards.promql import buckets, greatest, increase, least, quantile, rate, select, total

RELAY: Final = "ocpptap_relay_seconds"
LAG: Final = "ocpptap_loop_lag_seconds"
APPEND: Final = "ocpptap_journal_append_seconds"
INSERT: Final = "ocpptap_store_insert_seconds"
FREE: Final = "ocpptap_data_free_bytes"
AN_HOUR_OLD: Final = f"{select(FREE)} offset 1h"
"""A disk that is known for less is not foretold: the first minutes of a run write more than all others."""

_RELAY: Final = Row(
    "Relay: traffic",
    (
        series(
            "Delay added by ocpptap",
            "From reading a chunk to handing it to the kernel, the journal included. Runbook OcppTapRelaySlow.",
            "s",
            Prom(quantile(0.5, RELAY, "direction"), "p50 {{direction}}"),
            Prom(quantile(0.99, RELAY, "direction"), "p99 {{direction}}"),
            width=6,
            steps=((0, GOOD), (0.05, BAD)),
        ),
        heatmap(
            "Delay added, spread",
            "How many chunks took how long. A second band above 10 ms is a disk that stalls or a machine that is "
            "too busy.",
            "s",
            Prom(buckets(RELAY), "{{le}}"),
            width=6,
        ),
        series(
            "Event loop lag, p99",
            "By how much each relay worker is late for its own clock. All at once: the machine; one alone: its "
            "connections. Runbook OcppTapLoopLag.",
            "s",
            Prom(quantile(0.99, LAG, "worker"), "worker {{worker}}"),
            width=6,
            steps=((0, GOOD), (0.05, BAD)),
        ),
        series(
            "Bytes passed on",
            "Bytes a second after the heads, by who sent them. The journal must take all of them.",
            "Bps",
            Prom(rate("ocpptap_relayed_bytes_total", "direction"), "{{direction}}"),
            width=6,
        ),
    ),
)

_JOURNAL: Final = Row(
    "Journal: what is written before it is passed on",
    tuple(
        wide(panel, 6)
        for panel in (
            series(
                "Journal bytes",
                "Bytes a second appended. A little more than what is passed on; zero with traffic is trouble: see "
                "the gaps.",
                "Bps",
                Prom(rate("ocpptap_journal_bytes_total"), "appended"),
            ),
            series(
                "Time of an append",
                "What the journal adds to a message. Above 1 ms the disk is slow: do not put other work on it.",
                "s",
                Prom(quantile(0.5, APPEND), "p50"),
                Prom(quantile(0.99, APPEND), "p99"),
                steps=((0, GOOD), (0.01, BAD)),
            ),
            series(
                "Gaps",
                "Holes in the journal in each hour, and gaps recorded by kind: what was not seen. `state` and "
                "`unobserved` come with restarts; the others want a look. Runbook OcppTapRowsDropped.",
                "short",
                Prom(increase("ocpptap_journal_gaps_total", over="1h"), "journal stopped"),
                Prom(increase("ocpptap_gaps_total", "kind", over="1h"), "{{kind}}"),
                draw="bars",
                step="1h",
            ),
            series(
                "Bytes missing",
                "Bytes in each hour that passed and were not journalled, and bytes known to be missing from the "
                "record. Runbook OcppTapRowsDropped.",
                "bytes",
                Prom(increase("ocpptap_journal_gap_bytes_total", over="1h"), "not journalled"),
                Prom(increase("ocpptap_gap_bytes_total", "kind", over="1h"), "{{kind}}"),
                draw="bars",
                step="1h",
            ),
            series(
                "Workers whose journal takes bytes",
                "One for each relay worker. Fewer: that worker's disk is full or broken, and what it passes is not "
                "recorded.",
                "short",
                Prom(total("ocpptap_journal_writers"), "writers"),
            ),
            series(
                "Journal on disk",
                "Bytes of the journal's segments: what is not recorded yet, and what `retain_seconds` keeps. It "
                "goes up and down; only up means that the recorder does not keep pace: runbook OcppTapSpoolGrowing.",
                "bytes",
                Prom(total("ocpptap_journal_disk_bytes"), "journal"),
            ),
            series(
                "Disk",
                "Free bytes on the data directory's disk, where they are in three days if it goes on as in the "
                "last six hours, and its size. Runbook OcppTapSpoolGrowing.",
                "bytes",
                Prom(least(FREE), "free"),
                Prom(
                    f"clamp_min(min(predict_linear({select(FREE)}[6h], 3 * 86400) and {AN_HOUR_OLD}), 0)",
                    "free in three days",
                ),
                Prom(greatest("ocpptap_data_size_bytes"), "size"),
            ),
            bars(
                "Disk used",
                "Share of the data directory's disk, of each ocpptap. Above 90 % make room.",
                "percentunit",
                Prom(
                    f"1 - {select(FREE)} / {select('ocpptap_data_size_bytes')}", "{{instance}}", at="instant"
                ),
                steps=((0, GOOD), (0.8, FAIR), (0.9, BAD)),
            ),
        )
    ),
)

_RECORDER: Final = Row(
    "Recorder and store",
    tuple(
        wide(panel, 6)
        for panel in (
            series(
                "Recorder lag, bytes",
                "Journal bytes that are not recorded yet. It may climb in a storm and must fall again: runbook "
                "OcppTapSpoolGrowing.",
                "bytes",
                Prom(total("ocpptap_recorder_lag_bytes"), "behind"),
            ),
            series(
                "Recorder lag, time",
                "Age of the newest recorded moment, and time since the store last took rows. The second may stand "
                "high in a quiet night; both together: runbook OcppTapSinkStalled.",
                "s",
                Prom(greatest("ocpptap_recorder_lag_seconds"), "behind"),
                Prom(
                    f"time() - {greatest('ocpptap_store_last_success_timestamp_seconds')}",
                    "since the last success",
                ),
                steps=((0, GOOD), (300, BAD)),
            ),
            series(
                "Store up, safe mode",
                "Store up: 1 while it takes rows. Safe mode: 1 while only frames are recorded, after three deaths "
                "of the recorder: the log names the block that kills it. Runbook OcppTapSinkStalled.",
                "none",
                Prom(least("ocpptap_store_up"), "store up"),
                Prom(greatest("ocpptap_recorder_safe_mode"), "safe mode"),
                limits=(0, 1),
            ),
            series(
                "Rows that wait",
                "Rows made and not yet acknowledged by the store. A line that only climbs: the store is too slow "
                "or away.",
                "short",
                Prom(total("ocpptap_store_queue_rows"), "waiting"),
            ),
            series(
                "Rows by table",
                "Rows a second that the store acknowledged. `frames` leads; zero with traffic: runbook "
                "OcppTapSinkStalled.",
                "ops",
                Prom(rate("ocpptap_store_rows_total", "table"), "{{table}}"),
            ),
            series(
                "Time of an insert",
                "How long one insert took. Above 5 s batches pile up: the store's disk, or too many merges.",
                "s",
                Prom(quantile(0.5, INSERT), "p50"),
                Prom(quantile(0.99, INSERT), "p99"),
                steps=((0, GOOD), (5, BAD)),
            ),
            series(
                "Inserts that failed",
                "Inserts a minute that failed and were tried again. Nothing is lost by them; runbook "
                "OcppTapSinkStalled.",
                "short",
                Prom(f"60 * {rate('ocpptap_store_errors_total')}", "failed"),
            ),
            series(
                "Findings opened",
                "Findings opened in each hour by severity. A wall of them right after an upgrade is a new rule, "
                "not a new fault.",
                "short",
                Prom(increase("ocpptap_findings_total", "severity", over="1h"), "{{severity}}"),
                draw="bars",
                stack="normal",
                step="1h",
                colors={"critical": BAD, "warning": POOR, "info": NEUTRAL},
            ),
        )
    ),
)

_TABLES: Final = Row(
    "Store: by table",
    tuple(
        wide(panel, 8)
        for panel in (
            series(
                "Lag by table",
                "Age of the oldest rows in hand that wait for a table. All tables together: the store is away; one "
                "alone: it refuses its rows. Runbook OcppTapSinkStalled.",
                "s",
                Prom(greatest("ocpptap_store_table_lag_seconds", "table"), "{{table}}"),
                steps=((0, GOOD), (300, BAD)),
            ),
            series(
                "Last success by table",
                "Time since the store acknowledged rows of each table. Rare ones stand high for days; `frames` with "
                "traffic must not.",
                "s",
                Prom(
                    f"time() - {greatest('ocpptap_store_table_last_success_timestamp_seconds', 'table')}",
                    "{{table}}",
                ),
            ),
            series(
                "Rows in quarantine",
                "Rows in each hour that the store refused. They are kept in files beside the journal, and brought in "
                "by hand: runbook OcppTapRowsQuarantined.",
                "short",
                Prom(increase("ocpptap_quarantined_rows_total", "table", over="1h"), "{{table}}"),
                draw="bars",
                step="1h",
            ),
        )
    ),
)

PATH: Final = (_RELAY, _JOURNAL, _RECORDER, _TABLES)
