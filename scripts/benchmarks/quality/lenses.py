"""The video's camera at ten lenses and three formats: how far the found distance is from the true one, and how long it takes."""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from align4d_lab.metrics.mesh_picture import PictureCamera, draw

from align4d import protocol
from align4d.alignment.pose import solve_pose
from align4d.alignment.reference import make_reference
from align4d.cameras.orbit import Orbit
from align4d.errors import EngineError
from align4d.gaussians.surface_bound import BoundGaussians, bind_gaussians
from align4d.inputs.asset import Asset
from align4d.inputs.masks import find_masks
from align4d.inputs.mesh_asset import load_mesh_file
from align4d.inputs.video import Clip
from align4d.job.reporting import RecordingReporter
from align4d.machine.description import machine
from align4d.pipeline.settings import PRESETS, Settings
from support.console import say

LENSES = (12, 18, 24, 28, 35, 50, 70, 85, 135, 200)
"""Focal lengths [mm] on Blender's sensor of 36 mm, which spans the picture's longer side."""
FORMATS = {"portrait": (288, 512), "16:9": (512, 288), "2.39:1": (512, 214)}
"""Width and height [px]."""
FILLS = 0.55
"""Part of the picture's shorter side that the object spans."""
OFF = Orbit(azimuth=12.0, elevation=-8.0, distance=2.0)
"""What the start camera is off in azimuth and elevation [degrees], and its distance, whatever the lens."""
LARGEST_ERROR = 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for lenses.json")
    parser.add_argument("--preset", default="artist", choices=sorted(PRESETS), help="whose camera search is measured")


def run(arguments: argparse.Namespace) -> int:
    """Measures, prints, and leaves OUT/lenses.json; 1 where an error is larger than 2 %."""
    settings = PRESETS[arguments.preset]
    asset = figure()
    bound = bind_gaussians(asset, settings.gaussians, 0, "cpu", "cpu", RecordingReporter())
    rows = []
    for lens in LENSES:
        for name, size in FORMATS.items():
            rows.append({"lens": lens, "format": name, **measure(asset, bound, Shot.of(lens, size), settings)})
            say(", ".join(f"{key} {value:.4f}" if isinstance(value, float) else f"{key} {value}" for key, value in rows[-1].items()))
    failed = [row for row in rows if not row["vaod_error"] <= LARGEST_ERROR]
    say(f"{len(rows) - len(failed)} of {len(rows)} within {LARGEST_ERROR:.0%}; largest error {max(row['vaod_error'] for row in rows):.4f}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    with protocol.replacing(arguments.out / "lenses.json", "w") as file:
        json.dump({"machine": machine("cpu"), "preset": arguments.preset, "shots": rows}, file, indent=1)
    return int(bool(failed))


@dataclass(frozen=True)
class Shot:
    """A picture's camera.

    Attributes:
        camera: where it stands: the object is a little off the picture's middle.
        fovy: its vertical field of view [degrees].
        size: of the picture, width and height [px].
    """

    camera: Orbit
    fovy: float
    size: tuple[int, int]

    @staticmethod
    def of(lens: float, size: tuple[int, int]) -> Shot:
        """The shot in which the object spans FILLS of the picture's shorter side."""
        half = 18 / lens / max(size)  # tangent of the angle that half a pixel spans
        distance = 0.5 / (FILLS * half * min(size))
        aside = math.degrees(math.atan(0.1 * half * min(size)))
        return Shot(Orbit(35.0, 12.0, distance, 0.0, aside, -aside), 2 * math.degrees(math.atan(half * size[1])), size)

    def clip(self, asset: Asset) -> Clip:
        """One frame, on white."""
        picture = draw(asset, asset.vertices, PictureCamera(self.camera.world_to_camera(), self.fovy, self.size), shaded=True, samples=4)
        return Clip(picture[None], None, 24.0, self.size)


def figure() -> Asset:
    """Three boxes, different from every side and many-colored."""
    boxes = [((0.45, 0.3, 0.62), (-0.2, 0, 0)), ((0.42, 0.14, 0.2), (0.2, -0.05, 0.15)), ((0.15, 0.5, 0.15), (-0.25, -0.2, -0.2))]
    mesh = trimesh.util.concatenate([trimesh.creation.box(extents=sides).apply_translation(center) for sides, center in boxes])
    mesh = mesh.subdivide().subdivide().subdivide()
    x, y, z = mesh.vertices.T
    waves = np.stack([np.sin(9 * x + 3 * z), np.sin(8 * z - 4 * y + 1), np.sin(7 * y + 5 * x * z - 5 * x)], 1)
    mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=np.round(255 * (0.5 + 0.35 * waves)).astype(np.uint8))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figure.ply"
        mesh.export(path)
        return load_mesh_file(path)


def measure(asset: Asset, bound: BoundGaussians, shot: Shot, settings: Settings) -> dict[str, Any]:
    """Errors of the found camera: of the distance as a ratio, the others in degrees; or the sentence of the refusal."""
    clip = shot.clip(asset)
    reference = make_reference(clip, find_masks(clip), shot.fovy, settings.pose.resolution, whole=True)
    start = OFF.moved(azimuth=shot.camera.azimuth + OFF.azimuth, elevation=shot.camera.elevation + OFF.elevation)
    began = time.perf_counter()
    try:
        solved = solve_pose(asset, bound, reference, start, True, settings.pose, "cpu", RecordingReporter())
    except EngineError as error:
        return {"vaod_error": math.inf, "refused": error.message}
    return {
        "vaod_error": abs(solved.camera.distance / shot.camera.distance - 1),
        "azimuth_error": abs(solved.camera.azimuth - shot.camera.azimuth),
        "elevation_error": abs(solved.camera.elevation - shot.camera.elevation),
        "at_end": solved.curve.at_end,
        "seconds": time.perf_counter() - began,
    }
