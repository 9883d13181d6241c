"""docs/DEPLOY.md names what there is."""

from __future__ import annotations

import re

import pytest

from proxy.cli import cli
from proxy.config import setting_names
from proxy.metrics import TABLE
from tests.deploy.reading import ROOT, variables

PAGE = (ROOT / "docs" / "DEPLOY.md").read_text("utf-8")
SECTIONS = {name.partition(".")[0] for name in setting_names() if "." in name}


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", PAGE))))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / "docs" / link).exists()


def test_files_named_are_there() -> None:
    for name in re.findall(r"\b((?:deploy|dashboards)/[\w./*-]+\w)", PAGE):
        assert list(ROOT.glob(name)), name


def test_commands_settings_variables_and_metrics_exist() -> None:
    commands = set(re.findall(r"(?:`|bin/|ocpptap )ocpptap ([a-z-]+)", PAGE))
    assert commands
    assert commands <= set(cli.commands)
    settings = {name for name in re.findall(r"`(\w+\.\w+)`", PAGE) if name.partition(".")[0] in SECTIONS}
    assert settings
    assert settings <= set(setting_names())
    assert set(re.findall(r"\bOCPPTAP_\w+", PAGE)) <= set(variables())
    assert set(re.findall(r"`(ocpptap_\w+)`", PAGE)) <= {metric.name for metric in TABLE}
