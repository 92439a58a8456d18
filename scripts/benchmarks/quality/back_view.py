"""What the video never shows: the Gaussians of finished jobs, as the mesh stands, seen from behind, against the mesh in its own colors."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from align4d_lab.metrics.mesh_picture import PictureCamera, draw
from align4d_lab.metrics.pictures import psnr
from PIL import Image

from align4d import protocol
from align4d.alignment.refinement import Refined
from align4d.alignment.solved import Solved
from align4d.cameras.orbit import intrinsics_for, orbit_from_matrix
from align4d.gaussians.surface_bound import LOW_PASS
from align4d.inputs.asset import Asset, load_asset
from align4d.pipeline.settings import settings_for
from align4d.rendering import Cameras, Gaussians, rasterize

from . import case_by_case

COLUMNS = ("behind", "own", "video_light")
"""The figures of the table; see `figures_of`."""

SIZE = 384
"""Side of the pictures [px]."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    case_by_case.add_case_arguments(parser, "folder for back_view.json and a picture of each case")


def run(arguments: argparse.Namespace) -> int:
    """Measures the cases one after the other; 1 where one of them has no job."""
    return case_by_case.measure(
        arguments, "back_view", COLUMNS, lambda case, out: seen_from_behind(case_by_case.finished_job(arguments.jobs / case.name), out)
    )


def seen_from_behind(job: Path, out: Path) -> dict[str, float]:
    """Figures of a finished job, see `figures_of`."""
    request = protocol.read_request(job)
    asset = load_asset(request, job)
    hexplane = settings_for(request.preset, request.settings).refinement.hexplane
    solved = Solved.from_arrays(protocol.read_arrays(job / protocol.SOLVED), asset, hexplane, "cpu", "cpu")
    return figures_of(asset, solved, request.camera.fovy, out)


def figures_of(asset: Asset, solved: Solved, fovy: float, out: Path) -> dict[str, float]:
    """PSNR [dB] against the mesh in its own colors, from opposite of where the video was taken.

    `behind`: of the Gaussians that a job writes; `own`: of the same ones in the asset's own colors, which nothing can be better than;
    `video_light`: of the same ones in the light that was learned from the front, everywhere. The three pictures, and the mesh, are left in `out`.
    """
    front = solved.views[0].viewmats[0]
    taken = orbit_from_matrix(front, fovy)
    camera = taken.moved(azimuth=taken.azimuth + 180, elevation=-taken.elevation, roll=0.0, yaw=0.0, pitch=0.0)
    true = draw(asset, asset.vertices, PictureCamera(camera.world_to_camera(), fovy, (SIZE, SIZE)))
    zero = torch.zeros(1, solved.skeleton.count, 3)
    refined = Refined(solved.skeleton.pose(zero, zero), solved.field, solved.animated, [])
    bound = solved.animated.bound
    shown = refined.on_surface(0, asset.vertices[asset.triangles], front)
    everywhere = solved.animated.perform(refined.motion).colors
    pictures = [picture(bound.colored(colors.reshape(-1, 3)), camera.world_to_camera(), fovy) for colors in (shown.colors, bound.albedo, everywhere)]
    Image.fromarray(np.hstack([true, *pictures])).save(out / "behind.png")
    return {name: psnr(one, true) for name, one in zip(COLUMNS, pictures, strict=True)}


def picture(gaussians: Gaussians, world_to_camera: np.ndarray, fovy: float) -> np.ndarray:
    """(SIZE, SIZE, 3) uint8 on white."""
    intrinsics = torch.from_numpy(intrinsics_for(fovy, SIZE, SIZE)).float()[None]
    cameras = Cameras(torch.from_numpy(world_to_camera).float()[None], intrinsics)
    with torch.no_grad():
        color = rasterize(gaussians, cameras, (SIZE, SIZE), backend="cpu", low_pass=LOW_PASS).color[0]
    shown: np.ndarray = (color.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return shown
