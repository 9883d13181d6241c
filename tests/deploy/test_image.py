"""The Dockerfile, line by line, against the code; its health check against the real admin pages."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tomllib
from collections.abc import AsyncIterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from aiohttp import web

from proxy.admin.server import application
from proxy.admin.settings import AdminProcess, AdminSettings
from proxy.admin.status import Status
from proxy.checks import host_and_port
from proxy.config import Config
from tests.deploy.reading import DEPLOY, ROOT, variables

LINES = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text("utf-8")).splitlines()
INSTRUCTIONS = [tuple(line.split(maxsplit=1)) for line in LINES if line and not line.startswith("#")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
TOKEN = "a long random word"


def of(instruction: str) -> list[str]:
    return [rest for name, rest in INSTRUCTIONS if name == instruction]


def test_it_runs_as_nobody_special() -> None:
    """By number, so that Kubernetes' runAsNonRoot can tell."""
    assert [int(part) > 0 for part in of("USER")[-1].split(":")] == [True, True]
    after = [name for name, _ in INSTRUCTIONS[INSTRUCTIONS.index(("USER", of("USER")[-1])) :]]
    assert not {"RUN", "COPY", "ADD"} & set(after)


def sources() -> list[str]:
    copied = (copy.split() for copy in of("COPY") if not copy.startswith("--from"))
    return [source for words in copied for source in words[:-1]]


@pytest.mark.parametrize("source", sources())
def test_what_is_copied_exists_and_is_sent_to_the_builder(source: str) -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert (ROOT / source).exists()
    assert f"!{source}" in ignored
    assert not [line for line in ignored[2:] if line[:1] not in "!#" and fnmatch(source, line)]


def test_nothing_else_is_sent() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert ignored[1] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == set(sources())


def test_what_the_wheel_is_made_of_is_copied() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    wanted = {
        *build["targets"]["wheel"]["packages"],
        PROJECT["readme"],
        *PROJECT["license-files"],
        "pyproject.toml",
    }
    assert wanted <= set(sources())


def test_both_stages_are_one_python_that_we_run_on() -> None:
    [base] = {stage.split()[0] for stage in of("FROM")}
    found = re.fullmatch(r"python:3\.(\d+)-slim-bookworm", base)
    assert found
    assert int(found[1]) >= int(PROJECT["requires-python"].removeprefix(">=3."))


def test_each_argument_is_used_after_it_is_named() -> None:
    for number, (name, rest) in enumerate(INSTRUCTIONS):
        if name == "ARG":
            argument = rest.partition("=")[0]
            later = INSTRUCTIONS[number + 1 :]
            stage = later[: next((at for at, one in enumerate(later) if one[0] == "FROM"), len(later))]
            assert any(f"${argument}" in text for _, text in stage), argument
    assert "ARG EMBEDDED=1" in LINES


def test_the_engine_is_that_of_the_extra() -> None:
    [engine] = PROJECT["optional-dependencies"]["embedded"]
    assert f'--no-deps "{engine}"' in " ".join(of("RUN"))


def test_its_environment_is_known_to_the_code() -> None:
    named = dict(pair.split("=", 1) for pair in of("ENV")[0].split())
    assert {name for name in named if name.startswith("OCPPTAP_")} <= set(variables())
    assert [named["OCPPTAP_DATA"]] == of("VOLUME")
    assert named["PATH"].startswith("/opt/ocpptap/bin:")


def test_ports_are_the_defaults() -> None:
    listens = (Config().relay.listen, Config().admin.listen)
    assert of("EXPOSE") == [" ".join(str(host_and_port(listen)[1]) for listen in listens)]


def test_it_runs_our_command_and_is_stopped_as_that_wants() -> None:
    assert of("ENTRYPOINT") == ['["ocpptap"]']
    assert "ocpptap" in PROJECT["scripts"]
    assert (of("CMD"), of("STOPSIGNAL")) == (['["run"]'], ["SIGTERM"])


# the health check


@pytest.fixture
async def admin() -> AsyncIterator[int]:
    """Its port; it wants a token."""
    runner = web.AppRunner(application(AdminProcess("", -1, AdminSettings(token=TOKEN)), Status()))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def checked(**environment: str) -> tuple[int | None, str]:
    """The exit code and what it says, as the container's engine would see it."""
    script = DEPLOY / "healthcheck.py"
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, env=os.environ | environment, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode().strip()


def test_the_image_has_it() -> None:
    [command] = of("HEALTHCHECK")
    assert Path(command.rpartition("CMD")[2].split('"')[3]).name == "healthcheck.py"
    assert command.rpartition("CMD")[2].split('"')[3] in of("COPY")[-1].split()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", ""])
async def test_healthy_while_admin_answers(admin: int, host: str) -> None:
    listen = {"OCPPTAP_ADMIN__LISTEN": f"{host}:{admin}"}
    assert await checked(**listen, OCPPTAP_ADMIN__TOKEN=TOKEN) == (0, "200 ok")


async def test_not_healthy_when_it_does_not(admin: int) -> None:
    code, said = await checked(OCPPTAP_ADMIN__LISTEN=f"127.0.0.1:{admin}", OCPPTAP_ADMIN__TOKEN="")
    assert (code, said) == (1, "401 needs admin.token")
    assert (await checked(OCPPTAP_ADMIN__LISTEN="127.0.0.1:1"))[0] == 1
