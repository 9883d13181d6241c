"""Where a ClickHouse server is: `clickhouse://user:password@host:9000,host2:9000/db?secure=1`, `https://host:8443/db`.

The scheme names the protocol (native TCP or HTTP), the options are a table; whatever is unknown is an error of one
line, and no error and no repr holds the password.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from proxy.store.interface import DATABASE, StoreError

NATIVE: Final = "clickhouse"
_PORTS: Final = {(NATIVE, False): 9000, (NATIVE, True): 9440, ("http", False): 8123, ("https", True): 8443}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SWITCH: Final = re.compile(r"[01]\Z")
_SECONDS: Final = re.compile(r"[1-9][0-9]{0,3}\Z")
_ESCAPE: Final = "a password's own / @ : ? % # are written %2F %40 %3A %3F %25 %23"
_TEXT: Final = re.compile(r".+\Z")


class _Option(NamedTuple):
    default: str
    pattern: re.Pattern[str]
    meaning: str


OPTIONS: Final = {
    "secure": _Option("", _SWITCH, "0 or 1: TLS (clickhouse:// only; https:// has it)"),
    "verify": _Option("1", _SWITCH, "0 or 1: check the server's certificate"),
    "ca_certs": _Option("", _TEXT, "a file of certificates to check it with"),
    "certificate": _Option("", _TEXT, "a file: our client certificate"),
    "key": _Option("", _TEXT, "a file: its private key"),
    "compression": _Option("lz4", re.compile(r"(lz4|none)\Z"), "lz4 or none"),
    "connect_timeout": _Option("5", _SECONDS, "seconds"),
    "timeout": _Option("30", _SECONDS, "seconds without a byte of an answer"),
    "insert_quorum": _Option(
        "", re.compile(r"(auto|[1-9][0-9]?)\Z"), "replicas that must have a batch: a number, or auto"
    ),
}


class Address(msgspec.Struct, frozen=True):
    """`hosts`: (name, port), the first one is tried first; more than one for clickhouse:// only."""

    scheme: str
    hosts: tuple[tuple[str, int], ...]
    user: str
    password: str
    database: str
    options: dict[str, str]

    @property
    def secure(self) -> bool:
        """Is the connection in TLS?"""
        return self.scheme == "https" or self.options["secure"] == "1"

    def number(self, option: str) -> int:
        """An option that is a number."""
        return int(self.options[option])

    def __repr__(self) -> str:
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"{self.scheme}://{self.user}@{hosts}/{self.database}"


def parse(url: str) -> Address:
    """The address that `url` names; a StoreError says what is wrong with it."""
    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in (NATIVE, "http", "https"):
        raise StoreError("--store is none of: embedded, clickhouse://host:9000/db, https://host:8443/db")
    authority, _, tail = rest.partition("/")
    if "?" in authority:
        authority, _, tail = rest.partition("?")
        tail = "?" + tail
    options = _options(scheme, tail)
    who, _, where = authority.rpartition("@")
    user, _, password = who.partition(":")
    database = unquote(tail.partition("?")[0]) or DATABASE
    if not _NAME.match(database):
        raise StoreError(f"--store: no database's name (letters, digits, _); {_ESCAPE}")
    hosts = tuple(_host(scheme, options["secure"] == "1", text) for text in where.split(","))
    if scheme != NATIVE and len(hosts) > 1:
        raise StoreError(
            f"--store: {scheme}:// takes one host (a load balancer's); clickhouse:// takes several"
        )
    return Address(scheme, hosts, unquote(user) or "default", unquote(password), database, options)


def _options(scheme: str, tail: str) -> dict[str, str]:
    found = {name: option.default for name, option in OPTIONS.items()}
    for name, value in parse_qsl(tail.partition("?")[2], keep_blank_values=True):
        if name not in OPTIONS:
            raise StoreError(f"--store: unknown option {name!r}: there are {', '.join(OPTIONS)}")
        if not OPTIONS[name].pattern.match(value):
            raise StoreError(f"--store: {name}={value!r} is not {OPTIONS[name].meaning}")
        found[name] = value
    if scheme != NATIVE and found["secure"]:
        raise StoreError(f"--store: secure is for clickhouse:// only, {scheme}:// says it itself")
    return found


def _host(scheme: str, secure: bool, text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        raise StoreError(f"--store: no host:port; {_ESCAPE}") from None  # perhaps half a password
    if not parts.hostname:
        raise StoreError("--store: no host: write clickhouse://host:9000/db or https://host:8443/db")
    return parts.hostname, port or _PORTS[scheme, secure or scheme == "https"]
