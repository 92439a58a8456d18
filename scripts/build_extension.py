"""Builds the extension's zip with Blender's own builder.

python scripts/build_extension.py [--out align4d.zip] [--blender PATH]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from support import blender, console, extension


def main() -> int:
    parser = argparse.ArgumentParser(description=console.headline(__doc__))
    parser.add_argument("--out", type=Path, help="the zip to write (default: dist/ID-VERSION.zip)")
    parser.add_argument("--blender", metavar="PATH", help="an installed Blender to build with, instead of PyPI's bpy")
    arguments = parser.parse_args()
    zip_file = extension.build(blender.chosen(arguments.blender), (arguments.out or extension.default_zip()).resolve())
    console.say(f"{zip_file}  ({zip_file.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    console.exit_with(main)
