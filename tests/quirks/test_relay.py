"""Every quirk through a real relay: the bytes that leave are the bytes that came, and then the line still works.

One worker and one CSMS for all of them. What the relay may change of a request is its Host and two X-Forwarded headers
(DESIGN 3.2); of an answer, and of anything behind the heads, nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from proxy.names import Direction
from tests.quirks.every import QUIRKS, name
from tests.quirks.model import CP, CSMS, Dials, Ends, Line, Passes, Quirk, Refuses, Said, answers, calls, line
from tests.quirks.playing import wire_of
from tests.relay.world import Peer, Story, World, until

PIECE = 16_384
"""Sent and read in turn: more than the sockets hold would wait for its reader for ever."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("quirks"))
    yield made
    made.end()


class Lines:
    """The open lines of one quirk: (charge point, CSMS) each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.open: dict[int, dict[Direction, Peer]] = {}
        self.used: set[int] = set()
        self.left: list[bytes] = []
        self.came: list[bytes] = []
        self.streams: dict[Direction, bytes] = {CP: b"", CSMS: b""}

    def dial(self, number: int, one: Line) -> None:
        self.used.add(number)
        charge_point = self.world.call(one.request)
        if isinstance(one.relay, Refuses):
            self._refused(charge_point, one.relay)
            return
        csms = self.world.csms.request()
        assert csms.head == forwarded(one.request, self.world.csms.port)
        csms.send(one.response)
        assert charge_point.read(len(one.response)) == one.response
        if one.opens:
            self.open[number] = {CP: charge_point, CSMS: csms}
        else:
            assert charge_point.rest() == (b"", "fin")

    def _refused(self, charge_point: Peer, refused: Refuses) -> None:
        data, end = charge_point.rest()
        assert data.startswith(b"HTTP/1.1 %d " % refused.status)
        assert f"ocpptap: {refused.reason}: ".encode() in data
        assert end == "fin"
        assert self.world.csms.nobody_comes(0.02)

    def say(self, said: Said) -> None:
        here = self.open[said.on]
        data = wire_of(said)
        if said.on == 0:
            self.streams[said.who] += data
        for begin in range(0, len(data), PIECE):
            piece = data[begin : begin + PIECE]
            here[said.who].send(piece)
            came = here[said.who.other].read(len(piece))
            self.left.append(piece)
            self.came.append(came)
            assert came == piece  # at once: what is missing would be waited for behind it

    def end(self, end: Ends) -> None:
        here = self.open.pop(end.on)
        if end.how == "rst":
            here[end.who].rst()
        else:
            here[end.who].fin()
        assert here[end.who.other].rest() == (b"", end.how)
        for peer in here.values():
            peer.close()


def forwarded(head: bytes, port: int) -> bytes:
    """The head as the CSMS may get it."""
    host = head.replace(b"Host: proxy:9000\r\n", b"Host: localhost:%d\r\n" % port)
    return host[:-2] + b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n\r\n"


def passed(world: World, quirk: Quirk) -> Lines:
    """The quirk, and a Heartbeat behind it."""
    lines = Lines(world)
    for step in quirk.said:
        if isinstance(step, Said | Dials | Ends) and step.on not in lines.used:
            lines.dial(step.on, quirk.lines[step.on])
        if isinstance(step, Said):
            lines.say(step)
        elif isinstance(step, Ends):
            lines.end(step)
    for number, one in enumerate(quirk.lines):
        if number not in lines.used:
            lines.dial(number, one)
    if not lines.open:
        lines.dial(len(quirk.lines), line())
    on = max(lines.open)
    lines.say(calls(CP, "after", "Heartbeat", on=on))
    lines.say(answers(CSMS, "after", on=on))
    return lines


@pytest.mark.parametrize("quirk", QUIRKS, ids=name)
def test_what_leaves_is_what_came(world: World, quirk: Quirk) -> None:
    lines = passed(world, quirk)
    for peers in lines.open.values():
        for peer in peers.values():
            peer.close()
    assert lines.came == lines.left != []


ODD = [quirk for quirk in QUIRKS for one in quirk.lines if isinstance(one.relay, Passes) and one.relay.notes]
REFUSED = [quirk for quirk in QUIRKS for one in quirk.lines if isinstance(one.relay, Refuses)]


def newest(world: World, before: int) -> Story | None:
    """The story that began after so many others, once it has ended."""
    stories = list(world.proxy.stories().values())[before:]
    return stories[0] if stories and (stories[0].closed or stories[0].refused) else None


@pytest.mark.parametrize("quirk", ODD, ids=name)
def test_what_is_odd_about_a_handshake_is_in_the_journal(world: World, quirk: Quirk) -> None:
    (one,) = quirk.lines
    before = len(world.proxy.stories())
    lines = passed(world, quirk)
    lines.end(Ends(CP, "rst"))
    story = until(lambda: newest(world, before))
    assert isinstance(one.relay, Passes)
    assert story.opened.notes == one.relay.notes
    assert story.opened.target == one.request.split(b" ")[1]
    assert story.opened.charge_point == one.charge_point
    assert story.streams == lines.streams


@pytest.mark.parametrize("quirk", REFUSED, ids=name)
def test_why_a_handshake_was_refused_is_in_the_journal(world: World, quirk: Quirk) -> None:
    (one,) = quirk.lines
    before = len(world.proxy.stories())
    Lines(world).dial(0, one)
    (refused,) = until(lambda: newest(world, before)).refused
    assert (refused.refused_by, refused.status) == ("proxy", 400)
    assert isinstance(one.relay, Refuses)
    assert refused.reason == one.relay.reason
