"""Label values: the words that a metric may carry, out of those that peers tell (metrics.py).

A word of the standard stays, in the standard's spelling, whichever case a peer writes it in; any other is `other`. What
no standard lists (vendors, models, fault codes, addresses) is cut and made printable; how many of those there may be is
`tally.py`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from proxy.metrics import CLOSE_CODES, CONNECTOR_STATUSES, INITIATORS, OCPP_VERSIONS, OTHER
from proxy.names import DIRECTIONS, Direction
from proxy.ocpp import v16, v20, v21
from proxy.ocpp.conformance.standards import SIGNED, STANDARDS

MAX_WORD: Final = 64
_REPLACEMENT: Final = "\ufffd"


def _by_lower_case(words: Iterable[str]) -> dict[str, str]:
    return {word.lower(): word for word in words}


_PLAIN: Final = frozenset(
    action
    for table in (v16.READINGS, v20.READINGS, v21.READINGS)
    for actions in table.values()
    for action in actions
)
ACTIONS: Final[Mapping[str, str]] = {
    **{action: action for action in _PLAIN},
    **{action + SIGNED: action for action in _PLAIN},
}
"""Every action of 1.6, 2.0.1 and 2.1, as it stands in a message; a signed one (2.x Part 4 §7) is the same action."""
ERROR_CODES: Final[Mapping[str, str]] = _by_lower_case(
    code for standard in STANDARDS.values() for code in standard.error_codes
)
# fmt: off
STOP_REASONS: Final[Mapping[str, str]] = _by_lower_case((
    "DeAuthorized", "EmergencyStop", "EVDisconnected", "Local", "Other", "PowerLoss", "Reboot", "Remote",
    "HardReset", "SoftReset", "UnlockCommand",
    "EnergyLimitReached", "GroundFault", "ImmediateReset", "LocalOutOfCredit", "MasterPass", "OvercurrentFault",
    "PowerQuality", "ReqEnergyTransferRejected", "SOCLimitReached", "StoppedByEV", "TimeLimitReached", "Timeout",
))
"""1.6 §7.36; 2.1 §3.83."""
AUTHORIZATIONS: Final[Mapping[str, str]] = _by_lower_case((
    "Accepted", "Blocked", "ConcurrentTx", "Expired", "Invalid",
    "NoCredit", "NotAllowedTypeEVSE", "NotAtThisLocation", "NotAtThisTime", "Unknown",
))
"""1.6 §7.2; 2.1 §3.6."""
# fmt: on
_STATUS_NUMBERS: Final = {word.lower(): number for number, word in enumerate(CONNECTOR_STATUSES)}
_OTHER_STATUS: Final = CONNECTOR_STATUSES.index(OTHER)
OFFLINE: Final = CONNECTOR_STATUSES.index("offline")
"""Ours: nobody can tell it."""
LABELS: Final[Mapping[Direction, str]] = {direction: direction.label for direction in DIRECTIONS}
"""Looked up, because making it costs ten times as much."""


def known(words: Mapping[str, str], told: str) -> str:
    """The standard's word, or `other`."""
    return words.get(told.strip().lower(), OTHER)


def version_label(version: str) -> str:
    return version if version in OCPP_VERSIONS else OTHER


def initiator_label(closed_by: str) -> str:
    """Whom the relay does not name ended with the relay."""
    return closed_by if closed_by in INITIATORS else INITIATORS[-1]


def close_code_label(code: int) -> str:
    """`code` 0: none was told."""
    told = str(code) if code else "none"
    return told if told in CLOSE_CODES else OTHER


def status_number(told: str) -> int:
    """The place in CONNECTOR_STATUSES of a status as told; what nobody can tell is `other`."""
    number = _STATUS_NUMBERS.get(told.strip().lower(), _OTHER_STATUS)
    return _OTHER_STATUS if number == OFFLINE else number


def printable(told: str) -> str:
    """At most 64 characters, none of which does anything to a screen or a file."""
    cut = told[:MAX_WORD]
    if cut.isprintable():
        return cut
    return "".join([letter if letter.isprintable() else _REPLACEMENT for letter in cut])
