"""Masks from a segmentation network through rembg, for videos whose background is not plain.

Only models named in `MODELS` and already on this machine are used: rembg's default model may not be used commercially, some of
its others upload images, and nothing is downloaded here.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
from PIL import Image

from align4d.errors import EngineError

MODELS = ("isnet-general-use", "u2net")
"""Apache-2.0, best first."""


def find_alpha(frames: np.ndarray) -> np.ndarray:
    """(T, H, W) float32 alpha of (T, H, W, 3) uint8 frames. Raises EngineError "masks_unavailable"."""
    session = _session()
    return np.stack([np.asarray(session.predict(Image.fromarray(frame))[0], np.float32) / 255.0 for frame in frames])


def find_model() -> str | None:
    """The best of `MODELS` whose file is on this machine; None without one, or without rembg."""
    return next((name for name, kind in _session_classes().items() if kind.resolve_existing(f"{name}.onnx")), None)


def _session_classes() -> dict[str, Any]:
    """rembg's classes for `MODELS`, best first; none where rembg is not installed."""
    if importlib.util.find_spec("rembg") is None:
        return {}
    from rembg.sessions import sessions_class  # slow: compiles at its first import

    known = {kind.name(): kind for kind in sessions_class}
    return {name: known[name] for name in MODELS}


def _session() -> Any:
    if not _session_classes():
        raise EngineError(
            "masks_unavailable", "The video's background is not plain, and rembg, which finds the object in such a video, is not installed.",
            "Install the engine's masks group, or use a video with an alpha channel or on a plain background.",
        )
    name = find_model()
    if name is None:
        raise EngineError(
            "masks_unavailable", "The video's background is not plain, and no model that finds the object in such a video is on this machine.",
            f"Get {MODELS[0]} in the extension's preferences, or use a video with an alpha channel or on a plain background.",
        )
    from rembg import new_session

    return new_session(name)
