"""Trains the motion prior on a pack of animated creatures.

python scripts/train_lifter.py --pack creatures.npz --out OUT --minutes 15
"""

from __future__ import annotations

from support import console, environments


def main() -> int:
    environments.enter_engine()
    from align4d_lab.lifting.command import main as train

    train()
    return 0


if __name__ == "__main__":
    console.exit_with(main)
