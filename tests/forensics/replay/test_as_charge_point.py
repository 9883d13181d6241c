"""Recorded charge points against real servers."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import ServerConnection

from proxy.forensics.replay import manner as words
from proxy.forensics.replay.diff import Kind
from proxy.forensics.replay.outcome import Outcome
from proxy.forensics.replay.substitution import Wishes
from tests.forensics.replay.peers import kinds, play, table_csms
from tests.forensics.replay.talks import CP, CSMS, call, exchange, recording

BOOT = exchange(1, "BootNotification", {}, {"status": "Accepted"})
BEAT = exchange(2, "Heartbeat", {}, {"currentTime": "then"})
START = exchange(3, "StartTransaction", {}, {"transactionId": 7})
STOP = exchange(4, "StopTransaction", {"transactionId": 7})
ANSWERS: dict[str, Any] = {
    "BootNotification": {"status": "Accepted"},
    "Heartbeat": {"currentTime": "now"},
    "StartTransaction": {"transactionId": 70},
}


async def test_a_csms_that_answers_the_same_differs_in_nothing() -> None:
    async with table_csms(ANSWERS) as csms:
        outcome = await play([recording(*BOOT, *BEAT, *START, *STOP)], csms.url)
    assert (kinds(outcome), outcome.sent, outcome.compared) == ([], 4, 4)
    assert csms.heard[3] == call(4, "StopTransaction", {"transactionId": 70})


async def test_it_connects_with_the_recorded_path_and_subprotocol() -> None:
    told = recording(*BOOT, target="/x//CP%5F1?a=b", subprotocol="ocpp2.0.1")
    async with table_csms(ANSWERS) as csms:
        await play([told], f"{csms.url}/base")
    (request,) = csms.requests
    assert request.path == "/base/x//CP%5F1?a=b"
    assert request.headers["Sec-WebSocket-Protocol"] == "ocpp2.0.1"


async def test_it_sends_no_credentials_and_no_recorded_header() -> None:
    async with table_csms(ANSWERS) as csms:
        await play([recording(*BOOT)], csms.url)
    assert {name.lower() for name in csms.requests[0].headers} == {
        *("host", "upgrade", "connection", "user-agent"),
        *("sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol"),
    }


async def test_it_sends_what_it_is_told_to() -> None:
    async with table_csms(ANSWERS) as csms:
        await play([recording(*BOOT)], csms.url, headers=(("Authorization", "Basic x"), ("X-Tenant", "a")))
    assert (csms.requests[0].headers["Authorization"], csms.requests[0].headers["X-Tenant"]) == (
        "Basic x",
        "a",
    )


async def test_it_compresses_where_the_recorded_session_did() -> None:
    async with table_csms(ANSWERS) as csms:
        await play([recording(*BOOT, compressed=True)], csms.url)
    assert "permessage-deflate" in csms.requests[0].headers["Sec-WebSocket-Extensions"]


async def test_another_subprotocol_is_a_difference() -> None:
    async with table_csms(ANSWERS, select_subprotocol=lambda connection, offered: None) as csms:
        outcome = await play([recording(*BOOT)], csms.url)
    assert [found.new for found in outcome.differences] == ["no subprotocol"]


async def test_tls_is_checked_against_the_ca(tmp_path: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    async with table_csms(ANSWERS, ssl=context) as csms:
        assert (await play([recording(*BOOT)], csms.url, ca=str(tmp_path / "ca.pem"))).same
        refused = await play([recording(*BOOT)], csms.url)
    assert kinds(refused) == [("connection", "", "")]
    assert "certificate" in refused.differences[0].new


async def test_a_target_that_refuses_is_one_difference_a_session() -> None:
    async with table_csms() as csms:
        csms.refuse = 401
        outcome = await play([recording(*BOOT, *BEAT)], csms.url)
    assert [found.new for found in outcome.differences] == ["the target answered HTTP 401"]
    assert outcome.notes[words.NOT_SENT] == 2


async def test_redirections_are_not_followed() -> None:
    async with table_csms() as other, table_csms() as csms:
        csms.refuse, csms.elsewhere = 302, other.url
        outcome = await play([recording(*BOOT)], csms.url)
    assert [found.new for found in outcome.differences] == ["the target answered HTTP 302"]
    assert other.requests == []


async def test_nobody_there() -> None:
    async with table_csms() as csms:
        url = csms.url
    outcome = await play([recording(*BOOT)], url)
    assert kinds(outcome) == [("connection", "", "")]
    assert outcome.differences[0].new.startswith("could not connect")


async def test_a_target_that_hangs_up_is_called_again_and_the_session_goes_on() -> None:
    async with table_csms(ANSWERS) as csms:
        csms.close_after = 2
        outcome = await play([recording(*BOOT, *BEAT, *START, *STOP)], csms.url)
    assert [found.new for found in outcome.differences if found.kind == "connection"] == [
        "closed by the peer: 1011 'enough'"
    ]
    assert kinds(outcome)[1:] == [("missing answer", "Heartbeat", "")]
    assert [message[2] for message in csms.heard] == [
        "BootNotification",
        "Heartbeat",
        "StartTransaction",
        "StopTransaction",
    ]


async def test_a_target_that_keeps_hanging_up_is_given_up() -> None:
    async with table_csms({"A": None}) as csms:

        async def hangs_up(connection: ServerConnection, text: Any, asks: Any) -> None:
            csms.heard.append(text)
            await connection.close()

        csms.hear = hangs_up  # type: ignore[method-assign]
        outcome = await play([recording(*(one for n in range(9) for one in exchange(n, "A")))], csms.url)
    assert len(csms.heard) == 4
    assert outcome.kinds[Kind.CONNECTION] == 4
    assert outcome.notes[words.NOT_SENT] == 5


async def test_an_answer_that_does_not_come_is_a_difference_and_it_goes_on() -> None:
    async with table_csms(ANSWERS | {"Heartbeat": None}) as csms:
        outcome = await play([recording(*BOOT, *BEAT, *START)], csms.url, answer_seconds=0.2)
    assert kinds(outcome) == [("missing answer", "Heartbeat", "")]
    assert [message[2] for message in csms.heard][-1] == "StartTransaction"


async def test_what_the_csms_asks_is_answered_as_recorded() -> None:
    asked = [(CSMS, [2, "q", "Reset", {}]), (CP, [3, "q", {"status": "Rejected"}])]
    told = recording(*BOOT, *asked, *BEAT)
    async with table_csms(ANSWERS, asks=([2, "new", "Reset", {}], [2, "odd", "ClearCache", {}])) as csms:
        outcome = await play([told], csms.url, answer_seconds=2.0)
    assert [3, "new", {"status": "Rejected"}] in csms.heard
    assert [message[:3] for message in csms.heard if message[1] == "odd"] == [[4, "odd", "NotImplemented"]]
    assert kinds(outcome) == [("unexpected call", "ClearCache", "")]


async def test_traces_with_everything_wrong_are_replayed_as_far_as_they_can() -> None:
    told = recording(
        *BOOT,
        (CP, b'[2,"broken"'),
        (CP, [3, "nobody", {}]),
        (CP, call(8, "Lost")),
        *BEAT,
        (CP, [6, "s", "NotifyPeriodicEventStream", {}]),
        (CP, [7, "x"]),
        step=0.01,
    )
    async with table_csms(ANSWERS | {"Lost": None}) as csms:
        outcome = await play([told], csms.url)
    heard = [message if isinstance(message, str) else message[0] for message in csms.heard]
    assert heard == [2, '[2,"broken"', 2, 2, 6, 7]
    assert (kinds(outcome), outcome.left_out) == ([], {"answers to no call": 1})


async def test_sessions_of_a_charge_point_follow_each_other_and_share_what_was_learned() -> None:
    first = recording(*START, session="one")
    second = recording(*STOP, session="two", began=first.began + 1)
    async with table_csms(ANSWERS) as csms:
        outcome = await play([second, first], csms.url)
    assert [message[2] for message in csms.heard] == ["StartTransaction", "StopTransaction"]
    assert csms.heard[1][3] == {"transactionId": 70}
    assert (csms.most, len(csms.requests), outcome.charge_points, outcome.connections) == (1, 2, 1, 2)


async def test_300_sessions_at_once() -> None:
    told = [recording(*BOOT, *BEAT, *START, *STOP, charge_point=f"CP_{n}") for n in range(310)]
    released = asyncio.Event()

    async with table_csms(ANSWERS) as csms:
        hear = csms.hear

        async def together(connection: ServerConnection, text: Any, asks: Any) -> None:
            """Nobody is answered before 300 are there."""
            if csms.now == 300:
                released.set()
            await released.wait()
            await hear(connection, text, asks)

        csms.hear = together  # type: ignore[method-assign]
        outcome = await play(told, csms.url)
    assert (csms.most, outcome.compared, outcome.same) == (300, 310 * 4, True)


async def test_at_recorded_times() -> None:
    """0.1 s between messages, ten times as fast: the last of eight calls is due after 0.15 s, not before."""
    many = [one for n in range(8) for one in exchange(n, "A")]
    loop = asyncio.get_running_loop()
    async with table_csms() as csms:
        begin = loop.time()
        outcome = await play([recording(*many)], csms.url, speed=10.0)
    assert (outcome.same, loop.time() - begin >= 0.15) == (True, True)


async def test_cut_off_it_tells_what_it_has() -> None:
    outcome = Outcome()
    async with table_csms({"Never": None} | ANSWERS) as csms:
        task = asyncio.ensure_future(
            play([recording(*BOOT, *exchange(9, "Never"))], csms.url, outcome=outcome)
        )
        while len(csms.heard) < 2:  # noqa: ASYNC110 (a list is no event)
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (outcome.same, outcome.compared, outcome.sent) == (True, 1, 2)


async def test_fresh_message_ids_and_other_id_tags() -> None:
    told = recording(*exchange(1, "Authorize", {"idTag": "A"}))
    async with table_csms() as csms:
        outcome = await play([told], csms.url, new_id=lambda: "fresh", wishes=Wishes({"A": "B"}))
    assert (csms.heard, outcome.same) == ([[2, "fresh", "Authorize", {"idTag": "B"}]], True)


async def test_a_long_message_goes_through() -> None:
    payload = {"data": "x" * 2_000_000}
    async with table_csms({"DataTransfer": payload}, max_size=None) as csms:
        outcome = await play([recording(*exchange(1, "DataTransfer", payload, payload))], csms.url)
    assert (outcome.same, len(json.dumps(csms.heard[0])) > 2_000_000) == (True, True)
