"""What the scripts share. Importing it checks the running Python first, so that an old one gets a sentence instead of a syntax error."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  this is the check that makes it outdated
    sys.exit(f"Align4D needs Python 3.11 or newer; this is Python {sys.version.split()[0]}. Run the script with python3.11 or python3.13.")
