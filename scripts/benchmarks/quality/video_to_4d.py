"""Video to 4D with nothing downloaded: every case with its mesh hidden, and clips without a truth, judged from other sides."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rich.console
import rich.table
from align4d_lab.metrics.mesh_picture import PictureCamera, draw
from align4d_lab.metrics.pictures import psnr, ssim
from PIL import Image

from align4d.alignment.reference import make_reference
from align4d.cameras.orbit import Orbit, normalized_from_blender, orbit_from_matrix
from align4d.inputs.asset import Asset, load_asset
from align4d.inputs.masks import find_masks
from align4d.inputs.video import Clip, load_clip
from align4d.job.make import make_job
from align4d.protocol import GENERATED, MaterialSpec, ObjectSpec, Request, Result, VideoSpec, read_pc2, read_request, read_result, replacing
from support import blender, environments, extension, folders
from support.console import ScriptError, say
from support.generation import ArtistChoices, capture

from ..prior import cameras as prior_cameras
from ..prior.light import fit_light
from ..prior.views import LitMesh, orbit
from .motion import find_cases, overrides
from .video_lag import as_shown, video_lag

AZIMUTHS = (0.0, 15.0, 105.0, 195.0)
"""The video's own view, and three of Consistent4D's, relative to it [degrees]."""

FRAMES, SIZE = 6, 256
"""Frames that are compared, evenly over the clip, and the side of their pictures [px]."""


@dataclass(frozen=True)
class Moved:
    """A finished job, ready to be drawn.

    Attributes:
        asset: the generated mesh; positions: (T, V, 3) of its vertices.
        camera: the video's, around the object; fovy [degrees].
        result: what the engine wrote; seconds: wall-clock, start of the process included.
    """

    asset: Asset
    positions: np.ndarray
    camera: Orbit
    result: Result
    seconds: float

    def pictures(self, frames: np.ndarray, turn: float, width: int, height: int) -> np.ndarray:
        """(F, height, width, 3) uint8 of some frames, the camera turned around the object by `turn` degrees."""
        matrix = self.camera.moved(azimuth=self.camera.azimuth + turn).world_to_camera()
        view = PictureCamera(matrix, self.result.camera.fovy, (width, height))
        return np.stack([draw(self.asset, self.positions[frame], view) for frame in frames])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=Path, help="folder of cases: asset.blend, reference.mp4, frames and truth.npz each")
    parser.add_argument("--only", action="append", metavar="NAME", help="one case (can be repeated)")
    parser.add_argument("--clip", action="append", default=[], type=Path, metavar="VIDEO", help="a clip without a truth (can be repeated)")
    parser.add_argument("--preset", default="artist", help="quality preset")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting of the engine (can be repeated)")
    parser.add_argument("--blender", metavar="PATH", help="an installed Blender instead of PyPI's bpy")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json, the jobs and the sheets")


def run(arguments: argparse.Namespace) -> int:
    """Runs cases and clips one after the other and writes OUT/figures.json and a sheet for each."""
    figures: dict[str, dict[str, Any]] = {}
    cases = find_cases(arguments.cases, arguments.only) if arguments.cases else []
    for name, video, case in [(case.name, case / "reference.mp4", case) for case in cases] + [(clip.stem, clip, None) for clip in arguments.clip]:
        say(name)
        folder = folders.fresh(arguments.out / name)
        moved = generate(video, folder / "job", arguments)
        clip = load_clip(VideoSpec(path=str(video)))
        chosen = np.linspace(0, len(clip.frames) - 1, FRAMES + 1).round().astype(int)[1:]
        truth = true_pictures(case, chosen, folder, arguments.blender) if case else None
        figures[name] = cost(moved) | (judged(moved, chosen, truth) if truth is not None else {})
        write_sheet(folder / "sheet.png", clip, moved, chosen, truth)
        with replacing(arguments.out / "figures.json", "w") as file:
            json.dump(figures, file, indent=1)
    show(figures)
    return 0


def generate(video: Path, folder: Path, arguments: argparse.Namespace) -> Moved:
    """A job of the video alone, in a process of its own. Raises ScriptError with what the engine said."""
    make_job(None, video.resolve(), folder, Orbit(), (0, -1, 0.0), preset=arguments.preset, settings=overrides(arguments.set))
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "align4d", "resume", str(folder)], capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise ScriptError(done.stdout + done.stderr)
    result = read_result(folder)
    entry = result.objects[0]
    spec = ObjectSpec(GENERATED, entry.name, entry.mesh, entry.matrix_world, (MaterialSpec("texture", image=entry.image),))
    asset = load_asset(Request("", (spec,), read_request(folder).video, read_request(folder).camera), folder)
    positions = asset.similarity.apply(read_pc2(folder / entry.motion))
    camera = normalized_from_blender(np.array(result.camera.matrix_world), asset.similarity.center, asset.similarity.size)
    return Moved(asset, positions, orbit_from_matrix(camera), result, seconds)


def true_pictures(case: Path, chosen: np.ndarray, folder: Path, path: str | None) -> np.ndarray:
    """(A, F, SIZE, SIZE, 3) uint8 of the case's own mesh in the light of its video, from each of AZIMUTHS at the frames that the movie shows."""
    found = blender.chosen(path)
    user_folder = extension.installed(found, environments.ready(environments.engine_environment()))
    with tempfile.TemporaryDirectory() as place:
        captured = Path(place) / "capture"
        order = ArtistChoices(str((case / "asset.blend").resolve()), str((case / "reference.mp4").resolve()), str(captured), save_as="")
        capture(found, user_folder, order, folder / "capture.txt")
        request = read_request(captured)
        asset = load_asset(request, captured)
    with np.load(case / "truth.npz", allow_pickle=False) as truth:
        camera = np.array([float(truth[name]) for name in ("elevation", "azimuth", "distance")], np.float32)
        matrix = asset.objects[0].matrix_world
        poses = asset.similarity.apply(truth["vertices"].astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3])
    clip = load_clip(request.video)
    reference = make_reference(clip, find_masks(clip), prior_cameras.FOVY, 256, slice(0, 1))
    mesh = LitMesh(asset, fit_light(asset, reference, orbit(camera).world_to_camera()))
    shown = as_shown(poses, video_lag(case) or 0)
    cameras = prior_cameras.around(camera, AZIMUTHS)
    return np.stack([mesh.pictures(shown[frame], cameras, SIZE) for frame in chosen], axis=1)


def judged(moved: Moved, chosen: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """PSNR [dB] (of the pooled squared error) and mean SSIM at each azimuth."""
    figures = {}
    for turn, true in zip(AZIMUTHS, truth, strict=True):
        ours = moved.pictures(chosen, turn, SIZE, SIZE)
        figures[f"psnr_{turn:.0f}"] = psnr(ours, true)
        figures[f"ssim_{turn:.0f}"] = float(np.mean([ssim(*pair) for pair in zip(ours, true, strict=True)]))
    return figures


def cost(moved: Moved) -> dict[str, Any]:
    """Time, memory and size."""
    return {
        "seconds": moved.seconds,
        "stages": moved.result.seconds,
        "peak_memory_gb": moved.result.figures["peak_memory_gb"],
        "vertices": len(moved.asset.vertices),
        "notes": list(moved.result.notes),
    }


def write_sheet(path: Path, clip: Clip, moved: Moved, chosen: np.ndarray, truth: np.ndarray | None) -> None:
    """The video's frames; below them the result, and the truth where there is one, from each side."""
    height, width = clip.frames.shape[1:3]
    across = round(SIZE * width / height)
    rows = [np.stack([np.asarray(Image.fromarray(clip.frames[frame]).resize((across, SIZE))) for frame in chosen])]
    for index, turn in enumerate(AZIMUTHS):
        rows.append(moved.pictures(chosen, turn, across, SIZE))
        if truth is not None and turn:
            rows.append(truth[index])
    Image.fromarray(np.concatenate([np.concatenate(list(row), axis=1) for row in rows])).save(path)


def show(figures: dict[str, dict[str, Any]]) -> None:
    """Prints the table."""
    names = [f"psnr_{turn:.0f}" for turn in AZIMUTHS]
    table = rich.table.Table("", *(f"{turn:.0f}°, dB" for turn in AZIMUTHS), "s", "GB", "vertices")
    for case, values in figures.items():
        table.add_row(case, *(f"{values[name]:.1f}" if name in values else "–" for name in names), *_cells(values))
    rich.console.Console(width=120).print(table)


def _cells(values: dict[str, Any]) -> list[str]:
    return [f"{values['seconds']:.0f}", f"{values['peak_memory_gb']:.2f}", str(values["vertices"])]
