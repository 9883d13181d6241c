"""The fault proxy does what it says: what the client sees, what the server got, and nothing stays behind."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.store.fault_proxy import EXCEPTION, Dial, Fault, FaultProxy, random_faults

BODY = bytes(range(256)) * 40


class Server(ThreadingHTTPServer):
    """Answers a body with its length, three times over."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[bytes] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        if self.headers["Transfer-Encoding"]:
            body = b"".join(self.chunks())
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(body)
        answer = b"%d" % len(body) * 3
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            answer = b"%x\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (len(answer), answer)
        else:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()  # no length: until the end
        self.wfile.write(b"got")
        self.close_connection = True

    def chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size + 2)[:-2]
        self.rfile.readline()

    def log_message(self, *_: Any) -> None:
        """Silent."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def to(server: Server) -> Dial:
    return lambda: socket.create_connection(("127.0.0.1", server.server_address[1]))


def ask(port: int, path: str = "/", body: Any = BODY, timeout: float = 5) -> tuple[int, bytes]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()


WHOLE = (200, b"10240" * 3)


@pytest.mark.parametrize(
    ("fault", "sees", "got"),
    [
        (Fault.NONE, WHOLE, 1),
        (Fault.SLOW, WHOLE, 1),
        (Fault.ANSWER_LOST, http.client.RemoteDisconnected, 1),
        (Fault.ERROR_500, 500, 0),
        (Fault.ERROR_503_AFTER_COMMIT, 503, 1),
        (Fault.HANG, TimeoutError, 0),
        (Fault.CUT_REQUEST, http.client.RemoteDisconnected, 0),
        (Fault.CUT_ANSWER, http.client.IncompleteRead, 1),
        (Fault.EXCEPTION_IN_200, (200, EXCEPTION), 0),
        (Fault.EXCEPTION_IN_200_AFTER_COMMIT, (200, EXCEPTION), 1),
        (Fault.REFUSED, ConnectionError, 0),
    ],
)
def test_a_fault_hits_one_request(server: Server, fault: Fault, sees: Any, got: int) -> None:
    with FaultProxy(to(server), [fault]) as proxy:
        if isinstance(sees, type):
            with pytest.raises(sees):
                ask(proxy.port, timeout=0.3)
        else:
            found = ask(proxy.port)
            assert sees in (found, found[0])
        assert [one for one in server.got if len(one) == len(BODY)] == [BODY] * got
        assert ask(proxy.port) == WHOLE
        assert proxy.done == {fault: 1} | {Fault.NONE: 1 + (fault is Fault.NONE)}


def test_one_connection_carries_many_requests(server: Server) -> None:
    with FaultProxy(to(server), [Fault.NONE, Fault.ERROR_500]) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port)
        statuses = []
        for _ in range(3):
            connection.request("POST", "/", BODY)
            answer = connection.getresponse()
            statuses.append((answer.status, len(answer.read())))
            assert proxy.connections == 2
        assert [status for status, _ in statuses] == [200, 500, 200]
        connection.close()


def test_chunked_both_ways(server: Server) -> None:
    with FaultProxy(to(server), [Fault.SLOW]) as proxy:
        assert ask(proxy.port, "/chunked", iter([b"ab", b"c" * 5000])) == (200, b"5002" * 3)
        assert server.got == [b"ab" + b"c" * 5000]


def test_requests_without_a_body_and_those_not_meant_are_left_alone(server: Server) -> None:
    with FaultProxy(to(server), itertools.repeat(Fault.ERROR_500), only=b"token") as proxy:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", proxy.port)) as connection:
            connection.request("GET", "/token")
            assert connection.getresponse().read() == b"got"
        assert ask(proxy.port, "/other") == WHOLE
        assert not proxy.done
        assert ask(proxy.port, "/token")[0] == 500


def test_the_queue_goes_before_the_iterable(server: Server) -> None:
    with FaultProxy(to(server), itertools.repeat(Fault.ERROR_500)) as proxy:
        proxy.faults.put(Fault.EXCEPTION_IN_200)
        assert [ask(proxy.port)[0] for _ in range(2)] == [200, 500]


def test_release_ends_a_hang(server: Server) -> None:
    with FaultProxy(to(server), [Fault.HANG]) as proxy:
        threading.Timer(0.05, proxy.release).start()
        with pytest.raises(http.client.RemoteDisconnected):
            ask(proxy.port)
        assert server.got == []


def test_down_refuses_and_cuts_up_listens_again(server: Server) -> None:
    with FaultProxy(to(server)) as proxy:
        open_one = socket.create_connection(("127.0.0.1", proxy.port))
        assert ask(proxy.port) == WHOLE
        proxy.down()
        assert open_one.recv(1) == b""
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                ask(proxy.port)
        proxy.up()
        assert ask(proxy.port) == WHOLE
        open_one.close()


def test_nothing_stays_behind(server: Server) -> None:
    before = set(threading.enumerate())  # other tests' proxies among them
    stack = contextlib.ExitStack()
    with FaultProxy(to(server), [Fault.HANG, Fault.NONE, Fault.CUT_ANSWER]) as proxy:
        idle = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(20)]
        for one in idle:
            stack.callback(one.close)
        hanging = http.client.HTTPConnection("127.0.0.1", proxy.port)
        stack.callback(hanging.close)
        hanging.request("POST", "/", BODY)
        assert ask(proxy.port) == WHOLE
    assert proxy.connections == 0
    assert not [one for one in set(threading.enumerate()) - before if one.name == "fault-proxy"]
    stack.close()


def test_a_server_that_is_not_there_is_a_cut(unused_dial: Dial) -> None:
    with FaultProxy(unused_dial) as proxy, pytest.raises(ConnectionError):
        ask(proxy.port)
    assert proxy.connections == 0


@pytest.fixture
def unused_dial() -> Dial:
    def dial() -> socket.socket:
        raise ConnectionRefusedError

    return dial


def test_the_same_seed_is_the_same_faults_at_the_rate_named() -> None:
    first, again = (list(itertools.islice(random_faults(7, 0.3), 10_000)) for _ in range(2))
    assert first == again
    assert first != list(itertools.islice(random_faults(8, 0.3), 10_000))
    assert set(first) == set(Fault)
    assert 2_500 < sum(fault is not Fault.NONE for fault in first) < 3_500
