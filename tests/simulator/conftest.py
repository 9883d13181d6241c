"""Whole simulated networks in one event loop, fast; and every text they say, with the official schemas."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema_rs
import ocpp
import pytest

from proxy.simulator.clock import Pace
from proxy.simulator.csms import Csms, CsmsSettings
from proxy.simulator.csms_session import Asking
from proxy.simulator.fleet import Fleet, FleetSettings
from proxy.simulator.link import Link

SCHEMAS = Path(ocpp.__file__).parent
SUFFIXES = {"1.6": ("", "Response"), "2.0.1": ("Request", "Response"), "2.1": ("Request", "Response")}


class Said(NamedTuple):
    """One text as a peer sent it."""

    ocpp: str
    text: str
    at: float


@dataclass
class Played:
    """A fleet and its CSMS after they parted."""

    fleet: dict[str, Any]
    csms: dict[str, Any]

    def of(self, fault: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Both sides' counts of the first charge point with this fault."""
        points: dict[str, dict[str, Any]] = self.fleet["charge_points"]
        name = next(name for name, account in points.items() if fault in account["faults"])
        return points[name], self.csms["charge_points"][name]


@dataclass
class Schemas:
    """The official ones, as the `ocpp` package ships them."""

    made: dict[tuple[str, str], Any] = field(default_factory=dict)

    def check(self, version: str, name: str, payload: Any) -> None:
        key = (version, name)
        if key not in self.made:
            path = SCHEMAS / f"v{version.replace('.', '')}" / "schemas" / f"{name}.json"
            self.made[key] = jsonschema_rs.validator_for(json.loads(path.read_text("utf-8-sig")))
        self.made[key].validate(payload)

    def check_all(self, said: list[Said]) -> set[str]:
        """Every message is valid; the actions that occurred."""
        actions: dict[str, str] = {}
        for one in said:
            kind, message_id, *rest = json.loads(one.text)
            assert kind in (2, 3), one.text
            call, result = SUFFIXES[one.ocpp]
            actions |= {message_id: rest[0]} if kind == 2 else {}
            self.check(one.ocpp, actions[message_id] + (call if kind == 2 else result), rest[-1])
        return set(actions.values())


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    return Schemas()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[Said]:
    """All texts both sides send from here on."""
    texts: list[Said] = []
    put = Link.put

    async def recorded(link: Link, text: str) -> None:
        texts.append(Said(link.account.ocpp, text, time.monotonic()))
        await put(link, text)

    monkeypatch.setattr(Link, "put", recorded)
    return texts


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 (counters are no events)
            await asyncio.sleep(0.01)


Enough = Callable[[Fleet], bool]
Play = Callable[..., Awaitable[Played]]


@pytest.fixture
def play() -> Play:
    """Let a fleet live on a CSMS until it has done `enough`."""

    async def played(
        enough: Enough,
        speed: float = 100,
        grace_seconds: float = 5,
        csms_faults: tuple[str, ...] = (),
        asking: Asking = Asking.AT_RANDOM,
        **more: Any,
    ) -> Played:
        pace = Pace(
            speed=speed,
            start_seconds=(0, 0.5),
            idle_seconds=(1, 4),
            charging_seconds=(8, 20),
            grace_seconds=grace_seconds,
        )
        settings = CsmsSettings(heartbeat_seconds=5, faults=csms_faults, asking=asking)
        async with Csms(settings) as csms:
            fleet = Fleet(FleetSettings(to=f"{csms.url}/ocpp", pace=pace, **more))
            async with asyncio.TaskGroup() as group:
                group.create_task(fleet.run())
                await until(lambda: enough(fleet))
                fleet.stop()
        return Played(fleet.summary(), csms.summary())

    return played
