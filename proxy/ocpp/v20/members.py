"""What the messages of 2.x have in common: evse, idToken, status.

Also the rule for commands: one whose CALL was not kept says nothing, because in a command what is left out has a
meaning (any, all, the whole charge point), and only the CALL shows what was left out.
"""

from __future__ import annotations

from typing import Any

from proxy.ocpp.facts import NOBODY, NOWHERE, Named, Place
from proxy.ocpp.tolerant import mapping, small, text


def status_of(answer: Any) -> str:
    """The answer's status, as told."""
    return text(mapping(answer).get("status"))


def at_evse(evse_id: Any, connector_id: Any = None) -> Place:
    """The place that an evseId (and a connectorId beside it) names."""
    if evse_id is None and connector_id is None:
        return NOWHERE
    return Place(small(evse_id), small(connector_id))


def place_of(evse: Any) -> Place:
    """The place that an evse object names."""
    told = mapping(evse)
    return at_evse(told.get("id"), told.get("connectorId"))


def named(id_token: Any) -> Named:
    """Whom an idToken object names; a bare string, as in 1.6, is a token of no kind."""
    if type(id_token) is str:
        return Named(text(id_token))
    told = mapping(id_token)
    return Named(text(told.get("idToken")), text(told.get("type"))) if told else NOBODY
