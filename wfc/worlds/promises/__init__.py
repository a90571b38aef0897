"""The promises of a world, one test each, by subject; `wfc.worlds.conformance` gathers them."""

import pytest

# Before these modules are imported, so that a broken promise shows its values.
pytest.register_assert_rewrite(
    *(f"{__name__}.{name}" for name in ("appending", "given", "leases", "queue", "reading"))
)
