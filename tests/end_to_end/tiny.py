"""What the tests share: settings so small that the motion is poor but the way is the real one, and a look at Blender's meshes."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

TINY: dict[str, Any] = {
    "video_side": 128,
    "gaussians.count": 1000,
    "gaussians.fit_iterations": 5,
    "gaussians.fit_views": 4,
    "gaussians.fit_size": 64,
    "pose.resolution": 64,
    "pose.candidates": 1,
    "pose.iterations": 4,
    "search.points": 100,
    "search.samples": 100,
    "search.starts": 4,
    "search.kept": 1,
    "search.anchors": 1,
    "search.iterations": 20,
    "tracking.resolution": 64,
    "tracking.iterations": 6,
    "refinement.resolution": 64,
    "refinement.iterations": 3,
    "refinement.trial": 1,
    "refinement.lifted.points": 32,
    "refinement.lifted.rounds": 1,
    "refinement.lifted.fit_iterations": 5,
    "refinement.appearance.paint": 10,
}


def shown(mesh: bpy.types.Object, frame: int) -> np.ndarray:
    """(V, 3) float32 positions in object space that Blender shows at a frame, all modifiers included."""
    bpy.context.scene.frame_set(frame)
    evaluated = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return positions(evaluated.data)


def positions(data: bpy.types.Mesh) -> np.ndarray:
    """(V, 3) float32 vertex positions of a mesh."""
    values = np.empty(3 * len(data.vertices), np.float32)
    data.vertices.foreach_get("co", values)
    return values.reshape(-1, 3)
