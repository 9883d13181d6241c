"""What is shown in which color on every board: states, statuses, severities."""

from __future__ import annotations

from typing import Final

from dashboards.panels import BAD, GOOD, NEUTRAL, POOR

AVAILABILITY: Final = {
    "available": GOOD,
    "occupied": NEUTRAL,
    "reserved": "purple",
    "unavailable": POOR,
    "faulted": BAD,
    "unknown": "gray",
}
"""`statuses.availability`: OCPP's words, those of 1.6 in the five of 2.x."""
STATUS: Final = {
    "Available": GOOD,
    "Preparing": "super-light-blue",
    "Charging": NEUTRAL,
    "SuspendedEV": "light-blue",
    "SuspendedEVSE": "light-yellow",
    "Finishing": "semi-dark-green",
    "Occupied": "semi-dark-blue",
    "Reserved": "purple",
    "Unavailable": POOR,
    "Faulted": BAD,
    "offline": "semi-dark-red",
    "other": "gray",
}
SEVERITY: Final = {"critical": BAD, "warning": POOR, "info": NEUTRAL}
