"""DESIGN 9, computed from the source: who may import whom, and what the pure parts may never reach."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LEAVES = frozenset(
    {
        "proxy.names",
        "proxy.metrics",
        "proxy.counters",
        "proxy.tables",
        "proxy.lifeline",
        "proxy.log",
        "proxy.notify",
        "proxy.failpoints",
    }
)
PURE_LEAVES = frozenset({"proxy.names", "proxy.metrics", "proxy.tables"})
EVERYTHING = frozenset(
    {"proxy.config", "proxy.checks", "proxy.plan", "proxy.app", "proxy.cli", "proxy.demo", "proxy.__main__"}
)
STORE_INTERFACE = frozenset(
    {"proxy.store.client", "proxy.store.interface", "proxy.store.newest", "proxy.store.parameters"}
)

# part -> what of ours it may import directly, besides itself and the leaves (a prefix is a package or a module)
MAY: dict[str, frozenset[str]] = {
    "proxy.heads": frozenset(),
    "proxy.wire": frozenset({"proxy.heads"}),
    "proxy.ocpp": frozenset({"proxy.wire"}),
    "analyzers": frozenset({"proxy.ocpp"}),
    "proxy.pipeline": frozenset({"proxy.heads", "proxy.wire", "proxy.ocpp", "analyzers"}),
    "proxy.journal": frozenset(),
    "proxy.relay": frozenset({"proxy.heads", "proxy.journal"}),
    "proxy.store": frozenset(),
    # proxy.heads.connection: the values in which the relay writes and the recorder reads the journal
    "proxy.recorder": frozenset(
        {"proxy.heads.connection", "proxy.journal", "proxy.pipeline", "analyzers", *STORE_INTERFACE}
    ),
    "proxy.forensics": frozenset(
        {"proxy.pipeline", "proxy.heads", "proxy.wire", "proxy.ocpp", *STORE_INTERFACE}
    ),
    # proxy.forensics: the fleet's uptime is computed beside it, in a process of its own
    "proxy.admin": frozenset({"proxy.forensics", *STORE_INTERFACE}),
    "proxy.simulator": frozenset(),
    "proxy.supervisor": frozenset(),
}
# part -> what of ours it must not reach, however many imports lie between
NEVER: dict[str, frozenset[str]] = {
    "proxy.journal": frozenset({"proxy.relay", "proxy.recorder"}),
    "proxy.relay": frozenset(
        {
            "proxy.wire",
            "proxy.ocpp",
            "proxy.pipeline",
            "proxy.store",
            "analyzers",
            "proxy.config",
            "proxy.recorder",
        }
    ),
    "proxy.recorder": frozenset({"proxy.relay", "proxy.admin", "proxy.config"}),
    "proxy.forensics": frozenset({"proxy.relay", "proxy.journal", "proxy.recorder", "proxy.config"}),
    "proxy.admin": frozenset({"proxy.relay", "proxy.recorder", "proxy.config"}),
    "proxy.supervisor": frozenset(
        {"proxy.relay", "proxy.recorder", "proxy.admin", "proxy.store", "analyzers"}
    ),
}
PURE = ("proxy.heads", "proxy.wire", "proxy.ocpp", "analyzers", "proxy.pipeline")
# fmt: off
NO_PURE_PART_IMPORTS = frozenset({
    "aiohttp", "asyncio", "concurrent", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets",
    "select", "selectors", "shutil", "signal", "socket", "ssl", "structlog", "subprocess", "sys", "tempfile",
    "threading", "time", "uuid", "uvloop",
})
# fmt: on


def modules() -> dict[str, Path]:
    files = [file for folder in ("proxy", "analyzers") for file in (ROOT / folder).rglob("*.py")]
    return {_name(file): file for file in files}


def _name(file: Path) -> str:
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def imports(name: str, file: Path) -> Iterator[str]:
    """Full names of what a module imports when it is loaded or later; what only a type checker sees does not count."""
    tree = ast.parse(file.read_text("utf-8"))
    unseen = {below for node in ast.walk(tree) if _is_for_types(node) for below in ast.walk(node)}
    for node in ast.walk(tree):
        if node in unseen:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def graph() -> dict[str, set[str]]:
    """module -> modules of ours it imports; a package's own `__init__` runs too."""
    known = modules()
    return {
        name: {found for wanted in imports(name, file) for found in _ours(wanted, known)} - {name}
        for name, file in known.items()
    }


def _ours(wanted: str, known: dict[str, Path]) -> Iterator[str]:
    while wanted:
        if wanted in known:
            yield wanted
        wanted = wanted.rpartition(".")[0]


def within(name: str, places: frozenset[str] | tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(place + ".") for place in places)


def reached(start: str, imported: dict[str, set[str]]) -> dict[str, str]:
    """All modules that loading `start` loads, each with the one that imported it."""
    found, todo = {start: ""}, [start]
    while todo:
        name = todo.pop()
        for below in imported[name] - found.keys():
            found[below] = name
            todo.append(below)
    return found


GRAPH = graph()
IN_A_PART = [name for name in GRAPH if within(name, tuple(MAY))]


def part_of(name: str) -> str:
    return next(part for part in MAY if within(name, (part,)))


def test_every_module_has_a_place_in_the_table() -> None:
    assert {name for name in GRAPH if not within(name, (*MAY, *LEAVES, *EVERYTHING))} == {"proxy"}


@pytest.mark.parametrize("name", sorted(IN_A_PART))
def test_imports_what_its_part_may(name: str) -> None:
    part = part_of(name)
    leaves = PURE_LEAVES if part in PURE else LEAVES
    allowed = (part, *MAY[part], *leaves)
    packages = {"proxy", *(place.rpartition(".")[0] for place in MAY[part])}
    assert {below for below in GRAPH[name] - packages if not within(below, allowed)} == set()


@pytest.mark.parametrize("leaf", sorted(LEAVES))
def test_a_leaf_imports_nothing_of_ours_but_the_table_of_metrics(leaf: str) -> None:
    assert GRAPH[leaf] <= {"proxy", "proxy.metrics"}


@pytest.mark.parametrize("part", sorted(NEVER))
def test_never_reaches(part: str) -> None:
    for name in (name for name in GRAPH if within(name, (part,))):
        trail = reached(name, GRAPH)
        forbidden = [f"{below} (by {trail[below]})" for below in trail if within(below, NEVER[part])]
        assert not forbidden, f"{name} reaches {forbidden}"


@pytest.mark.parametrize("name", sorted(name for name in GRAPH if within(name, PURE)))
def test_a_pure_part_has_no_clock_and_no_io(name: str) -> None:
    for below in reached(name, GRAPH):
        banned = {
            wanted.partition(".")[0] for wanted in imports(below, modules()[below])
        } & NO_PURE_PART_IMPORTS
        assert not banned, f"{below} imports {banned}"


@pytest.mark.parametrize("name", sorted(name for name in GRAPH if within(name, PURE)))
def test_a_pure_part_does_not_ask_for_the_time(name: str) -> None:
    calls = {
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(modules()[name].read_text("utf-8")))
        if isinstance(node, ast.Call)
    }
    assert not {call for call in calls if call.endswith((".now", ".utcnow", ".today"))} | (
        calls & {"open", "print"}
    )


def test_analyzers_do_not_know_each_other() -> None:
    shared = ("analyzers", "analyzers.base", "analyzers.stats")
    for name in GRAPH:
        if within(name, ("analyzers",)) and name not in shared:
            assert not [
                below for below in GRAPH[name] if within(below, ("analyzers",)) and below not in shared
            ]


def test_settings_import_nothing_of_ours() -> None:
    assert {
        name: GRAPH[name] - {"proxy", name.rpartition(".")[0]} for name in GRAPH if name.endswith(".settings")
    } == {name: set() for name in GRAPH if name.endswith(".settings")}


@pytest.mark.parametrize(
    ("name", "banned"),
    [
        (
            "proxy.supervisor.__main__",
            ("aiohttp", "pydantic", "chdb", "uvloop", "orjson", "click"),
        ),
        (
            "proxy.relay.__main__",
            ("aiohttp", "pydantic", "chdb", "orjson", "jsonschema_rs", "ocpp", "clickhouse_connect"),
        ),
        ("proxy.recorder.__main__", ("aiohttp", "uvloop", "pydantic", "chdb")),
        ("proxy.admin.__main__", ("pydantic", "chdb", "uvloop")),
        ("proxy.cli", ("aiohttp", "pydantic", "chdb", "uvloop", "orjson", "msgspec")),
    ],
)
def test_loading_a_part_really_loads_no_other(name: str, banned: tuple[str, ...]) -> None:
    """`sys.modules`, as a process that has imported all it needs to begin."""
    code = f"import {name}, sys; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(said.stdout.split())
    mine = NEVER.get(name.rpartition(".")[0], frozenset())
    assert not [module for module in loaded if within(module, (*banned, *mine))]
