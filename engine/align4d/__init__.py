"""Align4D's engine: animates 3D Gaussians bound to an artist's mesh so that they agree with a reference video.

    import align4d

    result = align4d.generate("out", mesh="fox.glb", video="run.mp4")

Names are imported when they are first used, because Blender imports `protocol` through this package and `align4d --help` must not
wait for torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .protocol.version import ENGINE

if TYPE_CHECKING:
    from .alignment.asynchronous import AsynchronousSchedule
    from .alignment.distance import video_aligned_distance
    from .alignment.motion_geometry import MotionGeometryLoss
    from .alignment.multiview_distance import multiview_aligned_distance
    from .cameras.orbit import Orbit
    from .job.make import FurtherClip
    from .pipeline.generate import generate
    from .rendering import Cameras, Gaussians, Rendering, rasterize

__version__ = ENGINE

_HOMES = {
    "AsynchronousSchedule": ".alignment.asynchronous",
    "Cameras": ".rendering",
    "FurtherClip": ".job.make",
    "Gaussians": ".rendering",
    "MotionGeometryLoss": ".alignment.motion_geometry",
    "Orbit": ".cameras.orbit",
    "Rendering": ".rendering",
    "generate": ".pipeline.generate",
    "multiview_aligned_distance": ".alignment.multiview_distance",
    "rasterize": ".rendering",
    "video_aligned_distance": ".alignment.distance",
}
"""Public name -> the module that it lives in."""

__all__ = [
    "AsynchronousSchedule",
    "Cameras",
    "FurtherClip",
    "Gaussians",
    "MotionGeometryLoss",
    "Orbit",
    "Rendering",
    "generate",
    "multiview_aligned_distance",
    "rasterize",
    "video_aligned_distance",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
