"""The whole schema as it is sent to an empty store, of one node and of a cluster: `python -m tests.store.golden`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from proxy.store.deployment import SINGLE, Deployment
from proxy.store.schema.migrations import plan

PAGES: Final = {"single": SINGLE, "cluster": Deployment(cluster="production")}


def page(name: str) -> Path:
    """The file of one deployment."""
    return Path(__file__).with_name(f"{name}.sql")


def written(name: str) -> str:
    """What the file should say."""
    return "".join(f"{statement};\n\n" for statement in plan(None, PAGES[name]))


if __name__ == "__main__":
    for one in PAGES:
        page(one).write_text(written(one), "utf-8")
