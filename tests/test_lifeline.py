"""The child's end of its lifeline."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from proxy.lifeline import Lifeline


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, Lifeline]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(2)
    lifeline = Lifeline(theirs.detach())
    yield ours, lifeline
    ours.close()
    lifeline.close()


Ends = tuple[socket.socket, Lifeline]


def test_the_first_line_is_the_settings(line: Ends) -> None:
    supervisor, lifeline = line
    supervisor.sendall(b'{"a":1}\n{"order":"drain"}\n{"ord')
    assert lifeline.settings() == b'{"a":1}'
    assert lifeline.orders() == [b'{"order":"drain"}']
    assert lifeline.orders() == []
    supervisor.sendall(b'er":"stop"}\n')
    assert lifeline.orders() == [b'{"order":"stop"}']


def test_ready_and_beats_reach_the_supervisor(line: Ends) -> None:
    supervisor, lifeline = line
    lifeline.ready()
    lifeline.beat()
    assert supervisor.recv(10) == b"R."


def test_a_supervisor_that_does_not_read_stops_nobody(line: Ends) -> None:
    supervisor, lifeline = line
    for _ in range(100_000):
        lifeline.beat()
    supervisor.sendall(b'{"order":"drain"}\n')
    assert lifeline.orders() == [b'{"order":"drain"}']
    assert len(supervisor.recv(200_000)) < 100_000, "it had room for all of them"


def test_the_last_orders_come_before_the_end(line: Ends) -> None:
    supervisor, lifeline = line
    supervisor.sendall(b'{"order":"drain"}\n')
    supervisor.close()
    assert lifeline.orders() == [b'{"order":"drain"}']
    with pytest.raises(EOFError, match="gone"):
        lifeline.orders()


def test_a_death_with_beats_unread_is_an_end_too(line: Ends) -> None:
    supervisor, lifeline = line
    lifeline.beat()
    supervisor.close()
    lifeline.beat()
    with pytest.raises(EOFError):
        lifeline.orders()


def test_no_settings_no_life(line: Ends) -> None:
    supervisor, lifeline = line
    supervisor.sendall(b"half a li")
    supervisor.close()
    with pytest.raises(EOFError, match="before it sent the settings"):
        lifeline.settings()


def test_an_order_without_end_counts_as_the_end(line: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor, lifeline = line
    monkeypatch.setattr("proxy.lifeline.LINE_LIMIT", 100)
    supervisor.sendall(b"x" * 200)
    with pytest.raises(EOFError):
        lifeline.orders()


def test_it_keeps_its_descriptor(line: Ends) -> None:
    _, lifeline = line
    assert os.fstat(lifeline.fileno())
