"""Masks predicted by a segmentation network, for videos whose background is not plain. Nothing is downloaded here."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import EngineError
from ..models.mask_models import ISNET, MASK_MODELS, MaskModel
from ..models.store import ModelStore

LEAST_PEAK = 0.1
"""A prediction in [0, 1] that nowhere rises above this shows no object: stretched to the full range it would be noise."""

ADVICE = "or use one with an alpha channel or on a plain background"
BOX = "draw a box around the object in the first frame, "

Watch = Callable[[int, int, np.ndarray], None]
"""Told of each mask that was predicted: how many are done, of how many, and the frame with its mask, (H, W, 4) uint8. It may raise to stop."""


def find_alpha(frames: np.ndarray, what: str = "video", watch: Watch | None = None) -> np.ndarray:
    """(T, H, W) float16 alpha of (T, H, W, 3) uint8 frames of `what`, for messages. Raises EngineError "masks_unavailable", "model_file"."""
    if not installed():
        raise EngineError(
            "masks_unavailable",
            f"The background of the {what} is not plain, and what cuts an object out of any background is not installed.",
            f"Press Install Masks, {BOX if what == 'video' else ''}{ADVICE}.",
            "install_masks",
        )
    found = find_model()
    if found is None:
        raise EngineError(
            "masks_unavailable",
            f"The background of the {what} is not plain, and no model that cuts an object out of any background is on this machine.",
            f"Fetch {ISNET.card.name}, {BOX if what == 'video' else ''}{ADVICE}.",
            f"fetch_model:{ISNET.card.id}",
        )
    network = Network(*found)
    alpha = np.empty(frames.shape[:3], np.float16)
    for index, frame in enumerate(frames):
        alpha[index] = network.predict(frame)
        if watch:
            watch(index + 1, len(frames), np.dstack([frame, (alpha[index] * 255).round().astype(np.uint8)]))
    return alpha


def installed() -> bool:
    """Whether what runs the networks is installed."""
    return importlib.util.find_spec("onnxruntime") is not None


def find_model(store: ModelStore | None = None) -> tuple[MaskModel, Path] | None:
    """The first of `MASK_MODELS` on this machine, and its file; None without one."""
    store = store or ModelStore()
    return next(((model, file) for model in MASK_MODELS if (file := store.find(model.card))), None)


class Network:
    """A segmentation network at work, on the processor.

    Args:
        file: of the network, ONNX.

    Raises:
        EngineError: "model_file" where it cannot be read.
    """

    def __init__(self, model: MaskModel, file: Path) -> None:
        import onnxruntime

        self.model = model
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        try:
            self._session: Any = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own have no base class
            raise EngineError(
                "model_file",
                f"{file} cannot be read as {model.card.name}.",
                f"Fetch {model.card.name} again.",
                f"fetch_model:{model.card.id}",
            ) from error
        asked = self._session.get_inputs()[0]
        self._name = asked.name
        self._type = np.float16 if asked.type == "tensor(float16)" else np.float32

    def predict(self, frame: np.ndarray) -> np.ndarray:
        """(H, W) float32 alpha in [0, 1] of an (H, W, 3) uint8 frame."""
        given = self._session.run(None, {self._name: prepare(frame, self.model).astype(self._type)})[0]
        return stretch(np.asarray(given[0, 0], np.float32), self.model.logits, frame.shape[:2])


def prepare(frame: np.ndarray, model: MaskModel) -> np.ndarray:
    """(1, 3, side, side) float32, what the network takes, of an (H, W, 3) uint8 frame: its brightest value is 1 before it is normalized."""
    square = np.asarray(Image.fromarray(frame).resize((model.side, model.side), Image.Resampling.LANCZOS), np.float32)
    normalized = (square / max(float(square.max()), 1.0) - np.array(model.mean, np.float32)) / np.array(model.deviation, np.float32)
    return np.ascontiguousarray(normalized.transpose(2, 0, 1)[None])


def stretch(prediction: np.ndarray, logits: bool, size: tuple[int, int]) -> np.ndarray:
    """(H, W) float32 alpha of `size`, height and width, over the whole of [0, 1], of a prediction (S, S)."""
    if logits:
        prediction = 1 / (1 + np.exp(-np.clip(prediction, -80, 80)))
    low, high = float(prediction.min()), float(prediction.max())
    if high <= max(LEAST_PEAK, low):
        return np.zeros(size, np.float32)
    whole = Image.fromarray((prediction - low) / (high - low)).resize(size[::-1], Image.Resampling.LANCZOS)
    return np.asarray(whole, np.float32).clip(0, 1)
