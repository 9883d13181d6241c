"""The sub-command that brings the store's schema and retention up to date, or says what that would take."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from proxy.cli.common import READ, WRONG_USAGE, Failure, config_errors, effective_config, example, options

if TYPE_CHECKING:
    from proxy.config import Config
    from proxy.store.deployment import Deployment
    from proxy.store.schema.migrations import Upgrade


@click.command(epilog=example("ocpptap migrate --dry-run --store clickhouse://db1:9000/ocpptap"))
@click.option("--dry-run", is_flag=True, help="Print the SQL; change nothing.")
@options(*READ)
def migrate(dry_run: bool, config: str | None, **flags: Any) -> None:
    """Bring the store's tables and retention up to this version and its configuration."""
    with config_errors():
        effective = effective_config(config, flags)
    if dry_run:
        _print_plan(effective)
    else:
        print(_told(_migrated(effective)))


def _deployment(config: Config) -> Deployment:
    """As `connect` sees it. StoreError: the address is none."""
    from proxy.store.address import parse
    from proxy.store.client import EMBEDDED
    from proxy.store.deployment import deployment

    if config.store.url == EMBEDDED:
        return deployment(config.store)
    return deployment(config.store, parse(config.store.url).database)


def _print_plan(config: Config) -> None:
    """A store that is not there yet is not made for it."""
    from proxy.store.client import EMBEDDED, Role, StoreError, connect
    from proxy.store.schema.migrations import plan

    try:
        if config.store.url == EMBEDDED and not Path(config.data).is_dir():
            todo = plan(None, _deployment(config))
        else:
            with contextlib.closing(connect(config.store, config.data, Role.READER)) as store:
                todo = plan(store, _deployment(config))
    except StoreError as error:
        raise Failure(error) from error
    for statement in todo:
        print(f"{statement};\n")
    if not todo:
        print(f"-- nothing to do: schema is number {_newest()}")


def _migrated(config: Config) -> Upgrade:
    from proxy.store.client import EMBEDDED, Role, StoreError, connect
    from proxy.store.schema.migrations import upgrade

    if config.store.url == EMBEDDED:
        try:
            Path(config.data).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Failure(f"{config.data}: {error.strerror or error}", WRONG_USAGE) from error
    try:
        with contextlib.closing(connect(config.store, config.data, Role.WRITER)) as store:
            return upgrade(store, _deployment(config))
    except StoreError as error:
        raise Failure(error) from error


def _told(done: Upgrade) -> str:
    names = [f"{migration.number:04}_{migration.name}" for migration in done.applied]
    if done.retention:
        names.append(f"retention ({len(done.retention)} changes)")
    what = f"applied {' '.join(names)};" if names else "nothing to do:"
    return f"{what} schema is number {_newest()}"


def _newest() -> int:
    from proxy.store.schema.migrations import all_migrations

    return all_migrations()[-1].number
