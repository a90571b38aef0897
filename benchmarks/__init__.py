"""Speed as ratios within one run: `python -m benchmarks [--quick] [--only W1,W9] [--json FILE]`."""
