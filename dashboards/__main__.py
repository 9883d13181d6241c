"""`make dashboards`: write the boards' JSON files; a test compares them with what is committed."""

from __future__ import annotations

from pathlib import Path

from dashboards.all import ALL
from dashboards.board import as_text

FOLDER = Path(__file__).parent / "grafana"


def main() -> None:
    for board in ALL:
        path = FOLDER / f"{board.uid}.json"
        path.write_text(as_text(board), "utf-8")
        print(path)


if __name__ == "__main__":
    main()
