"""Examples: each a folder with a README, run by `python -m examples.NAME`."""
