"""`python -m rung`, as `rung`."""

import sys

from rung import main

if __name__ == "__main__":
    sys.exit(main())
