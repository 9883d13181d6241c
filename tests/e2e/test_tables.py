"""A day in the life of a charge point in each version, through the real proxy into the real store, its tables asked."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from proxy.simulator.clock import Pace, SteppedClock
from proxy.simulator.csms import Csms, CsmsSettings
from proxy.simulator.csms_session import Asking
from proxy.simulator.fleet import Fleet, FleetSettings
from proxy.simulator.life import perform
from proxy.simulator.scenario import A_DAY
from proxy.simulator.station import Station
from proxy.tables import INSERT_ORDER, KEYS, ONE_ROW_A_BATCH
from tests.e2e.running import Running, ask, until
from tests.recorder.process import record_all

VERSIONS = ("1.6", "2.0.1", "2.1")
PACE = Pace(start_seconds=(0, 0), retry_seconds=(0, 0), meter_seconds=60)
APPENDED = [table for table in INSERT_ORDER if table not in ONE_ROW_A_BATCH and table != "gaps"]


async def live_through(data: Path) -> None:
    """The same day three times; after the first and second the recorder is killed with part of it in the store."""
    async with Csms(CsmsSettings(heartbeat_seconds=300, asking=Asking.WHEN_TOLD)) as csms:

        async def life(station: Station) -> None:
            await perform(station, A_DAY, csms.ask)

        running = await asyncio.to_thread(Running, data, csms.url)
        try:
            for recorded, version in enumerate(VERSIONS):
                of_one = FleetSettings(running.url + "/ocpp", 1, seed=16, ocpp=version, pace=PACE)
                await Fleet(of_one, SteppedClock(datetime.now(UTC)), life).run()
                await asyncio.to_thread(until, partial(holds_more_days, data, recorded))
                if version != VERSIONS[-1]:  # three deaths would be safe mode
                    running.kill("recorder")
        finally:
            await asyncio.to_thread(running.stop)


def holds_more_days(data: Path, than: int) -> bool:
    """In how many versions is a closed connection in the store?"""
    ended = "SELECT uniqExact(ocpp_version) FROM connections WHERE state = 'closed'"
    return int(ask(data, ended) or 0) > than


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("tables") / "data"
    asyncio.run(live_through(data))
    record_all(data)
    return data


def rows(data: Path, sql: str) -> list[list[str]]:
    return [line.split("\t") for line in ask(data, sql).splitlines()]


def test_each_version_has_the_same_three_transactions(data: Path) -> None:
    found = rows(
        data,
        "SELECT ocpp_version, arraySort(groupArray((round(energy_wh), reason, outcome, state, began))) "
        "FROM transactions JOIN connections USING (connection_id) GROUP BY ocpp_version ORDER BY ocpp_version",
    )
    assert [version for version, _ in found] == list(VERSIONS)
    assert len({told for _, told in found}) == 1
    assert found[0][1].count("ended") == 3
    assert "nan" not in found[0][1].lower()


@pytest.mark.parametrize("table", APPENDED)
def test_no_row_is_there_twice_though_the_recorder_was_killed(data: Path, table: str) -> None:
    key = ", ".join(KEYS[table])
    ((count, unique),) = rows(data, f"SELECT count(), uniqExact({key}) FROM all_{table}")
    assert count == unique != "0"


def test_every_message_of_correct_peers_is_judged_ok(data: Path) -> None:
    assert (
        rows(data, "SELECT action, rule, pointer FROM frames WHERE verdict IN ('erratum', 'violation')") == []
    )
    ((judged,),) = rows(data, "SELECT count() FROM frames WHERE verdict = 'ok'")
    assert int(judged) > 400


def test_every_answered_call_stands_with_its_answer(data: Path) -> None:
    ((calls, answered),) = rows(data, "SELECT count(), countIf(answer_frame_no > frame_no) FROM messages")
    assert calls == answered != "0"


def test_the_passport_and_the_configuration_are_known(data: Path) -> None:
    ((vendor, version),) = rows(data, "SELECT vendor, ocpp_version FROM charge_points")
    assert vendor
    assert version == "2.1"
    assert rows(data, "SELECT key FROM configuration WHERE changed_by = 'CSMS'") != []


def test_the_rollup_counts_what_the_frames_count(data: Path) -> None:
    ((frames, calls),) = rows(
        data, "SELECT count(), countIf(message_type = 2) FROM frames WHERE kind = 'frame'"
    )
    assert rows(data, "SELECT sum(frames), sum(calls) FROM fleet_minutes") == [[frames, calls]]
