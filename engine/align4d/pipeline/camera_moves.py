"""How the camera of the video moves, as far as somebody knows it."""

from __future__ import annotations

import numpy as np

from ..cameras.orbit import normalized_from_blender
from ..cameras.path import sampled, standing
from ..inputs.asset import Similarity
from ..inputs.video import Clip
from ..protocol import CameraSpec


def camera_moves(spec: CameraSpec, similarity: Similarity, clip: Clip) -> np.ndarray:
    """(T, 4, 4) what takes the camera's space at the beginning of its path to that in each frame of the clip; normalized space."""
    if not spec.path:
        return standing(len(clip.frames))
    viewmats = np.stack([normalized_from_blender(np.array(pose), similarity.center, similarity.size) for pose in spec.path])
    found: np.ndarray = sampled(viewmats, clip.skipped + clip.pace * np.arange(len(clip.frames))) @ np.linalg.inv(viewmats[0])
    return found
