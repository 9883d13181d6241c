"""docs/METRICS.md says which metrics there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from proxy import metrics
from proxy.admin.exposition import page
from proxy.counters import Exemplar, Family, Series
from tests.admin.page import LABELS, PAGE
from tests.admin.page import page as made

EVERYTHING = (*metrics.TABLE, *metrics.CHARGE_POINTS)


def test_the_page_is_made_from_the_table() -> None:
    assert PAGE.read_text() == made(), "python -m tests.admin.page"


def test_every_metric_stands_in_it_once() -> None:
    rows = re.findall(r"^\| `(ocpptap_\w+)` \| (?:counter|gauge|histogram)", made(), re.MULTILINE)
    assert sorted(rows) == sorted(metric.name for metric in EVERYTHING)


def test_every_label_is_explained_and_no_other() -> None:
    assert {label for metric in EVERYTHING for label in metric.labels} == LABELS.keys()


def test_it_names_no_metric_that_is_not_there() -> None:
    histograms = {m.name + end for m in EVERYTHING if m.buckets for end in ("_bucket", "_count", "_sum")}
    named = set(re.findall(r"ocpptap_\w+", made()))
    assert named <= {metric.name for metric in EVERYTHING} | histograms


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", made()))
def test_links_lead_somewhere(link: str) -> None:
    assert (Path(PAGE).parent / link).exists()


def test_the_scrape_configuration_is_yaml_and_names_our_pages() -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", made(), re.DOTALL)
    jobs = yaml.safe_load(text)["scrape_configs"]
    assert [job.get("metrics_path", "/metrics") for job in jobs] == ["/metrics", "/metrics/charge-points"]


def test_the_exemplar_is_one_as_we_write_it() -> None:
    metric = next(metric for metric in metrics.RECORDER if metric.name == "ocpptap_call_duration_seconds")
    bucket = metric.buckets.index(0.5)
    exemplar = Exemplar(bucket, 0.31, 1.8e9, "0123456789abcdef", "1000001")
    bins = tuple(7 if number == bucket else 0 for number in range(len(metric.buckets) + 1))
    series = Series(("from_csms", "Reset"), 2.17, bins, (exemplar,))
    shown = page([Family(metric, [series])], "application/openmetrics-text;version=1.0.0")[0].decode()
    [said] = re.findall(r"```text\n(.*)\n```", made())
    assert said in shown.splitlines()
