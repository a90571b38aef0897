"""A real process per crash."""
