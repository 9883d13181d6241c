"""The embedded engine under the rights of one user of deploy/clickhouse/users.xml: what does the server let it do?

Run as a process of its own, because an engine has one set of users: `python -m tests.deploy.rights USER DIRECTORY`. It
reads statements, each a JSON string on a line, and answers each with a line: "" or the refusal. The engine is started
with that user's profile and grants as those of the one user that it has.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from tests.deploy.reading import DEPLOY, ROOT

USERS: Final = DEPLOY / "clickhouse" / "users.xml"
_CONFIG: Final = "<clickhouse><users_config>{users}</users_config></clickhouse>"


def refusals(user: str, directory: Path, statements: Sequence[str]) -> list[str]:
    """What the engine says to each, under the rights of `user`; '' = it did it. The next call finds the same tables."""
    command = [sys.executable, "-m", "tests.deploy.rights", user, str(directory)]
    asked = "".join(json.dumps(statement) + "\n" for statement in statements)
    done = subprocess.run(
        command, input=asked, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return [str(json.loads(line)) for line in done.stdout.splitlines()]


def _as_the_only_user(user: str) -> str:
    """The file with `user` as `default`, who is the engine's only one."""
    tree = ElementTree.parse(USERS)
    root, users = tree.getroot(), tree.find("users")
    assert users is not None
    profiles = root.find("profiles")
    assert profiles is not None
    ElementTree.SubElement(profiles, "default")
    ElementTree.SubElement(ElementTree.SubElement(root, "quotas"), "default")
    for found in list(users):
        if found.tag != user:
            users.remove(found)
            continue
        found.tag = "default"
        password = found.find("password")
        assert password is not None
        password.attrib.clear()
    return ElementTree.tostring(root, encoding="unicode")


def main(user: str, directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    (directory / "users.xml").write_text(_as_the_only_user(user))
    (directory / "config.xml").write_text(_CONFIG.format(users=directory / "users.xml"))
    session: Any = import_module("chdb.session").Session(f"{directory}/db?config-file={directory}/config.xml")
    for line in sys.stdin:
        try:
            session.query(json.loads(line), "Null")
        except Exception as error:
            print(json.dumps(str(error).splitlines()[0]), flush=True)
        else:
            print(json.dumps(""), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
