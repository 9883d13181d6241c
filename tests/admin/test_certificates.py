from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
import trustme
from hypothesis import given
from hypothesis import strategies as st

from proxy.admin.certificates import Certificates
from proxy.admin.status import Status

SOON = datetime(2031, 5, 1, tzinfo=UTC)
CA = trustme.CA()


def certificate(not_after: datetime = SOON) -> bytes:
    return CA.issue_cert("proxy.example", not_after=not_after).cert_chain_pems[0].bytes()


def watched(*files: tuple[str, Path]) -> Certificates:
    return Certificates(Status(tuple((role, str(file)) for role, file in files)))


def figures(certificates: Certificates) -> dict[str, float]:
    [family] = certificates.look()
    return {series.labels[0]: series.value for series in family.series}


def test_the_earliest_end_in_a_chain_counts(tmp_path: Path) -> None:
    file = tmp_path / "chain.pem"
    file.write_bytes(certificate(SOON + timedelta(days=9)) + certificate() + CA.cert_pem.bytes())
    assert figures(watched(("listener", file))) == {"listener": SOON.timestamp()}


def test_a_key_in_the_same_file_is_no_certificate(tmp_path: Path) -> None:
    file = tmp_path / "both.pem"
    file.write_bytes(CA.issue_cert("x.example").private_key_pem.bytes() + certificate())
    assert figures(watched(("upstream_client", file))) == {"upstream_client": SOON.timestamp()}


def test_a_renewed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "renewed.pem"
    file.write_bytes(certificate())
    certificates = watched(("listener", file))
    certificates.look()
    later = SOON + timedelta(days=90)
    (tmp_path / "new").write_bytes(certificate(later))
    (tmp_path / "new").replace(file)
    assert figures(certificates) == {"listener": later.timestamp()}


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "same.pem"
    file.write_bytes(certificate())
    certificates = watched(("listener", file))
    certificates.look()
    before = file.stat()
    file.write_bytes(b"x" * before.st_size)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert figures(certificates) == {"listener": SOON.timestamp()}


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAA\n"])
def test_a_broken_file_gives_no_series_and_one_line(tmp_path: Path, content: bytes | None) -> None:
    file, good = tmp_path / "broken.pem", tmp_path / "good.pem"
    good.write_bytes(certificate())
    if content is not None:
        file.write_bytes(content)
    certificates = watched(("listener", file), ("upstream_client", good))
    with structlog.testing.capture_logs() as lines:
        assert [figures(certificates).keys() for _ in range(3)] == [{"upstream_client"}] * 3
    assert [line["file"] for line in lines] == [str(file)]


def test_a_file_that_is_mended_is_found(tmp_path: Path) -> None:
    file = tmp_path / "late.pem"
    certificates = watched(("listener", file))
    assert figures(certificates) == {}
    file.write_bytes(certificate())
    assert figures(certificates) == {"listener": SOON.timestamp()}


def test_a_reload_may_name_others(tmp_path: Path) -> None:
    file = tmp_path / "new.pem"
    file.write_bytes(certificate())
    status = Status((("listener", str(tmp_path / "old.pem")),))
    certificates = Certificates(status)
    certificates.look()
    status.certificates = (("listener", str(file)),)
    assert figures(certificates) == {"listener": SOON.timestamp()}


@given(st.binary(max_size=200).map(lambda junk: certificate_with(junk)))
def test_any_file_is_survived(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("pem") / "any.pem"
    file.write_bytes(content)
    assert figures(watched(("listener", file))).keys() <= {"listener"}


def certificate_with(junk: bytes) -> bytes:
    """The junk stands in the middle of a good one."""
    good = GOOD
    place = len(junk) * 37 % len(good)
    return good[:place] + junk + good[place + len(junk) :]


GOOD = certificate()
