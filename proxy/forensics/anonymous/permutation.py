"""A keyed cycle through the numbers 0 .. size-1: each has its next one, no two the same, none itself. Pure.

A Feistel network over a * b >= size (Black and Rogaway's way, walking on until the number is below size) gives a
secret order of the numbers; the next one in that order stands for a number. Hence no number stands for itself, and
whoever lacks the key cannot try guesses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from math import isqrt
from typing import Final

_ROUNDS: Final = 8


class Cycle:
    """`tweak`: another one is another order."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def next(self, number: int, size: int, tweak: bytes) -> int:
        """What stands for `number`, 0 <= number < size. Of a size of 1, itself."""
        if size < 2:
            return number
        place = (self._walked(self._there, number, size, tweak) + 1) % size
        return self._walked(self._back, place, size, tweak)

    def _walked(self, way: Callable[[int, int, bytes], int], number: int, size: int, tweak: bytes) -> int:
        side = isqrt(size - 1) + 1
        number = way(number, side, tweak)
        while number >= size:
            number = way(number, side, tweak)
        return number

    def _there(self, number: int, side: int, tweak: bytes) -> int:
        left, right = divmod(number, side)
        for turn in range(_ROUNDS):
            left, right = right, (left + self._mixed(right, turn, tweak)) % side
        return left * side + right

    def _back(self, number: int, side: int, tweak: bytes) -> int:
        left, right = divmod(number, side)
        for turn in reversed(range(_ROUNDS)):
            left, right = (right - self._mixed(left, turn, tweak)) % side, left
        return left * side + right

    def _mixed(self, half: int, turn: int, tweak: bytes) -> int:
        told = half.to_bytes(half.bit_length() // 8 + 1, "big")
        hashed = hashlib.blake2b(bytes((turn,)) + tweak + b"\0" + told, key=self._key, digest_size=48)
        return int.from_bytes(hashed.digest(), "big")
