"""The linter: one engine, one file per family of rules, and the fronts that other hosts load."""
