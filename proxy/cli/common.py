"""What every sub-command shares: options, one-line errors, the configuration with the flags that were given."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from proxy.config import Config
    from proxy.store.client import Store

WRONG_USAGE: Final = 2
ANSWER_IS_NO: Final = 1
INTERRUPTED: Final = 130

Command = TypeVar("Command", bound=Callable[..., Any])

# option -> its place in the configuration
PLACES: Final[dict[str, tuple[str, ...]]] = {
    "upstream": ("relay", "upstream"),
    "listen": ("relay", "listen"),
    "workers": ("relay", "workers"),
    "drain_seconds": ("relay", "drain_seconds"),
    "tls_cert": ("relay", "tls", "certificate"),
    "tls_key": ("relay", "tls", "key"),
    "data": ("data",),
    "store": ("store", "url"),
    "store_port": ("store", "port"),
    "admin": ("admin", "listen"),
}

CONFIG: Final = click.option(
    "--config", metavar="FILE", envvar="OCPPTAP_CONFIG", help="TOML file with settings."
)
DATA: Final = click.option("--data", metavar="DIR", help="Data directory.  [default: ./ocpptap-data]")
STORE: Final = click.option(
    "--store", metavar="STORE", help="clickhouse://host:9000/db, https://host:8443/db.  [default: embedded]"
)
RUN: Final = (
    click.option(
        "--upstream",
        metavar="URL",
        help="The CSMS, ws:// or wss://; a path goes before the charge point's.",
    ),
    click.option("--listen", metavar="ADDR", help="Where charge points connect.  [default: 0.0.0.0:9000]"),
    DATA,
    STORE,
    click.option(
        "--store-port",
        type=int,
        metavar="N",
        help="The embedded store on this port of the loopback, to be asked.",
    ),
    click.option("--admin", metavar="ADDR", help="Metrics and health.  [default: 127.0.0.1:9180]"),
    click.option("--workers", type=int, metavar="N", help="Relay processes.  [default: 1]"),
    click.option("--tls-cert", metavar="FILE", help="Certificate (PEM): listen with TLS."),
    click.option("--tls-key", metavar="FILE", help="Its key (PEM)."),
    click.option("--drain-seconds", type=float, metavar="S", help="Spread the closes over.  [default: 10]"),
    CONFIG,
)
READ: Final = (DATA, STORE, CONFIG)
FORMAT: Final = click.option(
    "--format", type=click.Choice(["text", "json"]), default="text", show_default=True
)
SEED: Final = click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same traffic.")
FAULT: Final = click.option("--fault", multiple=True, metavar="NAME", help="May be given several times.")


class Failure(click.ClickException):
    """An error that is known: its line, its exit code."""

    def __init__(self, message: object, exit_code: int = ANSWER_IS_NO) -> None:
        super().__init__(str(message))
        self.code = exit_code


def options(*several: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(several):
            command = option(command)
        return command

    return add


def example(line: str) -> str:
    """The last words of a command's help."""
    return f"\b\nExample:\n  {line}"


def effective_config(config: str | None, flags: dict[str, Any]) -> Config:
    """The configuration with the flags that were given."""
    from proxy.config import load

    nested: dict[str, Any] = {}
    for name, value in flags.items():
        *sections, key = PLACES[name]
        place = nested
        for section in sections if value is not None else ():
            place = place.setdefault(section, {})
        if value is not None:
            place[key] = value
    return load(Path(config) if config else None, os.environ, nested)


@contextlib.contextmanager
def config_errors() -> Iterator[None]:
    from proxy.config import ConfigError

    try:
        yield
    except ConfigError as error:
        raise Failure(error, WRONG_USAGE) from error


@contextlib.contextmanager
def value_errors() -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        raise Failure(error, WRONG_USAGE) from error


@contextlib.contextmanager
def reading(config: str | None, flags: dict[str, Any]) -> Iterator[Store]:
    """The store, to be read; what goes wrong with it is one line."""
    from proxy.forensics.find import NotFound
    from proxy.store.client import EMBEDDED, Role, StoreError, connect

    with config_errors():
        effective = effective_config(config, flags)
    if effective.store.url == EMBEDDED and not Path(effective.data).is_dir():
        raise Failure(f"there is no data directory {effective.data}: name it with --data", WRONG_USAGE)
    try:
        with contextlib.closing(connect(effective.store, effective.data, Role.READER)) as store:
            yield store
    except (StoreError, NotFound) as error:
        raise Failure(error) from error


@contextlib.contextmanager
def writing(config: str | None, flags: dict[str, Any]) -> Iterator[Store]:
    """The store, to be written, with this version's tables; a data directory that is not there is made."""
    from proxy.forensics.find import NotFound
    from proxy.store.client import EMBEDDED, Role, StoreError, connect

    with config_errors():
        effective = effective_config(config, flags)
    if effective.store.url == EMBEDDED:
        with file_errors(str(effective.data)):
            Path(effective.data).mkdir(mode=0o700, exist_ok=True)
    try:
        with contextlib.closing(connect(effective.store, effective.data, Role.WRITER)) as store:
            store.migrate()
            yield store
    except (StoreError, NotFound) as error:
        raise Failure(error) from error


def key_of(config: str | None, flags: dict[str, Any]) -> bytes:
    """The data directory's, made if there is none yet."""
    from proxy.log import configure
    from proxy.recorder.key import KeyUnusable, load_key

    configure("ocpptap", level="warning")

    with config_errors():
        effective = effective_config(config, flags)
    try:
        return load_key(Path(effective.data) / "key")
    except KeyUnusable as error:
        raise Failure(error) from error


@contextlib.contextmanager
def file_errors(name: str) -> Iterator[None]:
    """What is wrong with a file is one line."""
    from proxy.forensics.export.material import NoFile

    try:
        yield
    except BrokenPipeError:
        raise  # whoever read our output has gone
    except NoFile as error:
        raise Failure(error, WRONG_USAGE) from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise Failure(f"{name}: {why}", WRONG_USAGE) from error
