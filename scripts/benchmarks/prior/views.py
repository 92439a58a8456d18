"""Pictures of the motion benchmark's assets for the prior's benchmark, in one file; needs Blender, which that one does not."""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from align4d.alignment.reference import make_reference
from align4d.cameras.orbit import Orbit, intrinsics_for, orbit_from_matrix
from align4d.inputs.asset import Asset, load_asset
from align4d.inputs.masks import find_masks
from align4d.inputs.video import load_clip
from align4d.protocol import read_request, replacing
from align4d.rendering.zbuffer import render_surface
from support import blender, environments, extension
from support.console import say
from support.generation import ArtistChoices, capture

from ..quality.motion import find_cases
from . import cameras as prior_cameras
from .light import SunAndSky, fit_light, interpolated, linear_albedo

NAME = "prior_views"
SAMPLES = 4
"""Samples per pixel and axis."""

FRAMES = 8
"""Frames of a clip that are told apart."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=Path, required=True, help="folder of cases: asset.blend, reference.mp4, frames and truth.npz each")
    parser.add_argument("--only", action="append", metavar="NAME", help="one case (can be repeated)")
    parser.add_argument("--size", type=int, default=64, help="side of the pictures [px]")
    parser.add_argument("--blender", metavar="PATH", help="an installed Blender instead of PyPI's bpy")
    parser.add_argument("--out", type=Path, required=True, help="the file, .npz")


def run(arguments: argparse.Namespace) -> int:
    """Captures every case's asset in Blender and draws it."""
    chosen = blender.chosen(arguments.blender)
    user_folder = extension.installed(chosen, environments.ready(environments.engine_environment()))
    arrays: dict[str, Any] = {}
    for case in find_cases(arguments.cases, arguments.only):
        say(case.name)
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            order = ArtistChoices(str((case / "asset.blend").resolve()), str((case / "reference.mp4").resolve()), str(place / "capture"), save_as="")
            capture(chosen, user_folder, order, place / "log.txt")
            arrays |= {f"{case.name}.{name}": array for name, array in case_pictures(case, place / "capture", arguments.size).items()}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(arguments.out) as file:
        np.savez_compressed(file, **arrays)
    return 0


def case_pictures(case: Path, captured: Path, size: int) -> dict[str, np.ndarray]:
    """Everything that the prior's benchmark shows of a case; see `prior_subjects.Case`. Pictures are (..., size, size, 3) uint8."""
    request = read_request(captured)
    asset = load_asset(request, captured)
    with np.load(case / "truth.npz", allow_pickle=False) as truth:
        camera = np.array([float(truth[name]) for name in ("elevation", "azimuth", "distance")], np.float32)
        matrix = asset.objects[0].matrix_world
        poses = asset.similarity.apply(truth["vertices"].astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3])
    video = load_clip(request.video)
    reference = make_reference(video, find_masks(video), prior_cameras.FOVY, 256, slice(0, 1))
    light = fit_light(asset, reference, orbit(camera).world_to_camera())
    say(f"  light: median error {light.error:.3f} of the video's colors")
    mesh = LitMesh(asset, light)
    chosen = np.linspace(0, len(poses) - 1, FRAMES).round().astype(int)
    clip, alphas = zip(*(on_white(case / "frames" / f"{frame:04d}.png") for frame in chosen), strict=True)

    def reduced(images: tuple[Image.Image, ...]) -> np.ndarray:
        return np.stack([np.asarray(image.resize((size, size), Image.Resampling.BOX)) for image in images])

    turned = prior_cameras.around(camera, prior_cameras.MOTION_AZIMUTHS)
    still = (
        camera,
        prior_cameras.rings(float(camera[0])),
        prior_cameras.sweep(camera),
        prior_cameras.surrounding(),
        prior_cameras.around(camera, prior_cameras.HELD_OUT_AZIMUTHS),
    )
    cameras = np.concatenate([some.reshape(-1, 3) for some in still])
    return {
        "camera": camera,
        "cameras": cameras,
        "pictures": mesh.pictures(poses[0], cameras, size),
        "frames": reduced(clip),
        "coverage": reduced(alphas),
        **framed_pictures(list(clip), poses[chosen], camera, mesh, size),
        "moved": np.stack([mesh.pictures(poses[frame], turned, size) for frame in chosen]),
        "vertices": poses[chosen].astype(np.float32),
        "mesh_distance": np.linalg.norm(poses[chosen][:, None] - poses[chosen][None], axis=-1).mean(-1).astype(np.float32),
    }


def orbit(camera: np.ndarray) -> Orbit:
    """The engine's own of elevation, azimuth, distance (3,)."""
    elevation, azimuth, distance = (float(value) for value in camera)
    return Orbit(azimuth, elevation, distance)


def on_white(path: Path) -> tuple[Image.Image, Image.Image]:
    """A frame with alpha as colors on white, and its alpha."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGBA"), np.float32)
    alpha = pixels[..., 3:] / 255
    white = pixels[..., :3] * alpha + 255 * (1 - alpha)
    return Image.fromarray(white.round().astype(np.uint8)), Image.fromarray(pixels[..., 3].astype(np.uint8))


def framed_pictures(clip: list[Image.Image], poses: np.ndarray, camera: np.ndarray, mesh: LitMesh, size: int) -> dict[str, np.ndarray]:
    """`framed`, `framed_camera` and `framed_moved`, see `prior_subjects.Case`: both cameras aim at the middle of the pose that is judged."""
    views, told, moved = [], [], []
    for pose in poses:
        middle = (pose.max(0) + pose.min(0)) / 2
        around_middle = orbit(camera).world_to_camera()
        around_middle[:3, 3] += around_middle[:3, :3] @ middle
        seen = orbit_from_matrix(around_middle)
        stands = np.array([seen.elevation, seen.azimuth, seen.distance], np.float32)
        views.append([framed(frame, camera, middle, size) for frame in clip])
        moved.append(mesh.pictures(pose - middle, prior_cameras.around(stands, prior_cameras.MOTION_AZIMUTHS), size, near_fovy(seen.distance)))
        told.append([*stands[:2], prior_cameras.NEAR])
    return {"framed": np.stack(views, axis=1), "framed_camera": np.array(told, np.float32), "framed_moved": np.stack(moved)}


def near_fovy(distance: float) -> float:
    """Field of view [degrees] in which an object at `distance` is as large as one at NEAR in the benchmark's own."""
    return 2 * math.degrees(math.atan(math.tan(math.radians(prior_cameras.FOVY) / 2) * prior_cameras.NEAR / distance))


def framed(frame: Image.Image, camera: np.ndarray, middle: np.ndarray, size: int) -> np.ndarray:
    """(size, size, 3) uint8: a frame on white, cropped about the point `middle` (3,), where an object is as large as from NEAR."""
    intrinsics = intrinsics_for(prior_cameras.FOVY, *frame.size)
    place = orbit(camera).world_to_camera() @ np.append(middle, 1)
    column, row, _ = intrinsics @ (place[:3] / place[2])
    half = intrinsics[1, 1] * math.tan(math.radians(near_fovy(float(np.linalg.norm(place[:3])))) / 2)
    room = math.ceil(2 * half)
    wide = ImageOps.expand(frame, room, (255, 255, 255))
    box = (column + room - half, row + room - half, column + room + half, row + room + half)
    return np.asarray(wide.resize((size, size), Image.Resampling.BOX, box))


class LitMesh:
    """The asset in the light of its video, in any pose."""

    def __init__(self, asset: Asset, light: SunAndSky) -> None:
        self.asset, self.light = asset, light
        # the shading normals turn with their triangles: hard edges stay hard, smooth ones nearly smooth
        frame = triangle_frames(asset.vertices[asset.triangles].astype(np.float64))
        self._local_normal = asset.corner_normal @ frame

    def pictures(self, vertices: np.ndarray, cameras: np.ndarray, size: int, fovy: float = prior_cameras.FOVY) -> np.ndarray:
        """(..., size, size, 3) uint8 on white of the pose `vertices` (V, 3) from `cameras` (..., 3)."""
        normals = self._local_normal @ triangle_frames(vertices[self.asset.triangles]).swapaxes(1, 2)
        pictures = [self._picture(vertices, normals, camera, size, fovy) for camera in cameras.reshape(-1, 3)]
        return np.stack(pictures).reshape(*cameras.shape[:-1], size, size, 3)

    def _picture(self, vertices: np.ndarray, normals: np.ndarray, camera: np.ndarray, size: int, fovy: float) -> np.ndarray:
        fine = size * SAMPLES
        intrinsics = intrinsics_for(fovy, fine, fine)
        seen = render_surface(vertices, self.asset.triangles, orbit(camera).world_to_camera(), intrinsics, (fine, fine))
        hit = seen.triangle >= 0
        triangle, barycentric = seen.triangle[hit], seen.barycentric[hit]
        shaded = self.light.shade(linear_albedo(self.asset, triangle, barycentric), interpolated(normals, triangle, barycentric))
        picture = np.ones((fine, fine, 3), np.float32)
        picture[hit] = shaded
        small = picture.reshape(size, SAMPLES, size, SAMPLES, 3).mean(axis=(1, 3))
        return np.round(255 * small).astype(np.uint8)


def triangle_frames(corners: np.ndarray) -> np.ndarray:
    """(F, 3, 3) rotations whose columns are an edge, the normal and what stands upright on both, of triangles (F, 3, 3)."""
    edge = corners[:, 1] - corners[:, 0]
    normal = np.cross(edge, corners[:, 2] - corners[:, 0])
    edge, normal = (vector / np.maximum(np.linalg.norm(vector, axis=1, keepdims=True), 1e-12) for vector in (edge, normal))
    return np.stack([edge, normal, np.cross(edge, normal)], axis=2)
