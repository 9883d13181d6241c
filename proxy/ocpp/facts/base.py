"""What every fact begins with: whose it is, which frame proves it, when it was observed."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Where(NamedTuple):
    """Whose and when: the fields every fact begins with, `Booted(*where, ...)`."""

    charge_point: str
    connection_id: str
    frame_no: int
    at: int
    clock: int


class Fact(msgspec.Struct, frozen=True, gc=False):
    """The fields every fact begins with, in the order of `Where`."""

    charge_point: str
    connection_id: str
    frame_no: int
    at: int
    clock: int


class Moment(msgspec.Struct, frozen=True, gc=False):
    """A device's or CSMS's own time. `ns`: UTC, None where it cannot be read; then `text` is what stood there.

    A time without a zone is not guessed at: its `ns` is None.
    """

    ns: int | None = None
    text: str = ""


UNTOLD = Moment()
"""No time was given."""


class Named(msgspec.Struct, frozen=True, gc=False):
    """An id token. `kind`: 1.6 has none (""), 2.x ISO14443, eMAID, Central, NoAuthorization, ..."""

    token: str = ""
    kind: str = ""


NOBODY = Named()


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where at the charge point, as on the wire; neither is derived from the other.

    1.6 fills only `connector_id` (0: the whole charge point), 2.x `evse_id` and mostly `connector_id`.
    """

    evse_id: int | None = None
    connector_id: int | None = None


NOWHERE = Place()
