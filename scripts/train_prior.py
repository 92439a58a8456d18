"""Trains the embedded multiview prior; restarts from its checkpoint.

python scripts/train_prior.py --out OUT --minutes 20
"""

from __future__ import annotations

from support import console, environments


def main() -> int:
    environments.enter_engine()
    from align4d_lab.training.command import main as train

    train()
    return 0


if __name__ == "__main__":
    console.exit_with(main)
