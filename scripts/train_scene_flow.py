"""Trains the scene flow network on posed procedural objects.

    python scripts/train_scene_flow.py --out OUT --minutes 15
"""

from __future__ import annotations

from support import console, environments


def main() -> int:
    environments.enter_engine()
    from align4d.training.scene_flow_command import main as train

    train()
    return 0


if __name__ == "__main__":
    console.exit_with(main)
