"""TLS on both legs: who is let in, who is believed, and that bytes and ends stay what they are."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from proxy.relay.settings import Deadlines, Limits, TlsSettings
from proxy.relay.tls import server_name
from tests.relay.world import CP, CSMS, QUICK, Csms, Peer, Wire, World, request, settings_for, until

LIMITS = Limits(refused_records=1000)


class Tls(World):
    """Certificates of one authority for the proxy, of the same one for the CSMS, of another one for an impostor."""

    def __init__(
        self, folder: Path, limits: Limits = LIMITS, ask_client: bool = False, deadlines: Deadlines = QUICK
    ) -> None:
        self.authority, stranger = trustme.CA(), trustme.CA()
        self.secure = Csms(_server(self.authority.issue_cert("localhost")))
        self.impostor = Csms(_server(stranger.issue_cert("localhost")))
        self.misnamed = Csms(_server(self.authority.issue_cert("elsewhere.example")))
        files = folder / "certificate.pem", folder / "key.pem", folder / "ca.pem"
        mine = self.authority.issue_cert("localhost", key_type=trustme.KeyType.RSA)
        files[0].write_bytes(b"".join(blob.bytes() for blob in mine.cert_chain_pems))
        files[1].write_bytes(mine.private_key_pem.bytes())
        files[2].write_bytes(self.authority.cert_pem.bytes())
        super().__init__(
            folder,
            settings_for(
                ("/secure", self.secure.url),
                ("/impostor", self.impostor.url),
                ("/misnamed", self.misnamed.url),
                tls=TlsSettings(
                    str(files[0]),
                    str(files[1]),
                    str(files[2]) if ask_client else "",
                    upstream_ca=str(files[2]),
                ),
                deadlines=deadlines,
                limits=limits,
            ),
        )

    def client(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    def secured(self) -> Wire:
        """TLS on both legs. The CSMS's handshake is in the way of ours: let it wait in its listener."""
        name = self.name()
        charge_point = self.proxy.call_tls(self.client(), request(f"/secure/{name}"))
        return self.opened(charge_point, name, self.secure)

    def end(self) -> None:
        super().end()
        for csms in (self.secure, self.impostor, self.misnamed):
            csms.close()


def _server(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    made = Tls(tmp_path_factory.mktemp("tls"))
    yield made
    made.end()


def test_bytes_pass_through_two_tls_legs_and_the_facts_are_kept(tls: Tls) -> None:
    wire = tls.secured()
    up, down = bytes(range(256)) * 3000, b"down" * 100_000
    for data, source, target in ((up, wire.charge_point, wire.csms), (down, wire.csms, wire.charge_point)):
        _pass(source, target, data)
    wire.charge_point.sock.unwrap()  # type: ignore[attr-defined]
    assert wire.csms.rest() == (b"", "fin")
    story = tls.proxy.story(wire.name)
    assert story.streams == {CP: up, CSMS: down}
    assert story.opened
    assert story.opened.tls
    assert story.opened.upstream_tls
    assert story.opened.tls.version == "TLSv1.3"
    assert story.opened.tls.sni == "localhost"
    assert story.opened.upstream_tls.cipher.startswith("TLS_")
    assert "O=" in story.opened.upstream_tls.peer_subject
    assert story.closed
    assert (story.closed.closed_by, story.closed.how) == ("charge_point", "fin")
    assert b"X-Forwarded-Proto: https" in wire.csms.head


def _pass(source: object, target: object, data: bytes) -> None:
    step = 65536
    for start in range(0, len(data), step):
        source.send(data[start : start + step])  # type: ignore[attr-defined]
        assert target.read(len(data[start : start + step])) == data[start : start + step]  # type: ignore[attr-defined]


def test_an_end_without_close_notify_is_a_fin_and_said_so(tls: Tls) -> None:
    wire = tls.secured()
    wire.charge_point.send(b"last words")
    wire.charge_point.fin()
    assert wire.csms.rest() == (b"last words", "fin")
    closed = tls.proxy.story(wire.name).closed
    assert closed
    assert (closed.closed_by, closed.how) == ("charge_point", "fin")
    assert "close_notify" in closed.reason


@pytest.mark.parametrize("who", ["charge_point", "csms"])
def test_a_reset_is_a_reset_under_tls_too(tls: Tls, who: str) -> None:
    wire = tls.secured()
    one, other = (wire.charge_point, wire.csms)[:: 1 if who == "charge_point" else -1]
    below = Peer(socket.socket(fileno=other.sock.detach()))  # Python's ssl may call a RST an EOF
    Peer(socket.socket(fileno=one.sock.detach())).rst()
    assert below.rest()[1] == "rst"
    below.close()
    closed = tls.proxy.story(wire.name).closed
    assert closed
    assert (closed.closed_by, closed.how) == (who, "rst")


@pytest.mark.parametrize(
    ("route", "complaint"),
    [("impostor", "unable to get local issuer certificate"), ("misnamed", "mismatch")],
)
def test_a_csms_that_cannot_prove_who_it_is_gets_nothing(tls: Tls, route: str, complaint: str) -> None:
    csms: Csms = getattr(tls, route)
    charge_point = tls.call(request(f"/{route}/{tls.name()}"))
    with pytest.raises(ssl.SSLError, match=r"CERT|UNKNOWN|ALERT|EOF"):
        csms.accept()
    data, end = charge_point.rest()
    assert data.startswith(b"HTTP/1.1 502 ")
    assert end == "fin"
    lines = until(lambda: tls.proxy.lines(complaint))
    assert len(lines) == 1
    assert f"wss://localhost:{csms.port}" in lines[0]


def _rsa_only(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-GCM-SHA256")


def _tls_1_1(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


def test_a_charge_point_with_only_a_tls_rsa_suite_gets_in(tmp_path: Path) -> None:
    world = Tls(tmp_path)
    try:
        context = world.client()
        _rsa_only(context)
        name = world.name()
        wire = world.opened(world.proxy.call_tls(context, request(f"/{name}")), name, world.csms)
        wire.charge_point.send(b"hello")
        assert wire.csms.read(5) == b"hello"
        wire.csms.rst()
        opened = world.proxy.story(name).opened
        assert opened
        assert opened.tls
        assert (opened.tls.version, opened.tls.cipher) == ("TLSv1.2", "AES128-GCM-SHA256")
    finally:
        world.end()


def test_a_client_certificate_is_asked_for_and_its_subject_kept(tmp_path: Path) -> None:
    world = Tls(tmp_path, ask_client=True)
    try:
        context = world.client()
        world.authority.issue_cert("cp-4711.example", common_name="CP_4711").configure_cert(context)
        name = world.name()
        wire = world.opened(world.proxy.call_tls(context, request(f"/{name}")), name, world.csms)
        assert world.proxy.counter("ocpptap_connections", "1.6", "3") == 1
        wire.csms.rst()
        opened = world.proxy.story(name).opened
        assert opened
        assert opened.tls
        assert "CN=CP_4711" in opened.tls.peer_subject
        nobody = world.proxy.call_tls(world.client())
        assert nobody.rest()[0] == b""
        assert until(lambda: world.proxy.lines("PEER_DID_NOT_RETURN_A_CERTIFICATE"))
        nobody.close()
    finally:
        world.end()


def test_who_comes_over_tls_is_counted_so(tls: Tls) -> None:
    def counted() -> tuple[int, int]:
        opened = tls.proxy.counter("ocpptap_connections_opened_total", "tls", "1.6")
        return opened, tls.proxy.counter("ocpptap_connections", "1.6", "2")

    opened, connected = counted()
    wire = tls.secured()
    assert counted() == (opened + 1, connected + 1)
    wire.charge_point.rst()
    until(lambda: counted() == (opened + 1, connected))


def test_broken_handshakes_harm_nobody(tls: Tls) -> None:
    wire = tls.secured()
    context = tls.client()
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        _tls_1_1(context)
    with pytest.raises(ssl.SSLError):
        tls.proxy.call_tls(context)
    for greeting in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"\x16\x03\x01\xff\xff" + b"x" * 300,
        b"",
    ):
        peer = tls.proxy.call()
        peer.close()
        raw = socket.create_connection(("127.0.0.1", tls.proxy.tls_port))
        raw.sendall(greeting)
        raw.close()
    wire.charge_point.send(b"still here")
    assert wire.csms.read(10) == b"still here"


def _hello(name: bytes) -> bytes:
    entry = b"\x00" + struct.pack(">H", len(name)) + name
    listed = struct.pack(">H", len(entry)) + entry
    extensions = b"\x00\x17\x00\x00" + b"\x00\x00" + struct.pack(">H", len(listed)) + listed
    body = b"\x03\x03" + bytes(32) + b"\x01\xff" + b"\x00\x02\x13\x01" + b"\x01\x00"
    body += struct.pack(">H", len(extensions)) + extensions
    shake = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack(">H", len(shake)) + shake


def test_the_name_asked_for_is_read_from_the_hello_and_rubbish_is_no_name() -> None:
    hello = _hello(b"csms.example")
    assert server_name(hello) == "csms.example"
    assert {server_name(hello[:end]) for end in range(len(hello) - 12)} == {""}
    assert server_name(b"\x15" + hello[1:]) == ""
