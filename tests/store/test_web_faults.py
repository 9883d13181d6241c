"""The HTTP client when things go wrong: faults on the way, others who answer, TLS; a batch is there just once."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from proxy.store.address import parse
from proxy.store.interface import Role, RowsRefused, StoreError
from proxy.store.web.client import WebStore
from proxy.store.web.pool import failure_at_the_end
from tests.store.fault_proxy import Fault, FaultProxy
from tests.store.front import to_store
from tests.store.over_http import CANARY, ROLLUP, Recorded, count, frames, store_at

unverified = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
"""The library turns it off when it is imported; pytest turns it on again."""

PATIENCE = {Fault.HANG: "timeout=2"}
"""Else the usual 30 s: a machine that stalls is no fault."""

# what happens on the way

ONCE_MORE = {fault: fault not in (Fault.NONE, Fault.SLOW) for fault in Fault}


@pytest.mark.parametrize("fault", Fault)
def test_a_batch_resent_until_acknowledged_is_there_once(store_dir: Path, row: Any, fault: Fault) -> None:
    name = f"fault {fault.name}"
    with FaultProxy(to_store(store_dir), [fault], only=b"insert_deduplication_token") as proxy:
        web = store_at(proxy.port, options=PATIENCE.get(fault, ""))
        errors = [attempt(web, frames(row, name, range(n, n + 50)), f"{name}:{n}") for n in (0, 50)]
        assert [len(found) for found in errors] == [ONCE_MORE[fault], 0], errors
        assert (proxy.done[fault] > 0, proxy.done.total()) == (True, 2 + ONCE_MORE[fault])
        assert count(web, name) == (100, 100)
        assert web.query(ROLLUP, {"c": name}, format="TSV") == b"100\n"
        web.close()


def attempt(web: WebStore, rows: list[tuple[Any, ...]], token: str) -> list[StoreError]:
    """Insert until it is acknowledged; the errors on the way."""
    errors: list[StoreError] = []
    while len(errors) < 5:
        try:
            web.insert("frames", rows, token)
            return errors
        except RowsRefused:
            raise
        except StoreError as error:
            errors.append(error)
    raise errors[-1]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault.CUT_ANSWER, "broke off"),
        (Fault.ANSWER_LOST, "closed connection"),
        (Fault.EXCEPTION_IN_200, "^Memory limit .* exceeded"),
        (Fault.EXCEPTION_IN_200_AFTER_COMMIT, r"\(MEMORY_LIMIT_EXCEEDED\)$"),
        (Fault.ERROR_500, "^Table is in readonly mode"),
        (Fault.ERROR_503_AFTER_COMMIT, "answers 503: 503 Service Temporarily Unavailable nginx"),
        (Fault.HANG, "not a byte for 2 s"),
        (Fault.REFUSED, "reset|closed connection"),
    ],
)
def test_a_question_gets_its_answer_or_an_error(store_dir: Path, fault: Fault, message: str) -> None:
    with FaultProxy(to_store(store_dir), [fault], only=b"param_x") as proxy:
        web = store_at(proxy.port, options=PATIENCE.get(fault, ""))
        sql = "SELECT number FROM numbers({x:UInt64})"
        with pytest.raises(StoreError, match=message):
            web.query(sql, {"x": "5000"}, format="TSV")
        assert len(web.query(sql, {"x": "5000"}, format="TSV").split()) == 5000
        web.close()


def test_a_server_that_was_away_is_found_again(store_dir: Path) -> None:
    with FaultProxy(to_store(store_dir)) as proxy:
        web = store_at(proxy.port)
        web.query("SELECT 1")
        proxy.down()
        for _ in range(2):
            with pytest.raises(StoreError, match="Connection refused"):
                web.query("SELECT 1")
        proxy.up()
        assert web.query("SELECT 1", format="TSV") == b"1\n"
        web.close()


TAGGED = {"X-ClickHouse-Exception-Tag": "rknwphiqlczfauks"}
IN_A_TAG = (
    b"row\n__exception__\r\nrknwphiqlczfauks\r\nCode: 395. DB::Exception: no. (FUNCTION_THROW) (version 26.9)\r\n"
    b"60 rknwphiqlczfauks\r\n__exception__\r\n"
)
LAST_LINE = b"row\nCode: 241. DB::Exception: no\nmemory. (MEMORY) (version 24.8.1.1 (official build))\n"


@pytest.mark.parametrize(
    ("tail", "headers", "says"),
    [
        (LAST_LINE, {}, ("no memory. (MEMORY)", 241)),
        (LAST_LINE, TAGGED, None),
        (IN_A_TAG, TAGGED, ("no. (FUNCTION_THROW)", 395)),
        (IN_A_TAG.replace(b"rkn", b"xyz"), TAGGED, None),
        (LAST_LINE[4:], {}, ("no memory. (MEMORY)", 241)),
        (b"row" + LAST_LINE[4:], {}, None),
        (b'{"text":' + LAST_LINE[4:] + b"}\n", {}, None),
        (LAST_LINE + b"one more row\n", {}, None),
        (b"", {}, None),
    ],
)
def test_an_exception_ends_a_body(tail: bytes, headers: dict[str, str], says: Any) -> None:
    failure = failure_at_the_end(tail, headers)
    assert says == (failure and (str(failure), failure.code))


# who else may answer


def answer(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


PAGE = b"<html><head><style>p {}</style></head><body><h1>Sign in</h1>to the hotel" + b"!" * 300_000


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (answer("401 Unauthorized", b"who?"), r"answers 401: who\?$"),
        (answer("403 Forbidden", PAGE), "answers 403: Sign in to the hotel!{1,80} \\.\\.\\.$"),
        (answer("502 Bad Gateway", b""), r"answers 502: \(nothing\)$"),
        (
            answer("200 OK", PAGE, "Content-Type: text/html"),
            "not ClickHouse, it answers: Sign in to the hotel",
        ),
        (
            answer("200 OK", b"\0\1\2", "X-ClickHouse-Query-Id: x"),
            "no answer of ClickHouse|Unexpected response",
        ),
        (answer("301 Moved", b"", "Location: http://127.0.0.1:1/"), "answers 301"),
        (
            answer(
                "516 No", b"Code: 516. DB::Exception: watcher: Authentication failed.\n\n(version 24.8.1.1)"
            ),
            "^watcher: Authentication failed.$",
        ),
        (answer("500 No", b"\x1b[31mred\xff"), r"answers 500: \?\[31mred"),
        (answer("502 Bad", b"<" * 60_000), "answers 502: <"),
        (answer("500 No", b" (version" * 7_000, "X-ClickHouse-Exception-Code: 241"), r"^\(version \(version"),
        (b"HTTP/1.1 200 OK\r\nX-ClickHouse-Summary: {}\r\n", "broke off in its head"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-ClickHouse-Progress: {}\r\n",
            r"IncompleteRead",
        ),
        (b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n", "not HTTP"),
        (b"", "closed connection without response"),
    ],
)
@pytest.mark.parametrize("role", Role)
def test_other_answers_are_one_line(
    response: bytes, message: str, role: Role, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with Canned(response) as server:
        store = store_at(server.port, role)
        with pytest.raises(StoreError, match=message) as caught:
            store.query("SELECT 1")
        store.close()
    text = f"{caught.value!s} {caught.value!r} {store!r} {caplog.text}"
    assert CANARY not in text
    assert "\n" not in str(caught.value)
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]


class Canned(FaultProxy):
    """Answers every request with the same bytes, and hangs up."""

    def __init__(self, response: bytes) -> None:
        super().__init__(lambda: pytest.fail("not asked"))
        self._response = response

    def _answer(self, client: Any, *_: Any) -> bool:
        client.sendall(self._response)
        return False


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://u:s3cret-canary@127.0.0.1:1/", "http://127.0.0.1:1: Connection refused"),
        ("http://u:s3cret-canary@nowhere.invalid/", "http://nowhere.invalid:8123: no such host"),
        ("https://u:s3cret-canary@[::1]:1/", r"https://\[::1\]:1: Connection refused"),
        ("https://u:s3cret-canary@127.0.0.1:1/?ca_certs=/nowhere", "https://127.0.0.1:1: "),
    ],
)
def test_nobody_there_is_one_line(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=f"^{message}") as caught:
        WebStore(parse(url), Role.READER).query("SELECT 1")
    assert CANARY not in f"{caught.value!r} {caught.value.__context__!r}"


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secure(store_dir: Path, authority: trustme.CA) -> Iterator[Recorded]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    with Recorded(to_store(store_dir), tls=context) as proxy:
        yield proxy


def test_a_server_with_a_certificate(
    secure: Recorded, authority: trustme.CA, tmp_path: Path, row: Any
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    web = store_at(secure.port, options=f"ca_certs={tmp_path}/ca.pem&compression=none", scheme="https")
    web.insert("frames", frames(row, "tls", range(5), payload=b"x" * 300_000), "tls")
    assert count(web, "tls") == (5, 5)
    web.close()


@unverified
def test_a_certificate_nobody_trusts(secure: Recorded) -> None:
    with pytest.raises(
        StoreError, match=r"^https://127.0.0.1:\d+: TLS: self-signed certificate in certificate chain"
    ):
        store_at(secure.port, scheme="https").query("SELECT 1")
    trusting = store_at(secure.port, options="verify=0", scheme="https")
    assert trusting.query("SELECT 1", format="TSV") == b"1\n"
    trusting.close()


class Plain(FaultProxy):
    """What a server of plain HTTP says to a TLS greeting."""

    def _serve(self, client: socket.socket) -> None:
        client.recv(1 << 16)
        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self._close(client)


def test_tls_to_a_plain_port_and_plain_to_a_tls_port(secure: Recorded) -> None:
    with Plain(socket.socket) as plain, pytest.raises(StoreError, match=r"TLS: .*(version|record)"):
        store_at(plain.port, scheme="https").query("SELECT 1")
    with pytest.raises(StoreError, match=r"not HTTP|closed connection|reset"):
        store_at(secure.port).query("SELECT 1")


@unverified
@pytest.mark.parametrize(("password", "names"), [("", True), (f":{CANARY}", False)])
def test_a_client_certificate_without_a_password_is_who_we_are(
    secure: Recorded, authority: trustme.CA, tmp_path: Path, password: str, names: bool
) -> None:
    authority.issue_cert("recorder").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "ours.pem"))
    options = f"verify=0&certificate={tmp_path}/ours.pem"
    web = WebStore(parse(f"https://watcher{password}@127.0.0.1:{secure.port}/ocpptap?{options}"), Role.WRITER)
    assert web.query("SELECT 1", format="TSV") == b"1\n"
    assert ("X-ClickHouse-SSL-Certificate-Auth: on" in secure.heads[-1]) is names
    assert ("Authorization: Basic" in secure.heads[-1]) is not names
    web.close()
