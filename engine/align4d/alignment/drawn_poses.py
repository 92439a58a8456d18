"""What outlines say of many poses at once, by the processor's kernels; `PoseSearch` has the same as tensors, for GPUs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..gaussians.fused import Points
from ..motion.kinematics import Tree
from ..motion.tree_kernels import pose_parts, pose_parts_backward
from ..rendering.cpu.threads import run
from .nearest import nearest_points
from .outline import Outline
from .outline_kernels import draw_points, see_points


@dataclass(frozen=True)
class SeenOutline:
    """The outline of a frame of a view.

    Attributes:
        outline: with tensors on the processor.
        pose, intrinsics: (4, 4) and (3, 3) float64 of the camera.
        light: (13, 3) in which points are seen.
    """

    outline: Outline
    pose: np.ndarray
    intrinsics: np.ndarray
    light: np.ndarray


def drawn(points: Points, tree: Tree, views: list[SeenOutline], turn: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What outlines cost poses (B, K, 3) in the mean over the views (B,), and the gradients by turns and shifts."""
    count, parts = turn.shape[:2]
    motion = [np.empty((count, parts, *shape), np.float32) for shape in ((4,), (3, 3), (3,))]
    pose_parts(*tree.walk, turn, shift, *motion)
    cost, g_places = np.zeros(count), np.zeros((count, *points.means.shape), np.float32)
    for view in views:
        places, colors = points.shown(motion[1], motion[2], view.light)
        _add(view, places, colors, 1 / len(views), cost, g_places)
    g_rotation, g_offset = points.gradients(g_places, parts)
    g_turn, g_shift = np.empty_like(turn), np.empty_like(shift)
    pose_parts_backward(*tree.walk, turn, *motion, np.zeros_like(motion[0]), g_rotation, g_offset, np.empty((parts, 6)), g_turn, g_shift)
    return cost, g_turn, g_shift


def _add(view: SeenOutline, places: np.ndarray, colors: np.ndarray, by: float, cost: np.ndarray, g_places: np.ndarray) -> None:
    """Of one view, times `by`."""
    outline, camera = view.outline, (view.pose, view.intrinsics)
    pixels, extra = np.empty(places.shape[:2] + (2,), np.float32), np.empty(places.shape[:2], np.float32)
    run(see_points, places.size, places, *camera, outline.side, pixels, extra)
    wanted = outline.places.numpy()
    side = np.float32(outline.side)
    nearest = nearest_points(wanted / side, outline.colors.numpy(), pixels / side, colors, extra, outline.color_weight)
    told = outline.distance[0, 0].numpy(), outline.cut, wanted, nearest, outline.spacing, by
    run(draw_points, places.size, places, pixels, *camera, *told, cost, g_places)
