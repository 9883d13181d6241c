from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from proxy.admin.exposition import page
from proxy.counters import Exemplar, Family, Series
from proxy.metrics import TABLE, Kind, Metric

COUNTER = Metric("ocpptap_things_total", Kind.COUNTER, 'Things with a "name" and a \\.', ("name",))
GAUGE = Metric("ocpptap_level", Kind.GAUGE, "A level.")
TIMES = Metric("ocpptap_seconds", Kind.HISTOGRAM, "Times.", ("who",), buckets=(0.5, 1.0))
BUSY = Series(("me",), 2.5, (3, 0, 1))
TEXT = "text/plain"
OPEN_METRICS = "application/openmetrics-text;version=1.0.0"


def shown(families: list[Family], accept: str = TEXT) -> str:
    return page(families, accept)[0].decode("utf-8")


def text(metric: Metric, *series: Series, accept: str = TEXT) -> str:
    """A page without its comments."""
    lines = shown([Family(metric, list(series))], accept).splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))


def test_a_page_of_text() -> None:
    assert shown([Family(COUNTER, [Series(("a",), 3.0)]), Family(GAUGE, [Series((), 0.25)])]) == (
        '# HELP ocpptap_things_total Things with a "name" and a \\\\.\n'
        "# TYPE ocpptap_things_total counter\n"
        'ocpptap_things_total{name="a"} 3.0\n'
        "# HELP ocpptap_level A level.\n"
        "# TYPE ocpptap_level gauge\n"
        "ocpptap_level 0.25\n"
    )


def test_a_page_of_openmetrics() -> None:
    assert shown([Family(COUNTER, [Series(("a",), 3.0)])], OPEN_METRICS) == (
        '# HELP ocpptap_things Things with a \\"name\\" and a \\\\.\n'
        "# TYPE ocpptap_things counter\n"
        'ocpptap_things_total{name="a"} 3.0\n'
        "# EOF\n"
    )


def test_buckets_are_cumulative() -> None:
    assert text(TIMES, BUSY).splitlines() == [
        'ocpptap_seconds_bucket{le="0.5",who="me"} 3.0',
        'ocpptap_seconds_bucket{le="1.0",who="me"} 3.0',
        'ocpptap_seconds_bucket{le="+Inf",who="me"} 4.0',
        'ocpptap_seconds_count{who="me"} 4.0',
        'ocpptap_seconds_sum{who="me"} 2.5',
    ]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_figures_are_exact(value: float) -> None:
    assert float(text(GAUGE, Series((), value)).split()[1]) == value


def test_a_family_without_series_is_not_spoken_of() -> None:
    assert shown([Family(COUNTER, []), Family(GAUGE, [Series((), math.nan)])]) == ""


IMPOSSIBLE = {
    "a count below zero": (COUNTER, Series(("a",), -1.0)),
    "no number": (COUNTER, Series(("a",), math.nan)),
    "without end": (COUNTER, Series(("a",), math.inf)),
    "a label too few": (COUNTER, Series((), 1.0)),
    "bins of a counter": (COUNTER, Series(("a",), 1.0, (1,))),
    "a histogram without bins": (TIMES, Series(("a",), 1.0)),
    "a bucket too few": (TIMES, Series(("a",), 1.0, (1, 2))),
    "a bucket below zero": (TIMES, Series(("a",), 1.0, (1, -1, 5))),
    "more than can be counted": (TIMES, Series(("a",), 1.0, (1, 10**400, 5))),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_what_cannot_be_costs_its_own_series_only(what: str) -> None:
    metric, series = IMPOSSIBLE[what]
    good = Series(("good",), 1.0, (1, 1, 1) if metric is TIMES else ())
    assert text(metric, series, good) == text(metric, good)


def test_of_two_that_look_the_same_the_later_counts() -> None:
    assert text(COUNTER, Series(("a",), 1.0), Series(("a",), 2.0)) == 'ocpptap_things_total{name="a"} 2.0'


def test_a_nul_for_which_prometheus_refuses_the_page_is_replaced() -> None:
    assert text(COUNTER, Series(("a\0b",), 1.0)) == 'ocpptap_things_total{name="a\ufffdb"} 1.0'


@given(st.text())
def test_a_label_comes_back_as_it_was(value: str) -> None:
    for accept, parse in ((TEXT, plain_text), (OPEN_METRICS, open_metrics)):
        said = shown([Family(COUNTER, [Series((value,), 1.0)])], accept)
        [sample] = [sample for family in parse(said) for sample in family.samples]
        assert sample.labels == {"name": value.replace("\0", "\ufffd")}


@given(st.text(st.characters(categories=["Cs"]), min_size=1))
def test_half_a_character_does_not_break_the_page(value: str) -> None:
    assert "ocpptap_things_total{" in shown([Family(COUNTER, [Series((value,), 1.0)])])


# --- exemplars


def exemplar(bucket: int = 1, value: float = 0.7, at: float = 1.8e9, message: str = "m") -> Exemplar:
    return Exemplar(bucket, value, at, "0123456789abcdef", message)


def with_exemplar(given: Exemplar) -> str:
    return text(TIMES, Series(("me",), 2.5, (3, 0, 1), (given,)), accept=OPEN_METRICS)


def test_an_exemplar_stands_behind_its_bucket() -> None:
    said = '# {connection_id="0123456789abcdef",message_id="m"} 0.7 1800000000.0'
    assert f'{{le="1.0",who="me"}} 3.0 {said}\n' in with_exemplar(exemplar())


def test_an_exemplar_may_have_no_message_id() -> None:
    assert '# {connection_id="0123456789abcdef"} 0.7' in with_exemplar(exemplar(message=""))


@pytest.mark.parametrize(
    "odd",
    [
        exemplar(bucket=3),
        exemplar(bucket=-1),
        exemplar(value=math.inf),
        exemplar(value=-1.0),
        exemplar(at=1e300),
        exemplar(at=math.nan),
        exemplar(message="m" * 90),
    ],
)
def test_an_exemplar_that_cannot_be_is_left_out(odd: Exemplar) -> None:
    assert with_exemplar(odd) == text(TIMES, BUSY)


# --- whatever the figures are


def any_series(metric: Metric) -> st.SearchStrategy[Series]:
    labels = st.tuples(*(st.text(max_size=5) for _ in metric.labels)) | st.just(("x",))
    bins = st.lists(st.integers(-1, 2**70), max_size=len(metric.buckets) + 2).map(tuple)
    floats, words = st.floats(), st.text(max_size=70)
    exemplars = st.lists(st.builds(Exemplar, st.integers(-1, 20), floats, floats, words, words), max_size=3)
    return st.builds(Series, labels, floats, bins, exemplars.map(tuple))


@st.composite
def any_families(draw: st.DrawFn) -> list[Family]:
    chosen = draw(st.lists(st.sampled_from(TABLE), unique_by=lambda metric: metric.name, max_size=4))
    return [Family(metric, draw(st.lists(any_series(metric), max_size=3))) for metric in chosen]


@given(any_families())
def test_both_parsers_read_whatever_the_figures_are(families: list[Family]) -> None:
    assert list(plain_text(shown(families))) is not None
    assert list(open_metrics(shown(families, OPEN_METRICS))) is not None  # type: ignore[no-untyped-call]


# --- which format


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain;version=0.0.4", ";;,q=,=;"])
def test_text_unless_asked_otherwise(accept: str) -> None:
    assert page([], accept)[1].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.2",
    ],
)
def test_openmetrics_for_prometheus(accept: str) -> None:
    assert page([], accept)[1].startswith("application/openmetrics-text; version=1.0.0")


@given(st.text())
def test_any_accept_gets_an_answer(accept: str) -> None:
    assert page([], accept)[1].partition(";")[0] in ("text/plain", "application/openmetrics-text")
