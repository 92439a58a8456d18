"""truth.npz of a benchmark's case: where every vertex truly was, and from where the video was taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from align4d.inputs.foreign import reading
from align4d.protocol import read_arrays

from ..metrics.motion import TrueView

MOST_BYTES = 1 << 30
"""Of one file, unpacked."""


@dataclass(frozen=True)
class TruthFile:
    """Attributes:
    vertices: (T, V, 3) float64 positions in the object's own space, in the mesh's own order.
    rest: (V, 3) float64 the mesh as the artist has it, from which motion is counted; the first frame where the file names none.
    azimuth, elevation, distance, fovy: the camera, see `TrueView`.
    viewmats: (T, 4, 4) float64 world-to-camera of each frame, OpenCV axes; None where the file has none.
    """

    vertices: np.ndarray
    rest: np.ndarray
    azimuth: float
    elevation: float
    distance: float
    fovy: float
    viewmats: np.ndarray | None

    def placed(self, matrix_world: np.ndarray) -> np.ndarray:
        """(T, V, 3) world positions of an object that stands at `matrix_world` (4, 4)."""
        return self.vertices @ matrix_world[:3, :3].T + matrix_world[:3, 3]

    def view(self, matrix_world: np.ndarray) -> TrueView:
        """The true camera around that object."""
        return TrueView(self.azimuth, self.elevation, self.distance, self.fovy, matrix_world[:3, 3], self.viewmats)

    def explained(self, motion: np.ndarray) -> float:
        """Part of the motion that positions (T, V, 3) in the object's own space explain: 1 for the truth, 0 for a mesh that stands still."""
        missed, moved = (np.linalg.norm(points - self.vertices, axis=-1).sum() for points in (motion, self.rest))
        return float(1 - missed / moved)


def read_truth(path: Path) -> TruthFile:
    """Reads a truth.npz.

    Raises:
        EngineError: "truth_unreadable" where it is none, or its arrays do not belong together.
    """
    with reading("truth_unreadable", f"{path} cannot be read", "Give the truth.npz of a case (docs/developers/quality.md)."):
        arrays = read_arrays(path, MOST_BYTES)
        vertices = arrays["vertices"].astype(np.float64)
        rest = arrays["rest"].astype(np.float64) if "rest" in arrays else vertices[0]
        viewmats = arrays["cameras"].astype(np.float64) if "cameras" in arrays else None
        camera = [float(arrays[name]) for name in ("azimuth", "elevation", "distance", "fovy")]
        if vertices.ndim != 3 or rest.shape != vertices.shape[1:] or (viewmats is not None and viewmats.shape != (len(vertices), 4, 4)):
            raise ValueError("its vertices, rest and cameras do not belong together")
        if not all(np.isfinite(values).all() for values in (vertices, rest, camera) if values is not None):
            raise ValueError("not all of its values are numbers")
    azimuth, elevation, distance, fovy = camera
    return TruthFile(vertices, rest, azimuth, elevation, distance, fovy, viewmats)
