"""The relay bench's pure parts; and that the load generator works, without any claim about time."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from proxy import metrics
from tests.bench import load, processes, proxy_configs, relay, relay_notes
from tests.bench.candidates import DIRECT, NAMES
from tests.bench.proxy_configs import Certificate, Place
from tests.bench.relay_figures import Commits, Figures, is_overloaded, steady
from tests.bench.relay_rounds import Round, Sample, rotated
from tests.bench.relay_scenarios import Transport, everything
from tests.bench.relay_tables import tables
from tests.relay.world import SWITCHING

CLOSED = "closed-200x200"
RUN: Mapping[str, float | str] = {
    **dict.fromkeys(("errors", "failed", "dropped", "others_us", "others_share"), 0.0),
    "proxy_us": 10.0,
    "user_us": 2.0,
    "proxy_share": 0.98,
    "answers": 1000.0,
    "per_second": 5000.0,
    "p50_us": 100.0,
    "p99_us": 200.0,
    "p999_us": 900.0,
    "tls": "none",
    "pss_kib": 4.0,
    "rss_kib": 4.5,
}


def sample(number: int, candidate: str, scenario: str = CLOSED, **more: float | str) -> Sample:
    return Sample(number, scenario, candidate, {**RUN, **more})


def one_round(number: int, *samples: Sample, before: float = 1500.0, after: float = 1500.0) -> Round:
    return Round(number, samples, before, after)


def of_one_round(*samples: Sample) -> Figures:
    return Figures([one_round(0, *samples)])


# --- rounds


def test_a_round_in_which_the_yardstick_moved_by_more_than_a_tenth_is_dropped() -> None:
    good, bad = one_round(0, after=1640.0), one_round(1, after=1660.0)
    assert steady([good, bad]) == ([good], [bad])


def test_a_yardstick_that_became_faster_moved_as_well() -> None:
    assert steady([one_round(0, before=1660.0, after=1500.0)])[0] == []


def test_when_all_rounds_are_unsteady_that_is_said_loudly() -> None:
    rounds = [one_round(0, sample(0, "nginx"), after=3000.0)]
    _, dropped = steady(rounds)
    assert any("ALL ROUNDS" in note for note in relay_notes.notes(Figures(rounds), (), rounds, dropped, {}))


def test_each_round_begins_with_another_candidate() -> None:
    orders = [rotated(["a", "b", "c"], number) for number in range(4)]
    assert orders == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]
    assert rotated([], 2) == []


# --- figures


def test_an_answer_is_two_messages() -> None:
    found = of_one_round(sample(0, "nginx")).cpu(CLOSED, "nginx")
    assert found is not None
    assert found.best == 5.0


def test_the_ratio_is_what_nginx_takes_against_ours_best_to_best_and_by_round() -> None:
    rounds = [
        one_round(number, sample(number, "nginx", proxy_us=theirs), sample(number, "ocpptap", proxy_us=ours))
        for number, (theirs, ours) in enumerate([(8.0, 10.0), (12.0, 24.0), (16.0, 12.0)])
    ]
    assert Figures(rounds).ratio(CLOSED, "ocpptap") == (0.8, 0.8)


def test_a_run_without_its_core_is_left_out_where_there_are_others() -> None:
    figures = of_one_round(
        sample(0, "nginx", proxy_us=6.0, proxy_share=0.5), sample(0, "nginx", proxy_us=8.0)
    )
    found = figures.cpu(CLOSED, "nginx")
    assert found is not None
    assert (found.best, found.runs, found.mark) == (4.0, 1, "")


def test_runs_without_their_core_are_marked_where_there_are_no_others() -> None:
    found = of_one_round(sample(0, "nginx", proxy_share=0.89)).cpu(CLOSED, "nginx")
    assert found is not None
    assert found.mark == "*"


def test_the_upstream_by_itself_never_fills_its_core_and_is_not_marked() -> None:
    found = of_one_round(sample(0, DIRECT, proxy_share=0.4)).cpu(CLOSED, DIRECT)
    assert found is not None
    assert not found.mark


def test_what_was_not_measured_is_no_figure() -> None:
    figures = of_one_round(sample(0, "ocpptap"))
    assert figures.cpu(CLOSED, "nginx") is None
    assert figures.ratio(CLOSED, "ocpptap") is None
    assert figures.commits(CLOSED, "ocpptap") is None


def test_a_candidate_that_was_sent_more_than_it_could_take_is_overloaded() -> None:
    assert is_overloaded({**RUN, "dropped": 100.0})
    assert not is_overloaded(RUN)


def test_commit_times_of_all_runs_are_one_histogram() -> None:
    counts = [900, 90, 9, *[0] * (len(metrics.APPEND_BUCKETS) - 3), 1]
    text = "/".join(map(str, counts))
    found = of_one_round(sample(0, "ocpptap", commits=text), sample(0, "ocpptap", commits=text)).commits(
        CLOSED, "ocpptap"
    )
    assert found == Commits(2000, 100.0, 250.0, 0.001)


# --- tables


def full_run() -> list[Round]:
    samples = [
        sample(0, name, one.name, commits="10" + "/0" * len(metrics.APPEND_BUCKETS))
        for one in everything()
        for name in one.candidates
    ]
    return [one_round(0, *samples)]


def test_a_full_run_fills_every_table_and_every_goal() -> None:
    rounds = full_run()
    figures = Figures(rounds)
    made = [relay_notes.goals(figures), *tables(figures, everything(), rounds)]
    assert len(made) == 15
    for table in made:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}, table.title
    assert len(made[0].rows) == len(relay_notes.GOALS)


def test_a_partial_run_has_only_the_tables_it_has_rows_for() -> None:
    rounds = [one_round(0, sample(0, "nginx"), sample(0, "ocpptap", proxy_us=20.0))]
    saturated, shapes_or_rounds = tables(Figures(rounds), everything(), rounds)[:2]
    assert [row[0] for row in saturated.rows] == ["nginx", "ocpptap"]
    assert saturated.rows[1][6] == "0.50 / 0.50"
    assert "Rounds" in shapes_or_rounds.title


def test_losses_have_a_column() -> None:
    rounds = [one_round(0, sample(0, "nginx", errors=2.0, failed=1.0))]
    assert tables(Figures(rounds), everything(), rounds)[0].rows[0][-1] == 3


def test_an_overloaded_candidate_has_no_latency() -> None:
    rounds = [one_round(0, sample(0, "mitmproxy", "open-2000", dropped=500.0))]
    assert tables(Figures(rounds), everything(), rounds)[0].rows[0][1] == "overloaded"


def test_goals_that_were_missed_stand_out() -> None:
    goals = relay_notes.goals(of_one_round(sample(0, "nginx"), sample(0, "ocpptap", proxy_us=20.0)))
    assert [(row[2], row[-1]) for row in goals.rows] == [("0.50", "NO")]


# --- what is measured


def test_all_are_measured_and_in_all_six_shapes_plain_and_tls() -> None:
    scenarios = everything()
    assert {name for one in scenarios for name in one.candidates} == set(NAMES)
    for transport in Transport:
        shapes = {
            (one.connections, one.payload)
            for one in scenarios
            if "closed" in one.name and one.transport is transport
        }
        assert shapes == {(count, size) for count in (200, 2000) for size in (60, 200, 600)}


def test_scenarios_and_candidates_are_chosen_by_globs_and_missing_ones_left_out() -> None:
    [one] = relay.chosen(["ocpptap*", "nginx"], [CLOSED], ["nginx"])
    assert one.candidates == ("ocpptap", "ocpptap-relay", "ocpptap-no-journal")
    assert relay.chosen(["nginx"], [CLOSED], ["nginx"]) == ()


def test_configurations_speak_tls_only_with_a_certificate(tmp_path: Path) -> None:
    plain = Place(tmp_path, 8001, 9000)
    secured = Place(tmp_path, 8001, 9000, Certificate("chain.pem", "key.pem", "both.pem"))
    assert "listen 127.0.0.1:8001 backlog" in proxy_configs.nginx(plain)
    assert "ssl_certificate chain.pem; ssl_certificate_key key.pem" in proxy_configs.nginx(secured)
    assert "ssl" not in proxy_configs.haproxy(plain, "tcp").replace("tune.ssl", "")
    assert "ssl crt both.pem" in proxy_configs.haproxy(secured, "http")


def test_memory_is_read_from_what_the_kernel_says() -> None:
    text = (
        "55d-7ff ---p 0 00:00 0 [rollup]\nRss:            1234 kB\nPss:             567 kB\nPss_Anon: 9 kB\n"
    )
    assert processes.parse_rollup(text) == processes.Memory(1234, 567)
    assert processes.memory([os.getpid()]).resident > 0


# --- wsload


def test_a_line_of_wsload_becomes_numbers_and_words() -> None:
    found = load.parse("mode=open p50_us=12.5 errors=0 tls=TLSv1.3/TLS_AES_256_GCM_SHA384\n")
    assert found == {"mode": "open", "p50_us": 12.5, "errors": 0.0, "tls": "TLSv1.3/TLS_AES_256_GCM_SHA384"}


@pytest.fixture(scope="module")
def built() -> None:
    try:
        load.build()
    except load.CannotRun as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def upstream(built: None) -> Iterator[tuple[int, int]]:
    """(a core, its port)."""
    core = min(os.sched_getaffinity(0))
    with load.upstream(core) as (port, _pid):
        yield core, port


def test_wsload_gets_the_right_answer_to_every_call(upstream: tuple[int, int]) -> None:
    core, port = upstream
    argv = load.command(core, "closed", port=port, connections=5, seconds=0.2, warm=0, payload=600)
    result = load.run(argv)
    assert load.number(result, "answers") > 0
    assert (result["open"], result["errors"], result["failed"]) == (5, 0, 0)


def answer_wrongly(listener: socket.socket) -> None:
    sock, _ = listener.accept()
    with sock:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += sock.recv(4096)
        sock.sendall(SWITCHING)
        sock.recv(4096)
        answer = b'[3,"00000000-99999999",{}]'
        sock.sendall(bytes([0x81, len(answer)]) + answer)
        sock.recv(4096)


def test_wsload_tells_a_wrong_answer(built: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = threading.Thread(target=answer_wrongly, args=(listener,))
        peer.start()
        core, port = min(os.sched_getaffinity(0)), listener.getsockname()[1]
        result = load.run(load.command(core, "closed", port=port, connections=1, seconds=0.2, warm=0))
        peer.join()
    assert result["errors"] == 1
