"""Masks from a segmentation network through rembg, for videos whose background is not plain.

Only models named in `MODELS` and already on this machine are used: rembg's default model may not be used commercially, some of
its others upload images, and nothing is downloaded here.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import EngineError

MODELS = ("isnet-general-use", "birefnet-general-lite", "u2net")
"""Apache-2.0, MIT, Apache-2.0. The second is finer than the first, and many times slower without a graphics card."""


def find_alpha(frames: np.ndarray, what: str = "video") -> np.ndarray:
    """(T, H, W) float16 alpha of (T, H, W, 3) uint8 frames of `what`, for messages. Raises EngineError "masks_unavailable"."""
    session = _session(what)
    alpha = np.empty(frames.shape[:3], np.float16)
    for index, frame in enumerate(frames):
        # a prediction that is the same everywhere is stretched by 0 / 0
        alpha[index] = np.nan_to_num(np.asarray(session.predict(Image.fromarray(frame))[0], np.float32) / 255.0)
    return alpha


def find_model() -> str | None:
    """The best of `MODELS` whose file lies where rembg looks for it; None without one."""
    return next((name for name in MODELS if any((folder / f"{name}.onnx").is_file() for folder in (model_folder(name), _legacy_folder()))), None)


def model_folder(name: str) -> Path:
    """Where rembg 2.0.86 looks for a model first (asking rembg itself costs an import of many seconds)."""
    home = os.environ.get("U2NET_HOME") or os.environ.get("REMBG_HOME")
    data = os.environ.get("XDG_DATA_HOME")
    return Path(home or (os.path.join(data, "rembg") if data else "~/.rembg")).expanduser() / "models" / name


def _legacy_folder() -> Path:
    return Path(os.environ.get("U2NET_HOME") or os.path.join(os.environ.get("XDG_DATA_HOME", "~"), ".u2net")).expanduser()


def _session(what: str) -> Any:
    if importlib.util.find_spec("rembg") is None:
        raise EngineError(
            "masks_unavailable",
            f"The background of the {what} is not plain, and rembg, which finds the object there all the same, is not installed.",
            "Install the engine's masks group, or use one with an alpha channel or on a plain background.",
            "install_masks",
        )
    name = find_model()
    if name is None:
        raise EngineError(
            "masks_unavailable",
            f"The background of the {what} is not plain, and no model that finds the object there all the same is on this machine.",
            f"Put {MODELS[0]}.onnx into {model_folder(MODELS[0])}, or use one with an alpha channel or on a plain background.",
        )
    from rembg import new_session  # slow: compiles at its first import

    return new_session(name)
