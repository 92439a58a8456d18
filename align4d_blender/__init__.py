"""The Blender side's own library: no operators, no panels, nothing of the engine but its protocol."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .storage.folders import EXTENSION

if TYPE_CHECKING:
    from .scripting.correct import keep_pose, limbs, other_way, solve_around_poses, variations
    from .scripting.generate import generate

__all__ = ["EXTENSION", "generate", "keep_pose", "limbs", "other_way", "solve_around_poses", "variations"]

FOR_SCRIPTS = {
    "generate": ".scripting.generate",
    **dict.fromkeys(("keep_pose", "limbs", "other_way", "solve_around_poses", "variations"), ".scripting.correct"),
}
"""What scripts call, and where it is."""


def __getattr__(name: str) -> Any:
    """What scripts call, when it is first used: Blender starts sooner without it."""
    if name not in FOR_SCRIPTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(FOR_SCRIPTS[name], __name__), name)
