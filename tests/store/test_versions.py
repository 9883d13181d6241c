"""Too old a server is refused in a line that says why; what cannot be read is let in."""

from __future__ import annotations

import pytest

from proxy.store.interface import StoreError
from proxy.store.schema.versions import check_version


@pytest.mark.parametrize("version", ["18.16.1", "23.12.6.19", "24.7.6.8", "24.3.18.10426.altinitystable"])
def test_before_24_8_rollups_are_not_exact(version: str) -> None:
    with pytest.raises(
        StoreError, match=rf"^the server is ClickHouse {version}, at least 24\.8 is needed: .*61601"
    ):
        check_version(version)


@pytest.mark.parametrize("version", ["24.8.1.1", "24.10.1", "25.3.2.39", "26.9.2.1", "", "a build of ours"])
def test_from_24_8_on_they_are(version: str) -> None:
    check_version(version)
