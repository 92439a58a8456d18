"""One case of the motion benchmark: generated in Blender, read back, and scored."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from align4d_lab.evaluation.references import CONSISTENT4D_AZIMUTHS
from align4d_lab.evaluation.truth_file import read_truth
from align4d_lab.metrics.chamfer import chamfer_figures
from align4d_lab.metrics.mesh_picture import PictureCamera, draw
from align4d_lab.metrics.motion import TrueView, angle_between, camera_figures, motion_figures, stretched_edges
from align4d_lab.metrics.pictures import psnr, ssim

from align4d.inputs.asset import Asset, load_asset
from align4d.inputs.video import load_clip
from align4d.motion.triangles import mesh_edges
from align4d.protocol import Result, VideoSpec, read_pc2, read_request, read_result
from support import folders
from support.blender import Blender
from support.console import ScriptError, say
from support.generation import ArtistChoices, generate

from .masks import around, true_masks
from .video_lag import as_shown, video_lag

NOVEL_FRAMES = 6
"""Frames of each novel view that are compared, evenly over the clip."""

SAME_POSE = 1e-3
"""How far the captured mesh may be from the case's rest, in longest sides: rounding of a .blend, no other pose."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line chose; see `support.generation.ArtistChoices`.

    Attributes:
        masks: give the case's frames with their true masks, not its movie.
        box: give a box around the object in the first frame.
    """

    preset: str
    seed: int
    device: str
    overrides: dict[str, Any]
    camera_offset: float
    masks: bool
    box: bool = False


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A scored case, and what its pictures need.

    Attributes:
        figures: by name; the units are in docs/developers/quality.md.
        asset: the mesh as it was captured.
        found, true: (T, V, 3) world positions.
        view: the true camera.
        result: what the engine wrote.
        video: the reference.
    """

    figures: dict[str, Any]
    asset: Asset
    found: np.ndarray
    true: np.ndarray
    view: TrueView
    result: Result
    video: VideoSpec


def run(case: Path, out: Path, blender: Blender, user_folder: Path, options: Options) -> Outcome:
    """Generates the case's motion and scores it. Raises ScriptError with the sentence that the artist would see."""
    scene = folders.fresh(out) / "scene"
    scene.mkdir()
    shutil.copy(case / "asset.blend", scene / "asset.blend")
    video = _video(case, scene, options.masks)
    order = ArtistChoices(
        scene=str((scene / "asset.blend").resolve()),
        video=str(video),
        capture=str((out / "capture").resolve()),
        save_as=str((scene / "animated.blend").resolve()),
        preset=options.preset,
        seed=options.seed,
        device=options.device,
        overrides=json.dumps(options.overrides),
        camera_offset=options.camera_offset,
        box=_box(case) if options.box else (),
    )
    report = generate(blender, user_folder, order, out / "log.txt")
    result = read_result(report.job_folder)
    for note in result.notes:
        say(f"Note: {note}")
    motion = read_pc2(report.job_folder / result.objects[0].motion)
    shutil.copy(report.job_folder / result.objects[0].motion, out / "motion.pc2")
    if (report.job_folder / "output" / "masks").is_dir():
        shutil.copytree(report.job_folder / "output" / "masks", out / "masks")
    outcome = score(case, out / "capture", motion, result)
    cost = {"seconds": report.seconds, "peak_memory_gb": report.peak_memory_gb}
    details = {"stage_seconds": result.seconds, "engine_figures": result.figures, "notes": list(result.notes)}
    return dataclasses.replace(outcome, figures={**outcome.figures, **cost, **details})


def _video(case: Path, scene: Path, masks: bool) -> Path:
    """A copy in `scene` of the case's movie, or of its frames with their true masks: the first of these. Raises ScriptError."""
    if not masks:
        return Path(shutil.copy(case / "reference.mp4", scene / "reference.mp4")).resolve()
    frames = sorted(Path(shutil.copytree(case / "frames", scene / "frames")).glob("*.png")) if (case / "frames").is_dir() else []
    if not frames:
        raise ScriptError(f"{case} has no frames with masks: leave --masks out.")
    return frames[0].resolve()


def _box(case: Path) -> tuple[float, ...]:
    clip = load_clip(VideoSpec(path=str(case / "reference.mp4")))
    return around(true_masks(case, clip)[0])


def score(case: Path, capture: Path, motion: np.ndarray, result: Result) -> Outcome:
    """Compares (T, V, 3) object-space positions with the case's truth. Raises ScriptError where they do not belong together."""
    truth = read_truth(case / "truth.npz")
    if motion.shape != truth.vertices.shape:
        raise ScriptError(f"The motion has the shape {motion.shape}, the truth {truth.vertices.shape}.")
    request = read_request(capture)
    asset = load_asset(request, capture)
    matrix = asset.objects[0].matrix_world
    found, true = motion.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3], truth.placed(matrix)
    rest = asset.similarity.invert(asset.bake_points)
    apart = np.abs(rest - truth.rest @ matrix[:3, :3].T - matrix[:3, 3]).max() / asset.similarity.size
    if apart > SAME_POSE:
        raise ScriptError(f"The mesh of asset.blend does not stand as truth.npz says: it is {apart:.1%} of its size off.")
    view = truth.view(matrix)
    edges = mesh_edges(asset.triangles)
    static = np.broadcast_to(rest, true.shape)
    figures: dict[str, Any] = {
        **motion_figures(found, true, rest, edges, view),
        **chamfer_figures(found, true, asset.triangles),
        **novel_views(asset, found, true, view),
        **shown_figures(case, found, true, rest, edges, view),
        "true_stretched_edges": stretched_edges(true, rest, edges),
        **camera_figures(view, result.camera.azimuth, result.camera.elevation, result.camera.distance),
        "roll_error": angle_between(result.camera.roll, 0.0),
        **{f"static_{name}": value for name, value in motion_figures(static, true, rest, edges, view).items() if name != "temporal_jerk"},
        **{f"static_{name}": value for name, value in chamfer_figures(static, true, asset.triangles).items()},
        **{f"static_{name}": value for name, value in novel_views(asset, static, true, view).items()},
    }
    return Outcome(figures, asset, found, true, view, result, request.video)


def shown_figures(case: Path, found: np.ndarray, true: np.ndarray, rest: np.ndarray, edges: np.ndarray, view: TrueView) -> dict[str, float]:
    """`video_lag` [frames] and, where the movie lags, the motion figures against the frames that it shows, as shown_*."""
    lag = video_lag(case)
    if lag is None:
        return {}
    against = motion_figures(found, as_shown(true, lag), rest, edges, view)
    return {"video_lag": float(lag), **{f"shown_{name}": value for name, value in against.items()}}


def novel_views(asset: Asset, found: np.ndarray, true: np.ndarray, view: TrueView) -> dict[str, float]:
    """PSNR [dB] (of the pooled squared error) and mean SSIM of plain-colored 512 px pictures of both meshes from four other sides."""
    pictures: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for azimuth in CONSISTENT4D_AZIMUTHS:
        side = view.turned(azimuth)
        camera = PictureCamera(side.world_to_camera(), side.fovy, (512, 512))
        for frame in np.linspace(0, len(true) - 1, NOVEL_FRAMES + 1).round().astype(int)[1:]:  # the first is the rest pose, equal in both
            for motion, drawn in zip((found, true), pictures, strict=True):
                drawn.append(draw(asset, motion[frame], camera, samples=1))
    similarity = float(np.mean([ssim(*pair) for pair in zip(*pictures, strict=True)]))
    return {"novel_view_psnr": psnr(np.stack(pictures[0]), np.stack(pictures[1])), "novel_view_ssim": similarity}
