"""Packs rigged and animated glTF files for the training of the motion prior.

python scripts/pack_creatures.py FOLDER --out creatures.npz
"""

from __future__ import annotations

import argparse
from pathlib import Path

from support import console, environments


def main() -> int:
    environments.enter_engine()
    from align4d_lab.lifting.gltf_creature import read_creature
    from align4d_lab.lifting.pack import pack

    parser = argparse.ArgumentParser(description=console.headline(__doc__))
    parser.add_argument("folder", type=Path, help="folder of .glb and .gltf files; a creature is named after its file")
    parser.add_argument("--out", type=Path, required=True, help="the pack to write")
    arguments = parser.parse_args()
    creatures = []
    for path in sorted([*arguments.folder.glob("*.glb"), *arguments.folder.glob("*.gltf")]):
        creature = read_creature(path, path.stem)
        console.say(f"{creature.name}: {len(creature.parents)} bones, {len(creature.actions)} actions")
        if creature.actions:
            creatures.append(creature)
    if not creatures:
        raise console.ScriptError(f"{arguments.folder} has no animated creature.")
    pack(creatures).save(arguments.out)
    console.say(f"{arguments.out}  ({arguments.out.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    console.exit_with(main)
