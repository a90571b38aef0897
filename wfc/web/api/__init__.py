"""The operator API: what is known of runs, and what may be done to them, as JSON over HTTP."""
