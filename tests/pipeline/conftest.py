from __future__ import annotations

import pytest

from proxy.pipeline.pipeline import Pipeline
from tests.pipeline.tape import new_pipeline


@pytest.fixture
def pipeline() -> Pipeline:
    return new_pipeline()
