"""Another name for a name: a digit for a digit, a letter for a letter, everything else as it stands. Pure.

The same key gives the same name each time, two names never become one (of up to 64 letters and digits), and none stands
for itself. Case is kept apart: what differs in case only still does, for OCPP's identifiers ignore it (CiString).
Hexadecimal stays hexadecimal, a number keeps its number of digits, an address its kind of network.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from typing import Final

from proxy.forensics.anonymous.permutation import Cycle

DIGITS: Final = "0123456789"
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
HEX_LETTERS: Final = "abcdef"
MOST_EXACT: Final = 64
"""Letters and digits of a name that no other name's pseudonym equals; longer ones differ all but certainly."""
_REMEMBERED: Final = 1 << 16
_HEX: Final = re.compile(r"(?=.*[0-9])(?=.*[a-f])[0-9a-f]+")
_IMAGES: Final = (
    (0x800, "àèìòùáéíóúâêîôûäëïöüãñõåøç"),
    (0x10000, "一二三四五六七八九十"),
    (0x110000, "🟥🟧🟨🟩🟦🟪"),
)
"""For characters beyond ASCII below a code: ones that take as many bytes in UTF-8."""
_NETWORKS: Final = tuple(
    (int(network.network_address), network.num_addresses)
    for network in map(
        IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
            "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        ),
    )
)  # fmt: skip
"""(first, size) of those with a meaning of their own (RFC 6890): addresses stay within. All others are public."""
_PREFIX_BITS: Final = 16
"""Of an IPv6 address: what kind it is of."""


class Pseudonyms:
    """`key`: at most 64 bytes, secret. `kept`: names that are nobody's, in lower case; none of them is given away."""

    def __init__(self, key: bytes, kept: Iterable[str] = ()) -> None:
        self._key = key
        self._cycle = Cycle(key)
        self._kept = frozenset(kept)
        self.whole: Callable[[str], str] = lru_cache(_REMEMBERED)(self._whole)
        self.address: Callable[[str], str] = lru_cache(_REMEMBERED)(self._address)

    def _whole(self, name: str) -> str:
        """Another name for `name`."""
        low = name.lower()
        if len(low) != len(name):  # a letter that becomes two
            low = name
        core = "".join(letter for letter in low if letter in DIGITS or letter in LETTERS)
        if not core and name.isascii():
            return name
        image = iter(self._core(core) if len(core) <= MOST_EXACT else self._long(core))
        return "".join(
            _cased(next(image), letter)
            if below in DIGITS or below in LETTERS
            else self._beyond(letter, name, at)
            for at, (letter, below) in enumerate(zip(name, low, strict=True))
        )

    def number(self, digits: str) -> str:
        """The same for a number as it is written: 4711, -1.50."""
        return re.sub(r"[0-9]+", lambda run: self.whole(run[0]) if run[0].strip("0") else run[0], digits)

    def noise(self, data: bytes) -> bytes:
        """As many bytes; the same for the same ones."""
        found = b""
        while len(found) < len(data):
            found += self._hash(b"noise", len(found).to_bytes(4, "big") + data)
        return found[: len(data)]

    # letters and digits

    def _core(self, core: str) -> str:
        """Steps through all of its shape until one is found that may stand for it."""
        is_hex = _HEX.fullmatch(core) is not None
        alphabets = [DIGITS if letter in DIGITS else HEX_LETTERS if is_hex else LETTERS for letter in core]
        size = 1
        for alphabet in alphabets:
            size *= len(alphabet)
        shape = "".join("0" if alphabet is DIGITS else alphabet[-1] for alphabet in alphabets).encode()
        number = began = _number(core, alphabets)
        while True:
            number = self._cycle.next(number, size, shape)
            image = _text(number, alphabets)
            if number == began or self._may_stand(image, core, is_hex):
                return image

    def _may_stand(self, image: str, core: str, is_hex: bool) -> bool:
        if image in self._kept:
            return False
        if core.isdecimal():
            return (image[0] == "0") is (core[0] == "0")
        return (_HEX.fullmatch(image) is not None) is is_hex

    def _long(self, core: str) -> str:
        stream = b""
        while len(stream) < len(core):
            stream += self._hash(b"long", len(stream).to_bytes(4, "big") + core.encode())
        return "".join(
            (DIGITS if letter in DIGITS else LETTERS)[byte % (10 if letter in DIGITS else 26)]
            for letter, byte in zip(core, stream, strict=False)
        )

    def _beyond(self, letter: str, name: str, at: int) -> str:
        """Of a letter beyond ASCII."""
        if letter.isascii():
            return letter
        images = next(images for below, images in _IMAGES if ord(letter) < below)
        number = self._hash(b"beyond", at.to_bytes(4, "big") + name.encode("utf-8", "surrogatepass"))[0]
        image = images[number % len(images)]
        return image if image != letter else images[(number + 1) % len(images)]

    def _hash(self, what: bytes, data: bytes) -> bytes:
        return hashlib.blake2b(what + b"\0" + data, key=self._key, digest_size=64).digest()

    # addresses

    def _address(self, text: str) -> str:
        """Another address of that kind. Raises ValueError for what is none."""
        found = ip_address(text.partition("%")[0])
        return str(self._v4(found) if isinstance(found, IPv4Address) else self._v6(found))

    def _v4(self, found: IPv4Address) -> IPv4Address:
        number = int(found)
        for first, size in _NETWORKS:
            if first <= number < first + size:
                return IPv4Address(first + self._cycle.next(number - first, size, first.to_bytes(4, "big")))
        number = self._cycle.next(number, 1 << 32, b"4")
        while any(first <= number < first + size for first, size in _NETWORKS):
            number = self._cycle.next(number, 1 << 32, b"4")
        return IPv4Address(number)

    def _v6(self, found: IPv6Address) -> IPv6Address:
        if found.ipv4_mapped is not None:
            return IPv6Address(f"::ffff:{self._v4(found.ipv4_mapped)}")
        size = 1 << (128 - _PREFIX_BITS)
        prefix, number = divmod(int(found), size)
        if not prefix:
            return found  # ::1 and its like: nobody's
        return IPv6Address(prefix * size + self._cycle.next(number, size, prefix.to_bytes(2, "big")))


def _cased(letter: str, like: str) -> str:
    return letter.upper() if like.isupper() else letter


def _number(text: str, alphabets: list[str]) -> int:
    number = 0
    for letter, alphabet in zip(text, alphabets, strict=True):
        number = number * len(alphabet) + alphabet.index(letter)
    return number


def _text(number: int, alphabets: list[str]) -> str:
    letters = []
    for alphabet in reversed(alphabets):
        number, at = divmod(number, len(alphabet))
        letters.append(alphabet[at])
    return "".join(reversed(letters))
