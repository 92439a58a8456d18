"""Figures against the true motion: on the same vertices (docs/developers/quality.md), and ActionBench's on point clouds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from align4d.errors import EngineError
from align4d.inputs.foreign import reading
from align4d.inputs.mesh_import import Y_UP
from align4d.motion.triangles import mesh_edges

from ..metrics.chamfer import chamfer_figures, surface_tracks, track_figures
from ..metrics.mesh_picture import PictureCamera
from ..metrics.motion import TrueView, motion_figures
from .moving import MovingMesh
from .references import CONSISTENT4D_AZIMUTHS, Pair, View
from .truth_file import read_truth

MOTION = ("motion_explained", "vertex_error", "in_view_error", "depth_error", "depth_ratio", "reprojection_error", "temporal_jerk", "edge_stretch")
CHAMFER = ("cd_3d", "cd_4d", "cd_m")


@dataclass(frozen=True)
class TrueMotion:
    """The vertices' true positions.

    Attributes:
        vertices: (T, V, 3) world.
        view: the camera that the video was really seen by.
    """

    vertices: np.ndarray
    view: TrueView


def read_true_motion(path: Path, moving: MovingMesh) -> TrueMotion:
    """A case's truth.npz, see `TruthFile`.

    Raises:
        EngineError: "truth_unreadable"; "truth_other" where it is of another mesh or of fewer frames.
    """
    truth = read_truth(path)
    vertices = truth.vertices
    if vertices.shape[1:] != moving.vertices.shape[1:] or len(vertices) < moving.frames or len(moving.asset.objects) != 1:
        raise EngineError(
            "truth_other",
            f"{path.name} has the shape {vertices.shape}, the result {moving.vertices.shape}.",
            "Give the truth of this mesh and of this clip.",
        )
    matrix = moving.asset.objects[0].matrix_world
    view = truth.view(matrix)
    if view.viewmats is not None:
        view = replace(view, viewmats=view.viewmats[: moving.frames])
    return TrueMotion(truth.placed(matrix)[: moving.frames], view)


def against_true_motion(moving: MovingMesh, truth: TrueMotion) -> dict[str, float]:
    """The motion and the Chamfer figures, without alignment of any kind before the vertex figures; static_...: of a mesh that stays at rest."""
    sides = moving.asset.triangles
    edges = mesh_edges(sides)
    found = moving.vertices.astype(np.float64)
    rest = moving.asset.similarity.invert(moving.asset.vertices)
    static = motion_figures(np.broadcast_to(rest, found.shape), truth.vertices, rest, edges, truth.view)
    return {
        **motion_figures(found, truth.vertices, rest, edges, truth.view),
        **chamfer_figures(found, truth.vertices, sides),
        **{f"static_{name}": value for name, value in static.items() if name != "temporal_jerk"},
    }


def true_views(moving: MovingMesh, truth: TrueMotion, side: int) -> list[View]:
    """The same mesh moved truly, from Consistent4D's four sides, as a reference for pictures; the first frame is the rest pose in both."""
    frames = range(min(1, moving.frames - 1), moving.frames)
    real = replace(moving, vertices=truth.vertices.astype(np.float32))
    views = []
    for azimuth in CONSISTENT4D_AZIMUTHS:
        turned = truth.view.turned(azimuth)
        camera = PictureCamera(turned.world_to_camera(), turned.fovy, (side, side))

        def pairs(camera: PictureCamera = camera) -> Iterator[Pair]:
            return ((moving.draw(frame, camera), real.draw(frame, camera)) for frame in frames)

        views.append(View(f"truth {azimuth:+.0f}°", pairs, len(frames)))
    return views


def against_point_clouds(moving: MovingMesh, path: Path, seed: int) -> dict[str, float]:
    """ActionBench's three distances from a surfaces.npy: (T, N, 3 or 6) tracked points, in glTF's axes as its predictions are.

    Raises:
        EngineError: "truth_unreadable", "truth_other".
    """
    with _reading(path):
        points = np.load(path, allow_pickle=False, mmap_mode="r")
        if points.ndim != 3 or points.shape[2] not in (3, 6) or not np.isfinite(points).all():
            raise ValueError(f"its shape is {points.shape}, not (T, N, 3) or (T, N, 6)")
    if len(points) < moving.frames:
        raise EngineError("truth_other", f"{path.name} has {len(points)} frames, the result {moving.frames}.", "Give the truth of this clip.")
    true = points[: moving.frames, :, :3].astype(np.float64) @ Y_UP[:3, :3].T
    found = surface_tracks(moving.vertices, moving.asset.triangles, np.random.default_rng(seed), true.shape[1])
    return track_figures(found, true, align_first=True)


def _reading(path: Path) -> AbstractContextManager[None]:
    return reading("truth_unreadable", f"{path} cannot be read", "Give a truth.npz or a surfaces.npy (docs/reference/evaluation.md).")
