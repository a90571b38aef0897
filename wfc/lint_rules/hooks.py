"""Family 8: hooks, waits and streams."""
