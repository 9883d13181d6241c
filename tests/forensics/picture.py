"""Makes docs/show.png (`python -m tests.forensics.picture`): the page of a charge point in trouble, in a browser.

What it shows is the fleet of `fleet.py`, recorded by the real recorder; needs chromium (sh tests/packages.sh).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from proxy.forensics.chapters import chapters
from proxy.forensics.export.reading import Selection
from proxy.forensics.page import write
from proxy.store.client import Role, connect
from tests.forensics.chaptered import browsed
from tests.forensics.fleet import save_fleet

PICTURE: Final = Path(__file__).parent.parent.parent / "docs" / "show.png"
_SIZE: Final = "1240,1480"
_FOLDED: Final = '<details class="x cs" id="s1f7">'
"""A start that is rejected: the picture shows it unfolded."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data, page = Path(folder) / "data", Path(folder) / "page.html"
        data.mkdir()
        save_fleet(data)
        store = connect("embedded", data, Role.READER)
        with page.open("wb") as file:
            write(chapters(store, Selection(charge_point="CP_4711")), file)
        store.close()
        text = page.read_text()
        assert _FOLDED in text
        page.write_text(text.replace(_FOLDED, _FOLDED.replace("<details", "<details open")))
        browsed(page, f"--window-size={_SIZE}", f"--screenshot={PICTURE}")


if __name__ == "__main__":
    main()
