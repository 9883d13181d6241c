from __future__ import annotations

import hashlib
import hmac

from proxy.names import Direction
from proxy.pipeline.chain import LINK_EVERY, Chain, check_of, first_link, keyed_digest


def test_the_first_link_names_journal_connection_and_direction() -> None:
    links = {first_link(b"j" * 16, "00ff", direction) for direction in Direction}
    assert links == {hashlib.sha256(b"j" * 16 + b"00ff" + bytes((d,))).digest() for d in (1, 2)}


def test_each_link_binds_the_one_before() -> None:
    chain = Chain(b"0" * 32)
    one = chain.add(b"one")
    assert chain.add(b"two") == hashlib.sha256(one + b"two").digest()
    assert check_of(one) == int.from_bytes(one[:2], "big")


def test_every_thousandth_row_carries_its_whole_link() -> None:
    chain = Chain(b"0" * 32)
    due = [row for row in range(1, 2 * LINK_EVERY + 1) if chain.add(b"x") and chain.link_due]
    assert due == [LINK_EVERY, 2 * LINK_EVERY]


def test_a_redacted_row_binds_a_digest_only_the_key_can_make() -> None:
    assert keyed_digest(b"key", b"secret") == hmac.new(b"key", b"secret", "sha256").digest()
