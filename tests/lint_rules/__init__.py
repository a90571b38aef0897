"""The linter: marked programs, the engine, and each of its fronts."""
