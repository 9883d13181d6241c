"""Every quirk through the real pipeline: verdicts, facts, transactions, and what follows is understood."""

from __future__ import annotations

import pytest

from proxy.heads.identity import charge_point_of
from proxy.heads.request import Rejection, end_of_head, parse_request
from proxy.heads.response import Response, mismatches, parse_response
from proxy.names import DIRECTIONS
from proxy.ocpp import facts
from tests.quirks.every import NO_TRAFFIC, NUMBERS, QUIRKS, name
from tests.quirks.model import (
    CP,
    CSMS,
    NOON,
    OK,
    Quirk,
    Refuses,
    Said,
    answers,
    calls,
    fact,
    line,
)
from tests.quirks.ordinary import BEATEN, BOOTED, beats, moment
from tests.quirks.playing import Player, as_expected, columns, played

EACH = pytest.mark.parametrize("quirk", QUIRKS, ids=name)


@EACH
def test_every_frame_has_its_verdict(quirk: Quirk) -> None:
    player = played(quirk)
    player.finish()
    for on, one in enumerate(quirk.lines):
        for who in DIRECTIONS if one.opens else ():
            said = [
                step for step in quirk.said if isinstance(step, Said) and (step.on, step.who) == (on, who)
            ]
            assert player.judged(on, who) == [judged for step in said for judged in step.judged]


@EACH
def test_what_is_broken_is_told_and_written_alike(quirk: Quirk) -> None:
    player = played(quirk)
    player.finish()
    for on, one in enumerate(quirk.lines):
        if one.opens:
            told, written = player.broken(on)
            assert told == written
            assert all(clause for *_, clause in told)


@EACH
def test_the_facts_come_out_and_no_other_statement(quirk: Quirk) -> None:
    heard = played(quirk).facts
    assert [type(one).__name__ for one in heard] == [one.kind.__name__ for one in quirk.facts]
    wrong = [as_expected(one, expected) for one, expected in zip(heard, quirk.facts, strict=True)]
    assert list(filter(None, wrong)) == []


@EACH
def test_the_ledger_knows_these_transactions_and_no_other(quirk: Quirk) -> None:
    player = played(quirk)
    player.finish()
    rows = player.transactions
    assert len(rows) == len(quirk.transactions), rows
    found = [columns(row, list(want)) for row, want in zip(rows, quirk.transactions, strict=True)]
    assert found == [dict(want) for want in quirk.transactions]


@EACH
def test_what_follows_is_decoded_joined_and_judged(quirk: Quirk) -> None:
    player = played(quirk)
    on = max(player.open, default=len(player.lines))
    if on == len(player.lines):  # the quirk has ended every line, or opened none
        player.lines.append(line())
    player.listening.heard.clear()
    known = bool(player.lines[on].speaks)
    player.step(calls(CP, "after", "Heartbeat", on=on))
    player.step(answers(CSMS, "after", {"currentTime": NOON}, on=on))
    player.finish()
    (answered,) = player.of(facts.CallAnswered)
    assert (answered.action, answered.message_id) == ("Heartbeat", "after")
    assert len(player.of(facts.HeartbeatSeen)) == known
    last = [row for row in player.result.frames if row["message_id"] == "after"]
    judged = player.lines[on].speaks not in ("", "2")  # either 2.x: no schema to judge by
    assert [row["verdict"] for row in last] == [int(judged)] * 2
    assert player.listening.counts.failures == {}


@EACH
def test_every_line_is_whose_it_is(quirk: Quirk) -> None:
    for one in quirk.lines:
        request = parse_request(one.request)
        if isinstance(one.relay, Refuses):
            assert isinstance(request, Rejection)
            assert (request.status, request.reason) == (one.relay.status, one.relay.reason)
            continue
        assert not isinstance(request, Rejection)
        assert charge_point_of(request.target) == one.charge_point
        response = parse_response(one.response[: end_of_head(one.response)])
        assert isinstance(response, Response)
        notes = (*request.notes, *response.notes, *mismatches(request.headers, response))
        assert notes == one.relay.notes


def test_every_quirk_has_a_fixture_or_a_reason() -> None:
    fixed = {quirk.number for quirk in QUIRKS}
    assert fixed | set(NO_TRAFFIC) == set(NUMBERS)
    assert not fixed & set(NO_TRAFFIC)


def test_no_two_fixtures_have_one_name() -> None:
    assert len({(quirk.number, quirk.title) for quirk in QUIRKS}) == len(QUIRKS)


def test_the_judge_of_all_fixtures_is_itself_judged() -> None:
    """A fixture that expects something else is found out."""
    player = Player([line()])
    for step in beats():
        player.step(step)
    player.finish()
    assert (player.judged(0, CP), player.judged(0, CSMS)) == ([OK], [OK])
    (heard,) = player.facts
    assert as_expected(heard, BEATEN) == ""
    assert as_expected(heard, BOOTED[0]) != ""
    assert as_expected(heard, fact(facts.HeartbeatSeen, told=moment(1))) != ""
