"""The README says what is there, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analyzers import ALL
from proxy.cli import cli
from proxy.config import load

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("place", sorted(set(re.findall(r"`(tests/[\w/]+(?:\.py)?)`", README))))
def test_the_proof_of_each_promise_exists(place: str) -> None:
    assert (ROOT / place).exists()


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(link: str) -> None:
    assert link.startswith("https://") or (ROOT / link).exists()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`ocpptap ([a-z-]+)", README))))
def test_commands_exist(command: str) -> None:
    assert command in cli.commands


@pytest.mark.parametrize("folder", sorted(path.name for path in (ROOT / "proxy").iterdir() if path.is_dir()))
def test_each_folder_has_its_line_in_the_architecture(folder: str) -> None:
    if folder != "__pycache__":
        assert f"`proxy/{folder}`" in (ROOT / "docs" / "ARCHITECTURE.md").read_text()


@pytest.mark.parametrize("kind", ALL)
def test_each_analyzer_says_when_it_fires(kind: type) -> None:
    text = Path(str(__import__(kind.__module__, fromlist=["x"]).__file__)).read_text()
    assert "Fires when" in text or "fires when" in text


def test_the_example_configuration_is_one() -> None:
    config = load(ROOT / "deploy" / "ocpptap.toml", {}, {})
    assert (config.relay.upstream, config.journal.retain_seconds) == ("wss://csms.example/ocpp", 86_400)
