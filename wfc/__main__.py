"""`python -m wfc`."""

from __future__ import annotations

import sys

from wfc.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
