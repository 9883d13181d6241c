"""What a service manager wants to hear: sd_notify(3) over $NOTIFY_SOCKET (DESIGN 1: a leaf, standard library alone).

States are lines: READY=1, WATCHDOG=1, STOPPING=1, STATUS=... Nothing here raises or waits: a manager that
does not listen must not stop traffic. Whoever is no service of such a manager (no $NOTIFY_SOCKET) says nothing.

Children inherit the variable, and that does no harm: systemd (NotifyAccess=main) takes the main process's word alone.
Nobody but the supervisor imports this, and it changes no environment: a reload's child reads the same one.
"""

import contextlib
import os
import socket


def notify(*states: str) -> None:
    """One message with these states."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return  # none, or of a kind that other managers have
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    with contextlib.suppress(OSError, ValueError), socket.socket(socket.AF_UNIX, kind) as manager:
        manager.sendto("\n".join(states).encode("utf-8", "replace"), _address(address))


def _address(address: str) -> str:
    """unix(7): an abstract name begins with a NUL, which the variable writes as @."""
    return "\0" + address[1:] if address.startswith("@") else address
