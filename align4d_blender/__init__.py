"""The Blender side's own library: no operators, no panels, nothing of the engine but its protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .storage.folders import EXTENSION

if TYPE_CHECKING:
    from .scripting.generate import generate

__all__ = ["EXTENSION", "generate"]


def __getattr__(name: str) -> Any:
    """What scripts call, when it is first used: Blender starts sooner without it."""
    if name != "generate":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .scripting.generate import generate

    return generate
