"""docs/writing-an-analyzer.md: every block on it is run, as a distribution of its own would be."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from analyzers import ALL
from analyzers.base import Severity
from proxy.recorder.analysis import GROUP, selection

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "writing-an-analyzer.md").read_text()
BLOCKS = dict(re.findall(r"`([\w.]+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
"""What stands in each file that the page names."""
SUITE = ("tests/analyzers/test_conformance.py", "-k", "reset_often")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in BLOCKS.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def run(project: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(project), str(ROOT)])
    named = {"PYTHONPATH": path, "OCPPTAP_TEST_ANALYZERS": "reset_often:ResetOften"}
    command = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **named},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def installed(project: Path) -> None:
    """As pip would leave it: the metadata beside the module."""
    told = tomllib.loads(BLOCKS["pyproject.toml"])["project"]
    folder = project / f"{told['name'].replace('-', '_')}-{told['version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {told['version']}\n"
    )
    lines = [f"{name} = {value}" for name, value in told["entry-points"][GROUP].items()]
    (folder / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))


def test_every_block_has_its_file() -> None:
    assert sorted(BLOCKS) == ["ocpptap.toml", "pyproject.toml", "reset_often.py", "test_reset_often.py"]
    assert len(BLOCKS) == PAGE.count("\n```\n")


def test_its_own_test_passes(project: Path) -> None:
    done = run(project, project, "test_reset_often.py")
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_its_own_test_can_fail(project: Path) -> None:
    module = project / "reset_often.py"
    module.write_text(module.read_text().replace("return [Raised(", "return [] and [Raised("))
    assert "1 failed, 2 passed" in run(project, project, "test_reset_often.py").stdout


def test_it_passes_what_every_analyzer_must_pass(project: Path) -> None:
    done = run(project, ROOT, *SUITE)
    assert re.search(r"^\d+ passed", done.stdout.splitlines()[-1]), done.stdout + done.stderr


def test_the_recorder_finds_and_sets_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(project)
    monkeypatch.syspath_prepend(project)
    monkeypatch.delitem(sys.modules, "reset_often", raising=False)
    importlib.invalidate_caches()
    chosen = selection(tomllib.loads(BLOCKS["ocpptap.toml"])["analyzers"])
    assert [one.name for one in chosen.analyzers] == [*(kind.name for kind in ALL), "reset_often"]
    assert vars(chosen.analyzers[-1])["resets"] == 5
    policy = chosen.policies.of["reset_often"]
    assert (policy.severities, policy.scope.charge_points) == ({"ACME-01": Severity.INFO}, ("CP_4*",))


def test_one_that_cannot_be_loaded_is_left_out(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(project)
    (project / "reset_often.py").write_text("import nothing_of_this_name\n")
    monkeypatch.syspath_prepend(project)
    monkeypatch.delitem(sys.modules, "reset_often", raising=False)
    importlib.invalidate_caches()
    assert [one.name for one in selection({}).analyzers] == [kind.name for kind in ALL]
