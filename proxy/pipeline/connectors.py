"""What status each connector told last: the one thing that metrics need and nobody else keeps.

Knows places and words; must not know who is connected (whoever is not has connectors that are offline, `census.py`).
Connector 0 and EVSE 0 are the charge point; an EVSE without a connector (2.x) is told beside its connectors. Bounded:
charge points (the one that told a status longest ago goes) and connectors of each (further ones are not kept).
"""

from __future__ import annotations

from typing import Final

import msgspec

from proxy.ocpp.facts import Place, StatusChanged
from proxy.pipeline.words import status_number

MAX_CHARGE_POINTS: Final = 100_000
MAX_CONNECTORS: Final = 256


class Connectors(msgspec.Struct):
    """`of`: by charge point, and connector ("1", of 2.x "2.1"), the place of its status in CONNECTOR_STATUSES.
    Snapshot = itself."""

    of: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)

    def told(self, fact: StatusChanged) -> None:
        connector = connector_label(fact.place)
        if not connector or not fact.charge_point:
            return
        known = self.of.pop(fact.charge_point, None)
        if known is None:
            known = {}
            if len(self.of) >= MAX_CHARGE_POINTS:
                del self.of[next(iter(self.of))]
        self.of[fact.charge_point] = known
        if connector in known or len(known) < MAX_CONNECTORS:
            known[connector] = status_number(fact.status)


def connector_label(place: Place) -> str:
    """ "" of what is no connector."""
    if not place.connector_id:
        return ""
    if place.evse_id is None:
        return str(place.connector_id)
    return f"{place.evse_id}.{place.connector_id}" if place.evse_id else ""
