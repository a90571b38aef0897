"""Executions, workers, runs. Importing it fills the slots of `abi`."""

from wfc.runtime import context as _context  # noqa: F401 - imported for its effect
