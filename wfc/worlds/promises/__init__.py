"""The promises of a world, one test each, by subject; `wfc.worlds.conformance` gathers them."""

import pytest

# Before the modules are imported, so that a broken promise shows its values.
pytest.register_assert_rewrite("wfc.worlds.promises")
