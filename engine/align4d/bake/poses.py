"""The poses behind a motion: what moved as one, where it hangs on what, and how it stood in each frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import writing
from ..inputs.asset import Similarity
from ..motion.skeleton import Motion, Skeleton
from ..protocol import POSES, write_arrays

MOST = 4
"""Parts that move one point at most: what game engines and glTF allow."""


def write_poses(folder: Path, similarity: Similarity, skeleton: Skeleton, weights: Mapping[str, np.ndarray], motion: Motion) -> str:
    """Writes output/poses.npz (`protocol.POSE_ARRAYS`), in world space.

    Args:
        folder: of the job.
        similarity: of the asset.
        weights: of the bake points, see `sparse_weights`; other arrays beside them are left out.
        motion: T frames, in normalized space.

    Returns:
        Its path in the job folder.

    Raises:
        EngineError: "disk_full", "cannot_write".
    """
    rotation, offset = (one.cpu().numpy().astype(np.float64) for one in (motion.rotation, motion.offset))
    # x_world = size * x + center on both sides of x' = R x + o
    translation = similarity.size * offset + similarity.center - rotation @ similarity.center
    arrays = {
        "parent": skeleton.parent.astype(np.int32),
        "joint": similarity.invert(skeleton.joint).astype(np.float32),
        "rotation": motion.quaternion.cpu().numpy().astype(np.float32),
        "translation": translation.astype(np.float32),
        **{name: weights[name] for name in ("point", "part", "weight")},
    }
    with writing():
        (folder / POSES).parent.mkdir(parents=True, exist_ok=True)
        write_arrays(folder / POSES, arrays)
    return POSES


def sparse_weights(weights: np.ndarray) -> dict[str, np.ndarray]:
    """The MOST largest weights of each row (B, K) that are not nothing, made to sum to 1: `point`, `part`, `weight` (N,) each."""
    count = min(MOST, weights.shape[1])
    part = np.argsort(weights, axis=1)[:, ::-1][:, :count]
    weight = np.take_along_axis(weights, part, axis=1).astype(np.float64)
    weight[weight < 1e-3] = 0.0
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    point, column = np.nonzero(weight)
    return {"point": point.astype(np.int32), "part": part[point, column].astype(np.int32), "weight": weight[point, column].astype(np.float32)}
