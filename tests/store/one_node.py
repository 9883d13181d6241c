"""A cluster on one node: the embedded engine, told of two shards that are both itself, and of a policy with a cold
volume.

It has no Keeper, so ON CLUSTER and Replicated are taken out of the statements; Distributed is real. Each row is seen
twice through it. Run as a process of its own, because an engine has one configuration:
`python -m tests.store.one_node DIRECTORY` reads statements, each a JSON string on a line, and answers each with a line.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
SHARDS: Final = 2
_SHARD: Final = (
    "<shard><internal_replication>true</internal_replication>"
    "<replica><host>127.0.0.1</host><port>9000</port></replica></shard>"
)
_CONFIG: Final = """<clickhouse><tcp_port>9000</tcp_port>
<remote_servers><production>{shards}</production></remote_servers>
<storage_configuration><disks><cold><path>{cold}/</path></cold></disks><policies><tiered><volumes>
<default><disk>default</disk></default><cold><disk>cold</disk></cold></volumes></tiered></policies></storage_configuration>
</clickhouse>"""
_REPLICATED: Final = re.compile(r"Replicated(\w+)\('[^']*', '[^']*'(?:, )?(\w*)\)")
_WINDOW: Final = re.compile(
    r"\breplicated_(deduplication_window = \d+), replicated_deduplication_window_seconds = \d+"
)


def alone(statement: str) -> str:
    """The statement without what needs Keeper."""
    statement = _REPLICATED.sub(r"\1(\2)", statement.replace(" ON CLUSTER 'production'", ""))
    return _WINDOW.sub(r"non_replicated_\1", statement)


def answers(directory: Path, statements: Iterable[str]) -> list[str]:
    """What the engine says to each; an error begins with `Code: `."""
    asked = "".join(json.dumps(statement) + "\n" for statement in statements)
    command = [sys.executable, "-m", "tests.store.one_node", str(directory)]
    done = subprocess.run(
        command, input=asked, capture_output=True, text=True, cwd=ROOT, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return [str(json.loads(line)) for line in done.stdout.splitlines()]


def main(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    config = directory / "config.xml"
    config.write_text(_CONFIG.format(shards=_SHARD * SHARDS, cold=directory / "cold"))
    session: Any = import_module("chdb.session").Session(f"{directory}/db?config-file={config}")
    for line in sys.stdin:
        statement = json.loads(line)
        try:
            answer = session.query(statement, "TabSeparated").bytes().decode()
            if statement.startswith("CREATE DATABASE"):
                session.query("USE ocpptap")
        except Exception as error:
            answer = str(error).splitlines()[0]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
