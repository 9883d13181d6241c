"""What a charge point lets its CSMS do, in every version: no connection is needed for that."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.simulator.clock import Clock, Pace
from proxy.simulator.faults import ReconnectLoop
from proxy.simulator.online import Setup
from proxy.simulator.scenario import Idle, RemoteStart, Reserve, Setting, Show, Update
from proxy.simulator.station import Station
from proxy.simulator.station2 import Station2
from proxy.simulator.station16 import Station16
from proxy.simulator.tally import Account

Make = Callable[..., Station]
KINDS: dict[str, type[Station]] = {"1.6": Station16, "2.0.1": Station2, "2.1": Station2}
HELD = Reserve(1, "04A1", 7)


@pytest.fixture(params=list(KINDS))
def make(request: pytest.FixtureRequest) -> Make:
    def made(*faults: ReconnectLoop) -> Station:
        ocpp = request.param
        setup = Setup("CP_1", "ws://x", ocpp, 1, Clock(), Pace(), faults, Account(ocpp))
        return KINDS[ocpp](setup)

    return made


def test_a_reserved_charge_point_is_free_for_nobody_else(make: Make) -> None:
    station = make()
    assert station.accept_reservation(HELD)
    assert list(station.errands) == [(Show(1, "Reserved"),)]
    assert not station.accept_reservation(Reserve(2, "04B2", 8))
    assert not station.accept_remote_start(RemoteStart(2, "04B2", 9))


def test_only_the_reservation_that_is_held_can_be_cancelled(make: Make) -> None:
    station = make()
    assert not station.accept_cancellation(7)
    station.accept_reservation(HELD)
    assert not station.accept_cancellation(8)
    assert station.accept_cancellation(7)
    assert not station.accept_cancellation(7)
    assert station.accept_remote_start(RemoteStart(1, "04B2", 9))


@pytest.mark.parametrize("connector", [0, 3, -1])
def test_there_are_two_connectors(connector: int, make: Make) -> None:
    assert not make().accept_reservation(Reserve(connector, "04A1", 7))
    assert not make().accept_remote_start(RemoteStart(connector, "04A1", 7))


def test_a_faulted_connector_is_not_reserved(make: Make) -> None:
    station = make()
    station.statuses[1] = "Faulted"
    assert not station.accept_reservation(HELD)
    assert station.accept_reservation(Reserve(2, "04A1", 7))


def test_errands_are_bounded(make: Make) -> None:
    station = make()
    accepted = [station.accept_upload(number) for number in range(10)]
    assert accepted == [True] * 4 + [False] * 6
    assert len(station.errands) == 4


def test_a_cancellation_that_finds_no_room_changes_nothing(make: Make) -> None:
    station = make()
    station.accept_reservation(HELD)
    while station.accept_upload(1):
        pass
    assert not station.accept_cancellation(7)
    assert station.reserved == HELD


def test_an_update_takes_the_charge_point_out_of_service(make: Make) -> None:
    station = make()
    assert station.accept_update(5)
    told = [step for step in station.errands[0] if not isinstance(step, Idle)]
    assert told[0] == Update(5, "Downloading")
    assert told[2:4] == [Show(1, "Unavailable"), Show(2, "Unavailable")]
    assert told[-1] == Update(5, "Installed")


@pytest.mark.parametrize("value", ["0", "-5", "", "5.0", "٣", "x", "9999999"])
def test_settings_take_whole_seconds_only(value: str, make: Make) -> None:
    station = make()
    assert not station.accept_setting(Setting.HEARTBEAT_SECONDS, value)
    assert station.setting(Setting.HEARTBEAT_SECONDS) == "60"


def test_settings_that_can_be_set(make: Make) -> None:
    station = make()
    assert station.accept_setting(Setting.SAMPLE_SECONDS, "30")
    assert station.setting(Setting.SAMPLE_SECONDS) == "30"
    assert not station.accept_setting(Setting.PING_SECONDS, "30")
    assert station.setting(Setting.REMOTE_NEEDS_AUTHORIZATION) is None


def test_a_limit_of_connector_0_is_everybodys(make: Make) -> None:
    station = make()
    assert station.accept_limit(2, 30_000.0)
    assert station.meters[1].limit_watts > station.meters[2].limit_watts == 30_000
    assert station.accept_limit(0, 20_000.0)
    assert {meter.limit_watts for meter in station.meters.values()} == {20_000}
    assert not station.accept_limit(3, 10_000.0)


def test_nothing_that_does_not_run_is_stopped(make: Make) -> None:
    station = make()
    assert not station.accept_remote_stop("1")
    station.charging = True
    assert not station.accept_remote_stop("1")
    assert not station.stop_wanted


def test_who_only_reboots_accepts_nothing_that_takes_time(make: Make) -> None:
    station = make(ReconnectLoop(make().rng))
    assert not station.accept_remote_start(RemoteStart(1, "04A1", 7))
    assert not station.accept_reservation(HELD)
    assert not station.accept_update(5)
    assert not station.accept_upload(5)
