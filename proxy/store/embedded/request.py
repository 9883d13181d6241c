"""A request of the ClickHouse HTTP interface, as far as clickhouse-connect, Grafana and curl use it. No I/O.

The statement comes in the parameter `query`, in the body, or half and half; data of an INSERT follows in the
body. `param_<name>` are the statement's parameters; what is neither that nor known here is a setting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from proxy.store.parameters import quoted

DEFAULT_FORMAT: Final = "TabSeparated"
CONTENT_TYPES: Final = {
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "Arrow": "application/octet-stream",
    "ArrowStream": "application/octet-stream",
}
_NOT_SETTINGS: Final = """
    query database default_format session_id session_timeout session_check user password query_id compress
    decompress wait_end_of_query buffer_size role quota_key client_protocol_version
    send_progress_in_http_headers http_headers_progress_interval_ms enable_http_compression stacktrace
    cancel_http_readonly_queries_on_client_close http_make_head_request add_http_cors_header
"""
_INSERT: Final = re.compile(r"\s*INSERT\s", re.IGNORECASE)
_INSERT_HEAD: Final = re.compile(
    rb"\s*INSERT\s.*?\bFORMAT\s+\w+[ \t]*;?(?:\r?\n|\Z)", re.IGNORECASE | re.DOTALL
)
_FORMAT_AT_END: Final = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*\Z", re.IGNORECASE)
_SETTINGS_AT_END: Final = re.compile(r"\s+SETTINGS\s+(\w+\s*=.*)\Z", re.IGNORECASE | re.DOTALL)
_SETTING_NAME: Final = re.compile(r"\w+\Z", re.ASCII)
_LONGEST_HEAD: Final = 64 * 1024


class Insert(NamedTuple):
    """An INSERT whose data comes with the request; `sql` without its FORMAT clause."""

    sql: str
    format: str
    data: bytes


class Query(NamedTuple):
    """Any other statement; `format` is what the request asks for, a FORMAT clause in `sql` goes before it."""

    sql: str
    format: str


def settings_of(arguments: Mapping[str, str]) -> dict[str, str]:
    """The request's settings; ValueError for what cannot be a setting's name."""
    others = _NOT_SETTINGS.split()
    found = {
        name: value
        for name, value in arguments.items()
        if name not in others and not name.startswith("param_")
    }
    for name in found:
        if not _SETTING_NAME.match(name):
            raise ValueError(f"not a setting: {name!r}")
    return found


def params_of(arguments: Mapping[str, str]) -> dict[str, str]:
    """The statement's parameters."""
    return {
        name.removeprefix("param_"): value for name, value in arguments.items() if name.startswith("param_")
    }


def statement_of(arguments: Mapping[str, str], wanted: str | None, body: bytes) -> Insert | Query:
    """What the request asks for; `wanted` is the format named in its headers. ValueError: not text."""
    head = arguments.get("query", "")
    if not head and (match := _INSERT_HEAD.match(body[:_LONGEST_HEAD])):
        head, body = match[0].decode(), body[match.end() :]
    if _INSERT.match(head) and (match_format := _FORMAT_AT_END.search(head)):
        return Insert(head[: match_format.start()].rstrip(), match_format[1], body)
    text = body.decode()
    sql = f"{head}\n{text}" if head and text else head or text
    return Query(sql, arguments.get("default_format") or wanted or DEFAULT_FORMAT)


def split_format(query: Query) -> Query:
    """The writer's query with a FORMAT clause at its end taken out of the text."""
    match = _FORMAT_AT_END.search(query.sql)
    return Query(query.sql[: match.start()], match[1]) if match else query


def with_settings(sql: str, settings: Mapping[str, str]) -> str:
    """`sql` with `settings` appended; on a setting that it already names, the request's value wins."""
    if not settings:
        return sql
    pairs = ", ".join(f"{name} = {quoted(value)}" for name, value in settings.items())
    return f"{sql} SETTINGS {pairs}"


def split_settings(sql: str, settings: Mapping[str, str]) -> tuple[str, str]:
    """An INSERT's head, and the clause of its own settings and `settings`, or ''."""
    match = _SETTINGS_AT_END.search(sql)
    head = sql[: match.start()] if match else sql
    own = [match[1]] if match else []
    pairs = [*own, *(f"{name} = {quoted(value)}" for name, value in settings.items())]
    return head, f"SETTINGS {', '.join(pairs)}" if pairs else ""
