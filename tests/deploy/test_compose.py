"""compose.yaml and what it mounts agree with the code and with each other. No container engine runs here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from proxy.admin.server import application
from proxy.admin.settings import AdminProcess, AdminSettings
from proxy.admin.status import Status
from proxy.checks import check, host_and_port
from proxy.config import Config
from proxy.store.address import parse
from tests.deploy.reading import (
    DEPLOY,
    GIVEN,
    ROOT,
    configured,
    drain_seconds,
    parsed,
    substituted,
    variables,
)

TEXT = (DEPLOY / "compose.yaml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(substituted(TEXT))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OCPPTAP = SERVICES["ocpptap"]
PROMETHEUS = parsed("prometheus.yml")
DATASOURCES = {
    one["uid"]: one for one in parsed("grafana/provisioning/datasources/ocpptap.yaml")["datasources"]
}


def mounts(service: str) -> dict[str, str]:
    """Where in the container -> what of the host, or the volume."""
    split = (volume.split(":") for volume in SERVICES[service].get("volumes", ()))
    return {inside: outside for outside, inside, *_ in split}


def port(listen: str) -> str:
    return str(host_and_port(listen)[1])


def test_the_services_are_those_of_the_page() -> None:
    assert set(SERVICES) == {"ocpptap", "prometheus", "grafana", "clickhouse"}
    assert not [name for name, service in SERVICES.items() if "profiles" in service]


def test_its_first_lines_give_all_that_must_be_given() -> None:
    assert set(re.findall(r"(\w+)=(?:%s|wss:)", TEXT.replace("\\n", " "))) == set(GIVEN)
    assert set(re.findall(r"\$\{(\w+):\?", TEXT)) == set(GIVEN)


def test_every_variable_of_ours_is_a_setting() -> None:
    assert {name for name in OCPPTAP["environment"] if name not in variables()} == set()


def test_with_them_ocpptap_starts() -> None:
    check(configured(OCPPTAP["environment"]))


def test_ports_are_those_it_listens_on() -> None:
    config = configured(OCPPTAP["environment"])
    inside = [published.rpartition(":")[2] for published in OCPPTAP["ports"]]
    assert inside == [port(config.relay.listen), port(config.admin.listen)]


def test_nothing_but_the_charge_points_port_is_open_to_others() -> None:
    published = {name: service.get("ports", []) for name, service in SERVICES.items()}
    open_to_others = [
        (name, one) for name, ports in published.items() for one in ports if one.count(":") == 1
    ]
    assert open_to_others == [("ocpptap", f"9000:{port(Config().relay.listen)}")]


def test_a_stop_may_take_as_long_as_it_takes() -> None:
    grace = float(OCPPTAP["stop_grace_period"].removesuffix("s"))
    assert grace > drain_seconds(configured(OCPPTAP["environment"]))


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_mounted_is_there(service: str) -> None:
    for outside in mounts(service).values():
        if outside.startswith("."):
            assert (DEPLOY / outside).exists(), outside
        else:
            assert outside in COMPOSE["volumes"]
    assert set(SERVICES[service].get("depends_on", ())) <= set(SERVICES)
    assert set(SERVICES[service].get("secrets", ())) <= set(COMPOSE["secrets"])


def test_data_is_where_the_image_has_it() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert f"OCPPTAP_DATA={next(iter(mounts('ocpptap')))}" in dockerfile
    assert (DEPLOY / OCPPTAP["build"]["context"] / OCPPTAP["build"]["dockerfile"]).samefile(
        DEPLOY / "Dockerfile"
    )
    assert set(OCPPTAP["build"]["args"]) == set(re.findall(r"^ARG (\w+)", dockerfile, re.MULTILINE))


# Prometheus


def jobs() -> dict[str, dict[str, Any]]:
    """Also the one that is commented out."""
    return {job["job_name"]: job for job in yaml.safe_load(uncommented())["scrape_configs"]}


def uncommented() -> str:
    return re.sub(
        r"^  # (- job_name|  )", r"  \1", (DEPLOY / "prometheus.yml").read_text("utf-8"), flags=re.MULTILINE
    )


def test_it_scrapes_ocpptap_where_that_answers() -> None:
    """The port, the name in Host, the token, the pages."""
    config = configured(OCPPTAP["environment"])
    admin = AdminProcess("", -1, AdminSettings(charge_points=("*",)))
    pages = {
        route.resource.canonical for route in application(admin, Status()).router.routes() if route.resource
    }
    for job in jobs().values():
        [target] = job["static_configs"][0]["targets"]
        host, _, number = target.partition(":")
        assert host in SERVICES
        assert host in config.admin.hosts
        assert number == port(config.admin.listen)
        assert job.get("metrics_path", "/metrics") in pages
        secret = Path(job["authorization"]["credentials_file"])
        assert (str(secret.parent), secret.name in SERVICES["prometheus"]["secrets"]) == (
            "/run/secrets",
            True,
        )
    assert COMPOSE["secrets"]["ocpptap_admin_token"]["environment"] == "OCPPTAP_ADMIN_TOKEN"
    assert config.admin.token == GIVEN["OCPPTAP_ADMIN_TOKEN"]


def test_the_second_page_is_on_once_it_is_uncommented() -> None:
    assert [job["job_name"] for job in PROMETHEUS["scrape_configs"]] == ["ocpptap"]
    assert set(jobs()) == {"ocpptap", "ocpptap-charge-points"}


def test_rules_and_dashboards_ask_for_a_job_there_is() -> None:
    files = [*ROOT.glob("dashboards/*.yaml"), *ROOT.glob("dashboards/grafana/*.json")]
    asked = {job for file in files for job in re.findall(r'job=\\*"([^"\\]+)', file.read_text("utf-8"))}
    assert asked <= set(jobs())


def test_prometheus_is_started_with_what_is_mounted() -> None:
    inside = mounts("prometheus")
    flags = dict(flag.removeprefix("--").split("=") for flag in SERVICES["prometheus"]["command"])
    assert flags["config.file"] in inside
    assert flags["storage.tsdb.path"] in inside
    folder = Path(flags["config.file"]).parent
    assert {str(folder / rules) for rules in PROMETHEUS["rule_files"]} <= set(inside)
    assert flags["enable-feature"] == "exemplar-storage"


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool: apt-get install prometheus")
@pytest.mark.parametrize("which", ["as it is", "with the second page"])
def test_promtool_reads_it(tmp_path: Path, which: str) -> None:
    text = (
        uncommented() if which == "with the second page" else (DEPLOY / "prometheus.yml").read_text("utf-8")
    )
    (tmp_path / "token").write_text("word")
    (tmp_path / "rules").mkdir()
    for inside, outside in mounts("prometheus").items():
        if inside.endswith(".yaml"):
            shutil.copy(DEPLOY / outside, tmp_path / "rules" / Path(inside).name)
    config = tmp_path / "prometheus.yml"
    config.write_text(text.replace("/run/secrets/ocpptap_admin_token", str(tmp_path / "token")))
    done = subprocess.run(
        ["promtool", "check", "config", config], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


# the store


def users() -> dict[str, ElementTree.Element]:
    """Of the file that the server gets: by name."""
    tree = ElementTree.parse(DEPLOY / "clickhouse" / "users.xml").getroot()
    found = tree.find("users")
    assert found is not None
    return {user.tag: user for user in found}


def password_of(user: str) -> str:
    """As the server reads it in its environment."""
    password = users()[user].find("password")
    assert password is not None
    return str(SERVICES["clickhouse"]["environment"][password.attrib["from_env"]])


def test_the_server_reads_the_file_of_its_users() -> None:
    [inside] = [inside for inside, outside in mounts("clickhouse").items() if outside.endswith("users.xml")]
    assert str(Path(inside).parent) == "/etc/clickhouse-server/users.d"
    assert set(users()) == {"ocpptap", "grafana"}


def test_ocpptap_writes_under_a_name_and_password_that_the_server_knows() -> None:
    store = parse(configured(OCPPTAP["environment"]).store.url)
    assert (store.user, store.password) == ("ocpptap", password_of("ocpptap"))


def test_grafana_reads_under_a_name_and_password_that_the_server_knows() -> None:
    clickhouse = DATASOURCES["ocpptap-clickhouse"]
    variable = clickhouse["secureJsonData"]["password"].removeprefix("$")
    assert clickhouse["jsonData"]["username"] == "grafana"
    assert SERVICES["grafana"]["environment"][variable] == password_of("grafana")
    assert password_of("grafana") != password_of("ocpptap")


def test_the_image_makes_no_user_of_its_own() -> None:
    """With one of these it opens a user with all rights to the network."""
    of_the_image = {"CLICKHOUSE_USER", "CLICKHOUSE_PASSWORD", "CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT"}
    assert not of_the_image & set(SERVICES["clickhouse"]["environment"])


def test_the_server_is_new_enough_and_stops_after_ocpptap() -> None:
    year, month = SERVICES["clickhouse"]["image"].rpartition(":")[2].split(".")
    assert (int(year), int(month)) >= (25, 8)
    assert "clickhouse" in OCPPTAP["depends_on"]
    assert "/ping" in SERVICES["clickhouse"]["healthcheck"]["test"][-1]


# Grafana


def test_datasources_are_the_services() -> None:
    prometheus, clickhouse = DATASOURCES["ocpptap-prometheus"], DATASOURCES["ocpptap-clickhouse"]
    assert prometheus["url"] == "http://prometheus:9090"
    store = parse(configured(OCPPTAP["environment"]).store.url)
    [(host, number)] = store.hosts
    told = clickhouse["jsonData"]
    assert host in SERVICES
    assert (told["host"], told["port"], told["protocol"]) == (host, number, "native")
    assert told["defaultDatabase"] == store.database
    assert PROMETHEUS["global"]["scrape_interval"] == prometheus["jsonData"]["timeInterval"]


def test_the_plugins_are_those_that_dashboards_and_datasources_need() -> None:
    built_in = {"prometheus"}
    wanted = {one["type"] for one in DATASOURCES.values()} - built_in
    assert set(SERVICES["grafana"]["environment"]["GF_PLUGINS_PREINSTALL_SYNC"].split(",")) == wanted
    asked = set()
    for file in ROOT.glob("dashboards/grafana/*.json"):
        known = json.loads(file.read_text("utf-8"))["templating"]["list"]
        asked |= {one["query"] for one in known if one["type"] == "datasource"}
    assert asked == wanted | built_in


def test_dashboards_are_looked_for_where_they_are_mounted() -> None:
    [provider] = parsed("grafana/provisioning/dashboards/ocpptap.yaml")["providers"]
    outside = mounts("grafana")[provider["options"]["path"]]
    assert list((DEPLOY / outside).glob("*.json"))
    assert mounts("grafana")["/etc/grafana/provisioning"] == "./grafana/provisioning"
