"""Family 3, the half below 350: what a replay would decide otherwise."""
