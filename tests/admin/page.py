"""docs/METRICS.md, made from the tables in proxy/metrics.py: `python -m tests.admin.page`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from proxy import metrics
from proxy.admin.exposition import EXEMPLAR_CHARACTERS
from proxy.admin.settings import AdminSettings
from proxy.metrics import Metric

PAGE: Final = Path(__file__).parents[2] / "docs" / "METRICS.md"
_DEFAULTS: Final = AdminSettings()
_HEAD: Final = f"""\
# Metrics

Made from `proxy/metrics.py` by `python -m tests.admin.page`, not by hand: that table decides, and dashboards and alerts
name nothing else. Units are base units (seconds, bytes); energy is in watt-hours, because that is what meters tell.

Two pages, on `admin.listen` (`{_DEFAULTS.listen}`; another address than the loopback's needs `admin.token`):

| page | for | formats | scrape |
|---|---|---|---|
| `/metrics` | the fleet and ocpptap itself; some 3,000 series, however many charge points there are | text 0.0.4, or \
OpenMetrics 1.0 where `Accept` prefers it | every 15 s |
| `/metrics/charge-points` | charge points one by one, those that `admin.charge_points` lets through | text 0.0.4 | \
every 60 s |

```yaml
scrape_configs:
  - job_name: ocpptap
    scrape_interval: 15s
    authorization: {{credentials_file: /etc/prometheus/ocpptap-token}} # when admin.token is set
    static_configs: [{{targets: ["127.0.0.1:9180"]}}]
  - job_name: ocpptap-charge-points
    scrape_interval: 60s
    metrics_path: /metrics/charge-points
    authorization: {{credentials_file: /etc/prometheus/ocpptap-token}}
    static_configs: [{{targets: ["127.0.0.1:9180"]}}]
```

A page always comes: what cannot be read (a file that is missing or broken, a disk that hangs, a process that has gone)
has no series, and everything else stands there. Prometheus asks for the page by an address or a name that `admin.hosts`
knows; the loopback's names are always known.
"""
_EXEMPLARS: Final = f"""\
## Exemplars

Buckets of `ocpptap_call_duration_seconds` carry the last call that fell into them, in OpenMetrics only (Prometheus:
`--enable-feature=exemplar-storage`): `connection_id` is that of the tables and of `ocpptap show`, `message_id` the
call's. An exemplar is at most {EXEMPLAR_CHARACTERS} characters; a message id that is too long is left out.

```text
ocpptap_call_duration_seconds_bucket{{action="Reset",direction="from_csms",le="0.5"}} 7.0 # \
{{connection_id="0123456789abcdef",message_id="1000001"}} 0.31 1800000000.0
```
"""
_CARDINALITY: Final = """\
## How many series

No label is an id, and no peer can make series up. Words of the standard are themselves, others are `other`. What no
standard lists (vendors, models, fault codes, the CSMS's addresses) is capped per metric; what comes above the cap
counts in a series whose labels are all `other`, and `ocpptap_label_overflow_total` says how often.

Measured (`python -m tests.bench.metrics`): with 40 actions in both directions, 200 kinds of fault, all rules and two
workers it is about 3,100 series. Should peers send every word of every version, some 12,000. Charge points one by one
are better asked of the store (`ocpptap query`, Grafana's ClickHouse panels); `/metrics/charge-points` is for those few
thousand on which somebody wants an alert.

Capped:

| metric | series |
|---|---|
"""
_RESTARTS: Final = """\
## What a restart does

No counter goes back when a process is killed, and nothing is counted twice:

- **A relay worker** counts in a memory-mapped file; its successor goes on in it. Its gauges begin at 0, as its
  connections do.
- **The recorder** counts in its checkpointed state and publishes once a second. After a kill it says nothing until it
  is past what the dead one had published; if the checkpoints are lost, what the journal no longer holds is added from
  the file. After 15 s without a word from it its gauges are gone, so that nothing looks idle and healthy that nobody
  sees; `ocpptap_recorder_lag_seconds` goes on growing. Whether it is up says `ocpptap_part_up{part="recorder"}`.
- **Admin** reads those files and asks the supervisor; what it counts itself
  (`ocpptap_metrics_series_dropped_total`) is in a file too.
- **A new run** (`ocpptap run` again, on the same data directory) goes on like that. Only
  `ocpptap_part_starts_total` begins anew, and a version with another table of metrics begins the relay's counters at 0:
  resets as `rate()` knows them.

The files are in `<data>/metrics`; to delete them while nothing runs sets everything to 0.
"""
_CHARGE_POINTS: Final = f"""\
## Charge points one by one

Off unless `admin.charge_points` names patterns (`"DE*"`) or sites (`"site:Hamburg"`, as in `[sites]`); 404 until then.
At most `admin.charge_point_limit` ({_DEFAULTS.charge_point_limit:,}) charge points, the first by name. Each scrape adds
those it leaves out to `ocpptap_metrics_series_dropped_total`, on `/metrics`. The recorder writes the page's figures
every 15 s; uptime is computed every `admin.uptime_seconds`.
"""
_STATUSES: Final = """\
`ocpptap_cp_connector_status` is the status told last, by its place in this list (it stays: new ones come behind):

| number | status |
|---|---|
"""
_WRITERS: Final[Mapping[str, tuple[str, Sequence[Metric]]]] = {
    "The relay": ("Counted by the relay workers, as it happens; workers are summed.", metrics.RELAY),
    "The recorder": (
        "Counted from the journal, seconds later; what it cannot read yet is `ocpptap_recorder_lag_seconds` behind.",
        metrics.RECORDER,
    ),
    "Admin": ("Looked up at each scrape; the uptime as it was computed last.", metrics.ADMIN),
}
LABELS: Final[Mapping[str, str]] = {
    "action": "the call's name, of all actions of OCPP 1.6, 2.0.1 and 2.1; `other`; empty for frames that are no call "
    "and no answer",
    "analyzer": "the analyzers of [ANALYZERS.md](ANALYZERS.md)",
    "charge_point": "its identity; on `/metrics/charge-points` only",
    "code": "@CLOSE_CODES",
    "connector": "`1`, or of 2.x EVSE and connector: `2.1`",
    "direction": "@DIRECTIONS",
    "error_code": "of a CALLERROR: the codes of all versions, `other`; of a fault: what the charge point said",
    "firmware": "as the charge point told it when it booted",
    "initiator": "@INITIATORS",
    "kind": "of energy and transactions `ac`, `dc`, `unknown`; of gaps the words of [TABLES.md](TABLES.md)",
    "listener": "@LISTENERS",
    "method": "@UPTIME_METHODS",
    "metric": "the metrics that are capped, see below",
    "model": "as the charge point told it when it booted",
    "ocpp_version": "@OCPP_VERSIONS",
    "outcome": "@TRANSACTION_OUTCOMES",
    "part": "`relay-0` …, `recorder`, `admin`; of memory and descriptors also `supervisor`, `store` (the embedded one)",
    "python": "the interpreter's version",
    "reason": "of a stop: the standard's words, `other`; of a failed handshake: see below",
    "revision": "`OCPPTAP_REVISION` of the environment",
    "role": "`listener` (shown to charge points), `upstream_client` (shown to the CSMS); of the file as it is: a "
    "renewed one is shown from the next SIGHUP on",
    "rule": "the rules of [ANALYZERS.md](ANALYZERS.md)",
    "security_profile": "@SECURITY_PROFILES",
    "severity": "`info`, `warning`, `critical`",
    "side": "`charge_point`, `csms`: the leg that failed",
    "site": "as in `[sites]`",
    "state": "@CHARGE_POINT_STATES",
    "status": "of connectors: the list below; of authorizations: the standard's words, `other`",
    "table": "the tables of [TABLES.md](TABLES.md)",
    "type": "`call`, `result`, `error`, `result_error`, `send`, `invalid` (no OCPP-J message), `fragment` (of a longer "
    "message), `ping`, `pong`, `close`",
    "upstream": "the CSMS's address",
    "vendor": "as the charge point told it when it booted",
    "version": "ocpptap's",
    "window": "@UPTIME_WINDOWS",
    "worker": "the relay worker's number",
}
"""What each label may say; `@NAME`: the words of that list in proxy/metrics.py."""


def page() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    for title, (about, table) in _WRITERS.items():
        yield f"## {title}\n\n{about}\n"
        yield from _table(table)
        yield ""
    yield "## Labels\n"
    yield "| label | says |"
    yield "|---|---|"
    yield from (f"| `{label}` | {_meaning(text)} |" for label, text in LABELS.items())
    yield ""
    yield from _reasons()
    yield _EXEMPLARS
    yield _CARDINALITY + "\n".join(_capped()) + "\n"
    yield _RESTARTS
    yield _CHARGE_POINTS
    yield from _table(metrics.CHARGE_POINTS)
    yield "\n" + _STATUSES + "\n".join(_statuses())


def _table(table: Sequence[Metric]) -> Iterator[str]:
    yield "| metric | type | labels | meaning |"
    yield "|---|---|---|---|"
    for metric in table:
        buckets = (
            f" Buckets: {', '.join(f'{limit:g}' for limit in metric.buckets)}." if metric.buckets else ""
        )
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        yield f"| `{metric.name}` | {metric.kind.value} | {labels} | {metric.help}{buckets} |"


def _meaning(text: str) -> str:
    words = getattr(metrics, text[1:]) if text.startswith("@") else ()
    return _words(words) if words else text


def _words(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _reasons() -> Iterator[str]:
    yield "Reasons of failed handshakes:\n"
    yield f"- side `charge_point`, the rule that refused its request: {_words(metrics.HEAD_REASONS)};"
    yield f"- side `charge_point`, else: {_words(metrics.CLIENT_REASONS)};"
    yield f"- side `csms`: {_words(metrics.UPSTREAM_REASONS)}.\n"


def _capped() -> Iterator[str]:
    return (f"| `{metric.name}` | {metric.most} |" for metric in metrics.TABLE if metric.most)


def _statuses() -> Iterator[str]:
    return (f"| {number} | {status} |" for number, status in enumerate(metrics.CONNECTOR_STATUSES))


if __name__ == "__main__":
    PAGE.write_text(page())
