"""The live pictures of running jobs, as icons that a panel can draw: the video's frame, and what the engine makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import bpy.utils.previews

if TYPE_CHECKING:
    from bpy.utils.previews import ImagePreviewCollection

_collection: ImagePreviewCollection | None = None
_stamps: dict[str, int] = {}
"""Job -> date of the picture that its icons show."""


def refresh(job: str, picture: Path) -> bool:
    """Loads a picture, two squares side by side, into the job's icons. Returns whether it is a new one."""
    import numpy as np

    global _collection
    try:
        stamp = picture.stat().st_mtime_ns
        if _stamps.get(job) == stamp:
            return False
        pair = np.load(picture, allow_pickle=False)
    except (OSError, ValueError):  # it is replaced at this moment, or gone with its job: the next one will come
        return False
    _stamps[job] = stamp
    if _collection is None:
        _collection = bpy.utils.previews.new()
    for name, half in zip(_names(job), np.split(pair, 2, axis=1), strict=True):
        rgba = np.ones((*half.shape[:2], 4), np.float32)
        rgba[..., :3] = half[::-1] / 255.0
        icon = _collection[name] if name in _collection else _collection.new(name)
        icon.image_size = (half.shape[1], half.shape[0])
        icon.image_pixels_float.foreach_set(rgba.ravel())
    return True


def icons(job: str) -> tuple[int, int] | None:
    """The icons of the video's frame and of the render; None where there is no picture yet."""
    if _collection is None or job not in _stamps:
        return None
    frame, render = (_collection[name].icon_id for name in _names(job))
    return frame, render


def forget(job: str) -> None:
    """Frees a job's icons."""
    if _stamps.pop(job, None) is not None and _collection is not None:
        for name in _names(job):
            del _collection[name]


def clear() -> None:
    """Frees everything."""
    global _collection
    _stamps.clear()
    if _collection is not None:
        bpy.utils.previews.remove(_collection)
        _collection = None


def _names(job: str) -> tuple[str, str]:
    return f"{job} frame", f"{job} render"
