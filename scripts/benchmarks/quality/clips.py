"""Clips as artists have them, without any truth: each is run to its end, and a sheet of it is left for a person to look at."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from align4d_lab.metrics.mesh_picture import PictureCamera, draw
from align4d_lab.tables.report import write_json
from PIL import Image, ImageDraw

from align4d import protocol
from align4d.cameras.orbit import Orbit
from align4d.inputs.asset import Asset, load_asset
from align4d.inputs.video import load_clip
from align4d.job.make import make_job
from align4d.job.reporting import RecordingReporter
from align4d.pipeline import artist
from align4d.pipeline.request_check import check_request
from align4d.protocol import Result
from support.console import ScriptError, say
from support.movies import in_square

SIDE = 256
"""Of a picture [px]."""
COLUMNS = 6
"""Frames of a sheet, evenly over the clip."""
MASK = "mask"
ROWS = {"clip": None, MASK: None, "result": 0.0, "from the side": 90.0, "from behind": 180.0}
"""What a sheet shows, and how far from the video's camera it is looked at [degrees]; masks where they were made by a box."""
MESHES = (".glb", ".obj")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clips", type=Path, required=True, help="folder of NAME.mp4, with NAME.glb or NAME.obj where there is a mesh")
    parser.add_argument("--only", action="append", metavar="NAME", help="one clip (can be repeated)")
    parser.add_argument(
        "--box", action="append", nargs=5, default=[], metavar=("NAME", "LEFT", "TOP", "RIGHT", "BOTTOM"), help="around a clip's object"
    )
    parser.add_argument("--view", action="append", nargs=3, default=[], metavar=("NAME", "AZIMUTH", "ELEVATION"), help="where a clip was taken from")
    parser.add_argument("--preset", default="draft")
    parser.add_argument("--out", type=Path, required=True, help="folder for the jobs, clips.json and a sheet of each; what is finished there is kept")


def run(arguments: argparse.Namespace) -> int:
    """Runs the clips one after the other; 1 where one of them did not reach its end."""
    boxes = {name: tuple(float(side) for side in sides) for name, *sides in arguments.box}
    views = {name: (float(azimuth), float(elevation)) for name, azimuth, elevation in arguments.view}
    figures: dict[str, dict[str, object]] = {}
    for movie in sorted(arguments.clips.glob("*.mp4")):
        name = movie.stem
        if arguments.only and name not in arguments.only:
            continue
        folder = arguments.out / name
        try:
            if not (folder / "request.json").exists():
                mesh = next((found for suffix in MESHES if (found := movie.with_suffix(suffix)).exists()), None)
                orbit = Orbit(*views.get(name, (0.0, 0.0)), 2.0)
                make_job(mesh, movie, folder, orbit, (0, -1, 0.0), check_request, box=boxes.get(name, ()), preset=arguments.preset, device="cpu")
            result = artist.run(folder, RecordingReporter()) if not (folder / "output" / "result.json").exists() else protocol.read_result(folder)
        except protocol.UserError as error:
            say(f"{name}: {error}")
            figures[name] = {"error": str(error)}
            continue
        write_sheet(folder, result, arguments.out / f"{name}.png")
        figures[name] = {"seconds": sum(result.seconds.values()), "notes": list(result.notes), **result.figures}
        say(f"{name}: {figures[name]['seconds']:.0f} s, look {result.figures['look']:.2f}. {' '.join(result.notes)}")
    if not figures:
        raise ScriptError(f"{arguments.clips} has no such clip.")
    write_json(arguments.out / "clips.json", figures)
    return int(any("error" in one for one in figures.values()))


def write_sheet(folder: Path, result: Result, path: Path) -> None:
    """Frames evenly over the clip of a finished job, one a column, and the ROWS."""
    request = protocol.read_completed(folder)
    asset = load_asset(request, folder)
    clip = load_clip(request.video)
    motion = world_motion(folder, result, asset)
    masks = sorted((folder / "output" / "masks").glob("*.png"))
    titles = [title for title in ROWS if masks or title != MASK]
    columns = []
    for frame in np.linspace(0, len(motion) - 1, COLUMNS).round().astype(int).tolist():
        shown = [clip.frames[frame], *(np.asarray(Image.open(mask).convert("RGB")) for mask in masks[frame : frame + 1])]
        shown += [draw(asset, motion[frame], camera_of(result, motion, frame, turn), shaded=True) for turn in ROWS.values() if turn is not None]
        columns.append(np.concatenate([in_square(picture, SIDE) for picture in shown]))
    sheet = Image.fromarray(np.concatenate(columns, axis=1))
    pen = ImageDraw.Draw(sheet)
    for row, title in enumerate(titles):
        pen.text((6, row * SIDE + 4), title, fill="black", font_size=16)
    sheet.save(path)


def world_motion(folder: Path, result: Result, asset: Asset) -> np.ndarray:
    """(T, V, 3) of all meshes, one after the other, in the scene."""
    parts = []
    for item, placed in zip(result.objects, asset.objects, strict=True):
        positions = protocol.read_pc2(folder / item.motion).astype(np.float64)
        parts.append(positions @ placed.matrix_world[:3, :3].T + placed.matrix_world[:3, 3])
    return np.concatenate(parts, axis=1)


def camera_of(result: Result, motion: np.ndarray, frame: int, turn: float) -> PictureCamera:
    """The result's camera in a frame, turned around where the mesh stands in the first one [degrees]."""
    camera = result.camera
    center = (motion[0].min(axis=0) + motion[0].max(axis=0)) / 2
    cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    around = np.eye(4)
    around[:3, :3] = [[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]
    around[:3, 3] = center - around[:3, :3] @ center
    to_world = around @ np.array(camera.path[frame] if camera.path else camera.matrix_world)
    size = (round(SIDE * camera.width / camera.height), SIDE)
    return PictureCamera(np.diag([1.0, -1.0, -1.0, 1.0]) @ np.linalg.inv(to_world), camera.fovy, size)
