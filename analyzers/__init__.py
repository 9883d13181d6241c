"""Analyzers: facts in, findings out; one file, one word, one class (DESIGN 7).

`ALL` is the list the runner is given: a new analyzer is a new file, a line here, and its test.
"""

from __future__ import annotations

from typing import Any, Final

from analyzers.base import Analyzer
from analyzers.silence import Silence
from analyzers.unanswered_call import UnansweredCall

ALL: Final[tuple[type[Analyzer[Any]], ...]] = (
    Silence,
    UnansweredCall,
)
