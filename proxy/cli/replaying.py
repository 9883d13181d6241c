"""The sub-command that plays a recording again: as the charge point against another CSMS, or as the CSMS."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from proxy.cli.common import (
    ANSWER_IS_NO,
    READ,
    WRONG_USAGE,
    Failure,
    config_errors,
    effective_config,
    example,
    options,
    reading,
    value_errors,
)
from proxy.cli.progress import progress

if TYPE_CHECKING:
    from proxy.config import Config
    from proxy.forensics.replay.dialling import Target
    from proxy.forensics.replay.manner import Manner
    from proxy.forensics.replay.outcome import Outcome
    from proxy.forensics.replay.paths import Ignored
    from proxy.forensics.replay.recording import Recording
    from proxy.forensics.replay.report import Story
    from proxy.store.client import Store

AUTHORIZATION: Final = "OCPPTAP_REPLAY_AUTHORIZATION"
_STORE: Final = ("data", "store")
_TWICE: Final = 2


@click.command(
    epilog=example("ocpptap replay 3f2a --as charge-point --to ws://127.0.0.1:9100 --diff diff.html")
)
@click.argument("source", nargs=-1, metavar="[SESSION|FILE]...")
@click.option(
    "--as", "role", type=click.Choice(["charge-point", "csms"]), required=True, help="Who is played."
)
@click.option(
    "--to", metavar="URL", default="", help="The CSMS to play against; a path goes before the recorded."
)
@click.option("--listen", metavar="ADDR", default="", help="Where the charge point on the bench connects.")
@click.option(
    "--speed", metavar="1|N|max", default="", help="Recorded times x 1/N.  [default: as it is answered]"
)
@click.option("--follow", is_flag=True, help="Shadow what passes the running proxy.")
@click.option(
    "--charge-point", metavar="GLOB", default="", help="All its sessions; with --follow: only these."
)
@click.option("--since", metavar="T", default="", help="ISO 8601, UTC.")
@click.option("--until", metavar="T", default="", help="ISO 8601, UTC.")
@click.option(
    "--diff", metavar="FILE|-", multiple=True, help="The report, also .json or .html.  [default: -]"
)
@click.option(
    "--format", type=click.Choice(["text", "json", "html"]), help="[default: as FILE ends, else text]"
)
@click.option(
    "--ignore", metavar="PATH", multiple=True, help="Not compared: [ACTION:]$.a.b, or a member's name."
)
@click.option("--no-default-ignores", is_flag=True, help="Compare currentTime and transactionId too.")
@click.option("--map-id-tag", metavar="A=B", multiple=True, help="Say id tag B in place of A.")
@click.option("--shift-time", is_flag=True, help="Move the times in messages to now.")
@click.option("--fresh-ids", is_flag=True, help="New message ids.  [default: the recorded ones]")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), metavar="S", help="For an answer.  [default: 30]"
)
@click.option(
    "--authorization", metavar="VALUE", default="", envvar=AUTHORIZATION, help="Never sent otherwise."
)
@click.option("--header", metavar="'NAME: VALUE'", multiple=True, help="A header of the handshake.")
@click.option("--ca", metavar="FILE", default="", help="Certificates (PEM) to trust for wss://.")
@click.option(
    "--at-once", type=click.IntRange(1, 10_000), default=300, show_default=True, help="Charge points."
)
@click.option("--production", count=True, help="Given twice: also against the recorded CSMS itself.")
@options(*READ)
def replay(**words: Any) -> None:
    """Play sessions again and compare the answers. Exit 1 when something differs."""
    from proxy.forensics.replay import asked
    from proxy.forensics.replay.outcome import Outcome

    os.environ.pop(AUTHORIZATION, None)  # no setting of the configuration, and no child's business
    with value_errors():
        if what := asked.misfit(words):
            raise ValueError(what)
        _check_outputs(words["diff"])
    outcome = Outcome()
    play = _follow if words["follow"] else _BY_ROLE[words["role"]]
    story = play(words, outcome)
    _report(words, story, outcome)
    if not outcome.same:
        sys.exit(ANSWER_IS_NO)


# the three ways


def _as_charge_point(words: dict[str, Any], outcome: Outcome) -> Story:
    from proxy.forensics.replay import running

    target = _target(words)
    recordings, remarks, upstreams = _recordings(words)
    _spare_production(words, target, upstreams)
    manner = _manner(words, recordings)
    total = sum(
        said.direction is manner.mine and not said.is_answer
        for recording in recordings
        for said in recording.spoken
    )
    with progress(total) as seen:
        took = running.run(
            running.as_charge_point(
                recordings, target, manner, _ignored(words), outcome, seen, words["at_once"]
            )
        )
    return _story(words, words["to"], remarks, took)


def _as_csms(words: dict[str, Any], outcome: Outcome) -> Story:
    from proxy.forensics.replay import running

    with value_errors():
        address = _address(words["listen"])
    recordings, remarks, _ = _recordings(words)
    manner = _manner(words, recordings)
    ignored = _ignored(words)

    def ready(port: int) -> None:
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        click.echo(
            f"ready: listening on ws://{host}:{port}, {len(recordings)} sessions; Ctrl-C ends", err=True
        )

    with value_errors():
        took = running.run(running.as_csms(recordings, address, manner, ignored, outcome, ready))
    return _story(words, words["listen"], remarks, took)


def _follow(words: dict[str, Any], outcome: Outcome) -> Story:
    from proxy.forensics.replay import running
    from proxy.forensics.replay.feed import Feed
    from proxy.forensics.replay.follow import live

    target, wanted = _target(words), words["charge_point"] or "*"
    with _unreadable_is_2(), reading(words["config"], _flags(words)) as store:
        _spare_production(words, target, _upstreams(store))
        feed = Feed(store, wanted)
        manner, ignored = live(_manner(words, [])), _ignored(words)

        def ready() -> None:
            click.echo(f"following {wanted} to {words['to']}; Ctrl-C ends and reports", err=True)

        took = running.run(running.following(feed, target, manner, ignored, outcome, ready, words["at_once"]))
    return _story(words, words["to"], [], took)


_BY_ROLE: Final[dict[str, Callable[[dict[str, Any], Outcome], Story]]] = {
    "charge-point": _as_charge_point,
    "csms": _as_csms,
}


# what is played


def _recordings(words: dict[str, Any]) -> tuple[list[Recording], list[str], list[str]]:
    """The recordings, what the operator should know of them, and the CSMSs that they are from."""
    from proxy.forensics.replay.recording import Room
    from proxy.forensics.replay.sources import is_file

    room = Room()
    files = [word for word in words["source"] if is_file(word)]
    sessions = [word for word in words["source"] if not is_file(word)]
    recordings, remarks = _of_files(files, room) if files else ([], [])
    upstreams = [recording.upstream for recording in recordings]
    if sessions or words["charge_point"]:
        stored, known = _of_store(words, sessions, room)
        recordings, upstreams = [*recordings, *stored], [*upstreams, *known]
    if not any(recording.spoken for recording in recordings):
        raise Failure("nothing to replay: no OCPP message was recorded there", WRONG_USAGE)
    return recordings, remarks, upstreams


def _of_files(files: list[str], room: Any) -> tuple[list[Recording], list[str]]:
    from proxy.forensics.replay.sources import from_files

    with value_errors(), progress(sum(_size(name) for name in files)) as seen:
        loaded = from_files([Path(name) for name in files], room, seen)
    for line in loaded.told:
        click.echo(line, err=True)
    remarks = [f"{loaded.unreadable} lines of the files could not be read"] if loaded.unreadable else []
    return loaded.recordings, remarks


def _of_store(words: dict[str, Any], sessions: list[str], room: Any) -> tuple[list[Recording], list[str]]:
    from proxy.forensics.replay.sources import from_store, named, of_charge_points
    from proxy.forensics.show import Span

    span = Span(words["since"], words["until"])
    with _unreadable_is_2(), reading(words["config"], _flags(words)) as store, value_errors():
        heads = named(store, sessions) if sessions else of_charge_points(store, words["charge_point"], span)
        return from_store(store, heads, room, span), [*(head.upstream for head in heads), *_upstreams(store)]


@contextlib.contextmanager
def _unreadable_is_2() -> Iterator[None]:
    """1 says that something differs: a session that is not there, a store that gives no answer, is no such thing."""
    try:
        yield
    except Failure as error:
        raise Failure(error.message, WRONG_USAGE) from error


def _size(name: str) -> int:
    return Path(name).stat().st_size


def _flags(words: dict[str, Any]) -> dict[str, Any]:
    return {name: words[name] for name in _STORE}


# how


def _manner(words: dict[str, Any], recordings: Sequence[Recording]) -> Manner:
    import math
    import uuid

    from proxy.forensics.replay import asked
    from proxy.forensics.replay.manner import ANSWER_SECONDS, BREATH_SECONDS, Manner
    from proxy.forensics.replay.substitution import Wishes
    from proxy.names import Direction

    with value_errors():
        speed, tags = asked.speed(words["speed"]), asked.id_tags(words["map_id_tag"])
    is_csms = words["role"] == "csms"
    pace = 1.0 if is_csms else speed  # a charge point on the bench keeps its own time
    now = time.time_ns() // 1000
    shift = asked.shift(recordings, now, pace) if words["shift_time"] else None
    answer_seconds = words["timeout"] or ANSWER_SECONDS
    return Manner(
        mine=Direction.FROM_CSMS if is_csms else Direction.FROM_CHARGE_POINT,
        answer_seconds=answer_seconds,
        call_seconds=answer_seconds if words["timeout"] or not is_csms else math.inf,
        speed=speed,
        breath=0.0 if words["speed"] == asked.MAX else BREATH_SECONDS,
        new_id=(lambda: str(uuid.uuid4())) if words["fresh_ids"] else None,
        wishes=Wishes(tags, shift),
    )


def _ignored(words: dict[str, Any]) -> Ignored:
    from proxy.forensics.replay.diff import DEFAULT_IGNORED, ignoring

    default = () if words["no_default_ignores"] else DEFAULT_IGNORED
    with value_errors():
        return ignoring((*default, *words["ignore"]))


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"not an address: {listen!r} (host:port is wanted)")
    return host.strip("[]"), int(port)


def _target(words: dict[str, Any]) -> Target:
    from proxy.forensics.replay import asked
    from proxy.forensics.replay.dialling import target
    from proxy.heads.routes import parse_upstream

    with value_errors():
        try:
            upstream = parse_upstream(words["to"])
        except ValueError as error:
            raise ValueError(str(error).replace("the upstream URL", "--to")) from error
        try:
            return target(upstream, asked.headers(words["header"], words["authorization"]), words["ca"])
        except OSError as error:  # also what TLS says of a file that holds no certificate
            raise ValueError(f"--ca {words['ca']}: {error.strerror or error}") from error


# the production CSMS


def _upstreams(store: Store) -> list[str]:
    """Every CSMS that the store has recorded."""
    from proxy.forensics.find import rows

    found = rows(store, "SELECT DISTINCT upstream FROM all_connections WHERE upstream != '' LIMIT 10000")
    return [row["upstream"] for row in found]


def _spare_production(words: dict[str, Any], target: Target, recorded: list[str]) -> None:
    from proxy.forensics.replay.dialling import addresses
    from proxy.forensics.replay.production import production

    with config_errors():
        known = [*recorded, *_configured(effective_config(words["config"], _flags(words)))]
    found = production(target.upstream, known, addresses)
    if found and words["production"] < _TWICE:
        raise Failure(
            f"{found} is the CSMS that this was recorded from: a replay there books sessions and answers for real. "
            "If that is meant, say --production twice",
            WRONG_USAGE,
        )


def _configured(config: Config) -> list[str]:
    routes = [route.upstream for route in config.relay.routes]
    return [url for url in (config.relay.upstream, *routes) if url]


# the report


def _story(words: dict[str, Any], peer: str, remarks: list[str], seconds: float) -> Story:
    from proxy.forensics.replay.asked import AS_ANSWERED
    from proxy.forensics.replay.report import Story

    role = words["role"].replace("-", " ")
    ids = ["message ids: " + ("new ones" if words["fresh_ids"] else "the recorded ones")]
    speed = "live" if words["follow"] else words["speed"] or AS_ANSWERED
    return Story(role, peer, speed, (*remarks, *ids), seconds)


def _check_outputs(names: Sequence[str]) -> None:
    """Before anything is said: a report that has nowhere to go is found out then."""
    for name in names:
        if name != "-" and not Path(name).absolute().parent.is_dir():
            raise ValueError(f"--diff {name}: there is no such directory")
        if name != "-" and Path(name).is_dir():
            raise ValueError(f"--diff {name}: is a directory")


def _report(words: dict[str, Any], story: Story, outcome: Outcome) -> None:
    from proxy.forensics.replay.asked import report_format
    from proxy.forensics.replay.report import headline

    names = words["diff"] or ("-",)
    for name in names:
        text = _rendered(report_format(name, words["format"] or ""), story, outcome)
        if name == "-":
            click.echo(text.removesuffix("\n"))
        else:
            with value_errors():
                Path(name).write_text(text.removesuffix("\n") + "\n", "utf-8")
    if "-" not in names:
        click.echo(headline(story, outcome))


def _rendered(format: str, story: Story, outcome: Outcome) -> str:
    from proxy.forensics.replay import page, report

    return {"text": report.as_text, "json": report.as_json, "html": page.as_html}[format](story, outcome)
