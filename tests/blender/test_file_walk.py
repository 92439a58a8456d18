"""No motion is lost that an object still plays, whatever artists do in whatever order."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest
from file_walk import Walk

STEPS = int(os.environ.get("ALIGN4D_WALK_STEPS", "40"))
SEEDS = [int(seed) for seed in os.environ.get("ALIGN4D_WALK_SEEDS", "1").split(",")]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_motion_is_lost(blender: ModuleType, tmp_path: Path, seed: int) -> None:
    walk = Walk(tmp_path, seed)
    walk.check()
    for _ in range(STEPS):
        walk.step()
        walk.check()
    for file in sorted(walk.saved):
        walk._open(file)
        walk.check()
