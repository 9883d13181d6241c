"""The boards, in the order of the menu."""

from __future__ import annotations

from typing import Final

from dashboards import (
    charge_point,
    faults,
    fleet,
    internals,
    protocol,
    security,
    sessions,
    uptime,
)
from dashboards.board import Board

ALL: Final[tuple[Board, ...]] = (
    fleet.BOARD,
    charge_point.BOARD,
    sessions.BOARD,
    faults.BOARD,
    protocol.BOARD,
    security.BOARD,
    internals.BOARD,
    uptime.BOARD,
)
