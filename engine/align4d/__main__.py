"""`python -m align4d`: the command line."""

import sys

from align4d.cli import main

if __name__ == "__main__":
    sys.exit(main())
