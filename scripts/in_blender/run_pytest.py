"""Runs pytest inside an installed Blender, whose own Python has none: ALIGN4D_PYTEST names a folder that does.

Runs inside Blender; arguments: pytest's.
"""

from __future__ import annotations

import os
import sys


def main(arguments: list[str]) -> int:
    sys.path.append(os.environ["ALIGN4D_PYTEST"])
    import pytest

    return int(pytest.main(arguments))


if __name__ == "__main__":
    code = main(sys.argv[sys.argv.index("--") + 1 :])
    sys.stdout.flush()
    # Blender ends with code 0 whatever a script returns, unless the script ends the process itself.
    os._exit(code)
