"""A camera of the scene that moves, frame by frame."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

from ...engine.align4d import protocol
from .choices import may_move
from .rest_shape import bare_copy, evaluated_at
from .slices import Slices

STILL = 1e-6
"""Difference of a matrix's values up to which a camera stands."""


def camera_path(camera: bpy.types.Object | None, start: int, count: int) -> Slices[tuple[protocol.Matrix4, ...]]:
    """Camera to world in `count` frames of the scene from `start` on; () where there is no camera, or where it stands."""
    if not may_move(camera):
        return ()
    found = []
    with bare_copy(camera, (start, 0.0)) as copy:
        for frame in range(start, start + count):
            location, rotation, _ = evaluated_at(copy, frame).matrix_world.decompose()
            found.append(tuple(tuple(row) for row in Matrix.LocRotScale(location, rotation, None)))
            yield
    stands = np.ptp(np.array(found), axis=0).max() <= STILL
    return () if stands else tuple(found)
