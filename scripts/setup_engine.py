"""Makes the engine's environment and prints the interpreter to choose in the extension's preferences.

python scripts/setup_engine.py
"""

from __future__ import annotations

import argparse

from support import console, environments


def main() -> int:
    argparse.ArgumentParser(description=console.headline(__doc__)).parse_args()
    python = environments.ready(environments.engine_environment())
    console.say(f"The engine's environment is ready. In Blender: Preferences > Add-ons > Align4D > Use Existing:\n{python}")
    return 0


if __name__ == "__main__":
    console.exit_with(main)
