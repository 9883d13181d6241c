"""How boards point at each other: uids and the addresses made of them. One place, so that no link goes astray."""

from __future__ import annotations

from typing import Final

from dashboards.panels import Link

FLEET: Final = "ocpptap-fleet"
CHARGE_POINT: Final = "ocpptap-charge-point"
SESSIONS: Final = "ocpptap-sessions"
FAULTS: Final = "ocpptap-faults"
PROTOCOL: Final = "ocpptap-protocol"
SECURITY: Final = "ocpptap-security"
INTERNALS: Final = "ocpptap-internals"
UPTIME: Final = "ocpptap-uptime"


def to(uid: str, title: str, **chosen: str) -> Link:
    """A data link that keeps the time range and chooses variables: `to(CHARGE_POINT, "Open", charge_point="CP1")`."""
    choices = "".join(f"&var-{name}={value}" for name, value in chosen.items())
    return Link(title, f"/d/{uid}?${{__url_time_range}}{choices}")


TO_CHARGE_POINT: Final = to(
    CHARGE_POINT, "Open this charge point", charge_point="${__data.fields.charge_point}"
)
"""For tables with a column `charge_point`."""
