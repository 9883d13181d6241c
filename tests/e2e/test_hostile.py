"""Whatever bytes come: relayed untouched, recorded whole, memory bounded. The store rebuilds both streams."""

from __future__ import annotations

import hashlib
import random
import ssl
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from websockets.frames import Opcode

from proxy.forensics.verify import verify
from proxy.store.client import Role, connect
from tests.e2e.raw import DEFLATE, RawCsms, raw_csms, say_and_leave, tls_tunnel, tunnel
from tests.e2e.running import Running, ask, running, until
from tests.pipeline.frames import call, frame

MEBIBYTE = 1 << 20
MOST_RECORDER_BYTES = 400 * MEBIBYTE
KEY = b"\x11\x22\x33\x44"


def head(opcode: int, length: int, fin: int = 0x80) -> bytes:
    return struct.pack(">BBQ", fin | opcode, 0xFF, length) + KEY


def bomb() -> bytes:
    """64 MiB of zeros in a compressed message of 64 KiB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(64 * MEBIBYTE)) + packer.flush(zlib.Z_SYNC_FLUSH)
    payload = packed.removesuffix(b"\x00\x00\xff\xff")
    masked = bytes(byte ^ KEY[index % 4] for index, byte in enumerate(payload))
    return b"\xc1\xff" + struct.pack(">Q", len(payload)) + KEY + masked


def fragments() -> bytes:
    first = frame(b"x", fin=False, mask=True)
    middle = frame(b"x", Opcode.CONT, fin=False, mask=True)
    last = frame(b"x", Opcode.CONT, mask=True)
    return first + middle * 99_998 + last


HOSTILE: dict[str, Callable[[], bytes]] = {
    "bomb": bomb,
    "two_to_the_63": lambda: head(1, 2**63) + random.Random(2).randbytes(5000),
    "a_gibibyte_announced": lambda: head(1, 1 << 30) + bytes(3 * MEBIBYTE + 17),
    "100_000_fragments": fragments,
    "invalid_utf8": lambda: frame(b'[2,"1","Heart\xff\xfebeat",{}]', mask=True),
    "deep_json": lambda: frame(b"[" * 100_000 + b"]" * 100_000, mask=True),
    "nul_bytes": lambda: frame(b'[2,"1\x00","Boot\x00",{"a":"\x00"}]', mask=True) * 3,
    "garbage": lambda: random.Random(3).randbytes(200_000),
    "half_a_frame": lambda: frame(call("1", "Heartbeat"), mask=True)[:11],
    "reserved_opcode": lambda: b"\x8b\x80" + KEY + frame(call("1", "Heartbeat"), mask=True),
    "unmasked": lambda: frame(call("1", "Heartbeat"), mask=False),
    "not_compressed_but_marked": lambda: b"\xc1\x85" + KEY + b"hello",
}


HIDDEN = frozenset(HOSTILE) - {"100_000_fragments", "invalid_utf8", "deep_json", "nul_bytes"}
"""What nobody could read: where compression was agreed on it may hold a secret, and is masked."""


@pytest.fixture(scope="module", params=[b"", DEFLATE], ids=["plain", "deflate"])
def csms(request: pytest.FixtureRequest) -> Iterator[RawCsms]:
    """One that agrees to no compression, and one that does."""
    with raw_csms(request.param) as csms:
        yield csms


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, csms: RawCsms) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("hostile") / "data", csms.url) as run:
        yield run


def recorded(run: Running, name: str) -> str:
    """The connection's id, once its close is in the store."""
    sql = f"SELECT connection_id FROM connections WHERE charge_point = '{name}' AND state = 'closed'"
    until(lambda: bool(ask(run.data, sql)), f"{name} never closed in the store")
    return ask(run.data, sql)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_pass_untouched_and_the_store_rebuilds_them(
    name: str, run: Running, csms: RawCsms, request: pytest.FixtureRequest
) -> None:
    data = HOSTILE[name]()
    say_and_leave(tunnel(run.port, f"/ocpp/{name}"), data)
    expected = hashlib.sha256(data).hexdigest()
    assert expected in csms.digests
    store = connect("embedded", run.data, Role.READER)
    try:
        verdict = verify(store, recorded(run, name))
    finally:
        store.close()
    assert verdict.ok, verdict
    hidden = name in HIDDEN and "deflate" in request.node.callspec.id
    rebuilt = "" if hidden else expected
    assert (verdict.streams[0].sha256, verdict.streams[0].size) == (rebuilt, len(data))


def test_memory_stays_bounded(run: Running) -> None:
    """After all of the above."""
    (pid,) = run.pids("recorder")
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak < MOST_RECORDER_BYTES


@pytest.mark.parametrize(
    ("target", "charge_point"),
    [
        ("//CP_1", "CP_1"),
        ("/ocpp/CP%7C1", "CP|1"),
        ("/RDAM%20123", "RDAM 123"),
        ("/a:b", "a:b"),
        ("/" + "x" * 255, "x" * 255),
        ("/" + "%C3%9C%E2%82%AC", "Ü€"),
    ],
)
def test_odd_identities_are_passed_on_untouched_and_recorded(
    target: str, charge_point: str, run: Running, csms: RawCsms
) -> None:
    say_and_leave(tunnel(run.port, target), frame(call("1", "Heartbeat"), mask=True))
    assert any(f"GET {target} HTTP/1.1\r\n".encode() in seen for seen in csms.heads)
    recorded(run, charge_point.replace("'", "''"))


@pytest.mark.parametrize("name", ["garbage", "a_gibibyte_announced", "100_000_fragments"])
def test_the_same_holds_behind_tls(name: str, tmp_path: Path) -> None:
    """TLS towards the charge point; the journal has what was inside."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.cert_chain_pems[0].write_to_path(str(files[0]))
    certificate.private_key_pem.write_to_path(str(files[1]))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    data = HOSTILE[name]()
    arguments = ("--tls-cert", str(files[0]), "--tls-key", str(files[1]))
    with raw_csms() as csms, running(tmp_path / "data", csms.url, *arguments) as run:
        assert "listening on wss://" in run.ready_line
        with tls_tunnel(run.port, f"/ocpp/{name}", context) as sock:
            sock.sendall(data)
        until(lambda: hashlib.sha256(data).hexdigest() in csms.digests, "the CSMS did not get all of it")
        session = recorded(run, name)
    store = connect("embedded", tmp_path / "data", Role.READER)
    try:
        verdict = verify(store, session)
    finally:
        store.close()
    assert (verdict.ok, verdict.streams[0].sha256) == (True, hashlib.sha256(data).hexdigest())
