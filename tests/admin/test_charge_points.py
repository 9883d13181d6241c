from __future__ import annotations

from typing import Any

import msgspec
import pytest

from proxy import metrics
from proxy.admin.charge_points import page
from proxy.counters import ChargePointFigures, listed_path
from tests.admin.full import CP1, CP2, list_charge_points, needs_promtool, promtool, samples

PAGE = "/metrics/charge-points"
DROPPED = ("ocpptap_metrics_series_dropped_total", ())


@pytest.fixture
async def open_admin(start: Any) -> Any:
    """An admin with the page turned on, for three charge points at most."""
    return await start(charge_points=("CP*",), charge_point_limit=3)


def some(count: int) -> list[ChargePointFigures]:
    return [ChargePointFigures(f"CP{number}", True, 1.8e9) for number in range(count)]


async def test_without_the_setting_there_is_no_such_page(admin: Any) -> None:
    list_charge_points(admin, CP1)
    response = await admin.ask(PAGE)
    assert response.status == 404
    assert "admin.charge_points" in await response.text()


async def test_what_is_known_of_a_charge_point(open_admin: Any) -> None:
    list_charge_points(open_admin, CP1)
    assert samples(await open_admin.page(PAGE)) == {
        ("ocpptap_cp_up", ("CP1",)): 1,
        ("ocpptap_cp_last_frame_timestamp_seconds", ("CP1",)): 1.8e9,
        ("ocpptap_cp_connector_status", ("CP1", "1")): metrics.CONNECTOR_STATUSES.index("Available"),
        ("ocpptap_cp_connector_status", ("CP1", "2.1")): metrics.CONNECTOR_STATUSES.index("Faulted"),
        ("ocpptap_cp_findings_open", ("CP1", "critical")): 2,
        ("ocpptap_cp_uptime_ratio", ("CP1",)): 0.5,
        ("ocpptap_cp_info", ("CP1", 'Say "hi"', "M\\1", "1\n2", "Hamburg")): 1,
    }


async def test_what_is_not_known_is_not_said(open_admin: Any) -> None:
    list_charge_points(open_admin, CP2)
    assert samples(await open_admin.page(PAGE)) == {
        ("ocpptap_cp_up", ("CP2",)): 0,
        ("ocpptap_cp_info", ("CP2", "", "", "", "")): 1,
    }


async def test_the_labels_are_those_of_the_table(open_admin: Any) -> None:
    list_charge_points(open_admin, CP1)
    shown = await open_admin.page(PAGE)
    for metric in metrics.CHARGE_POINTS:
        [row] = [line for line in shown.splitlines() if line.startswith(metric.name + "{")][:1]
        assert [row.find(f'{label}="') for label in metric.labels] == sorted(
            row.index(f'{label}="') for label in metric.labels
        )


@needs_promtool
async def test_promtool_finds_nothing_to_say(open_admin: Any) -> None:
    list_charge_points(open_admin, CP1, CP2)
    assert await promtool(await open_admin.page(PAGE), "check", "metrics") == (0, "")


async def test_the_page_is_text_whatever_is_asked_for(open_admin: Any) -> None:
    list_charge_points(open_admin, CP1)
    response = await open_admin.ask(PAGE, Accept="application/openmetrics-text")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"[1]", b'{"left_out":"x","charge_points":[]}', b"\xff"]
)
async def test_without_a_file_that_can_be_read_nobody_is_on_it(
    open_admin: Any, content: bytes | None
) -> None:
    if content is not None:
        listed_path(open_admin.data).parent.mkdir()
        listed_path(open_admin.data).write_bytes(content)
    assert await open_admin.page(PAGE) == ""


async def test_the_limit_holds_whatever_the_file_says(open_admin: Any) -> None:
    list_charge_points(open_admin, *some(10))
    assert (await open_admin.page(PAGE)).count("ocpptap_cp_up{") == 3


async def test_each_scrape_counts_those_it_leaves_out(open_admin: Any) -> None:
    list_charge_points(open_admin, *some(5), left_out=100)
    for scrapes in (1, 2, 3):
        await open_admin.page(PAGE)
        assert samples(await open_admin.page("/metrics"))[DROPPED] == scrapes * 102


async def test_who_all_fit_leaves_nobody_out(open_admin: Any) -> None:
    list_charge_points(open_admin, *some(3))
    await open_admin.page(PAGE)
    assert samples(await open_admin.page("/metrics"))[DROPPED] == 0


def test_one_that_is_named_twice_is_shown_once() -> None:
    found = samples(page([CP1, msgspec.structs.replace(CP1, connected=False)], {}).decode())
    assert found["ocpptap_cp_up", ("CP1",)] == 0


def test_a_connector_that_is_named_twice_is_shown_once() -> None:
    twice = ChargePointFigures("CP1", True, 0.0, [("1", 2), ("1", 9)])
    assert page([twice], {}).count(b"ocpptap_cp_connector_status{") == 1


@pytest.mark.parametrize("name", ['"', "\\", "\n", "\0", "}", " # {", "ü\u2028", '",charge_point="b'])
def test_a_name_cannot_break_out_of_its_label(name: str) -> None:
    found = samples(page([ChargePointFigures(name, True, 0.0, vendor=name)], {name: 1.0}).decode())
    shown = name.replace("\0", "\ufffd")
    assert found["ocpptap_cp_uptime_ratio", (shown,)] == 1
    assert found["ocpptap_cp_info", (shown, shown, "", "", "")] == 1
