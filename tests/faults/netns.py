"""A host of its own at the other end of a virtual cable, which can vanish without a word: no FIN, no RST, no ICMP.

A network namespace and a veth pair (`ip`, as root). To vanish, both ends are told a wrong hardware address of the
other, so that every packet is dropped where it arrives, as if the cable were cut far away; needs no firewall.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import pytest

_CLONE_NEWNET: Final = 0x40000000
_NOBODY: Final = "02:00:00:00:00:01"
_counter = itertools.count()
T = TypeVar("T")


class Elsewhere:
    """`here` is our address on the cable, `there` that of the other end."""

    def __init__(self, number: int) -> None:
        self.name = f"ocpptap-{number}"
        self._near, self._far = f"ot{number}a", f"ot{number}b"
        network = f"10.{200 + number % 50}.{number // 50 % 250}"
        self.here, self.there = f"{network}.1", f"{network}.2"

    def make(self) -> None:
        """Raises CalledProcessError or FileNotFoundError where that is not permitted."""
        _ip("netns", "add", self.name)
        _ip("link", "add", self._near, "type", "veth", "peer", "name", self._far, "netns", self.name)
        _ip("address", "add", f"{self.here}/30", "dev", self._near)
        _ip("link", "set", self._near, "up")
        _ip("-n", self.name, "address", "add", f"{self.there}/30", "dev", self._far)
        _ip("-n", self.name, "link", "set", self._far, "up")

    def remove(self) -> None:
        """The cable goes with the namespace, but only when its last socket is closed: so it goes first."""
        subprocess.run(["ip", "link", "del", self._near], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["ip", "netns", "del", self.name], stderr=subprocess.DEVNULL, check=False)

    def inside(self, do: Callable[[], T]) -> T:
        """In a thread that is there; a socket stays where it was made."""
        done: list[T] = []

        def run() -> None:
            with open(f"/run/netns/{self.name}") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            done.append(do())

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return done[0]

    def connect(self, port: int) -> socket.socket:
        """From there to us."""
        return self.inside(lambda: socket.create_connection((self.here, port), timeout=30))

    def listen(self) -> socket.socket:
        return self.inside(lambda: socket.create_server((self.there, 0)))

    def vanish(self) -> None:
        self._lose(self.there, self._near)
        self._lose(self.here, self._far, "-n", self.name)

    def _lose(self, address: str, device: str, *where: str) -> None:
        _ip(*where, "neighbour", "replace", address, "lladdr", _NOBODY, "dev", device, "nud", "permanent")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@contextlib.contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """Skips the test where a namespace cannot be made."""
    made = Elsewhere(os.getpid() * 4 % 60_000 + next(_counter) % 4)
    try:
        made.make()
        yield made
    except FileNotFoundError:
        pytest.skip("a network namespace needs `ip` (Debian: iproute2)")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"a network namespace cannot be made here: {error.stderr.strip()}")
    finally:
        made.remove()
