"""A surface with one texture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TexturedMesh:
    """A closed surface with one texture, in the engine's normalized space.

    Attributes:
        vertices: (V, 3) float32.
        triangles: (F, 3) int32, counter-clockwise seen from outside.
        corner_uv: (F, 3, 2) float32, v upwards as in Blender.
        texture: (H, W, 3) uint8 sRGB, row 0 at the top.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    corner_uv: np.ndarray
    texture: np.ndarray
