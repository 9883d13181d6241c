"""For all tests: properties are judged by their result, not by the clock of a busy machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("ocpptap", deadline=None)
settings.load_profile("ocpptap")
