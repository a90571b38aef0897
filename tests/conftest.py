"""What holds for all tests: none of them looks at a clock, so Hypothesis does not, either."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("wfc", deadline=None)
settings.load_profile("wfc")
