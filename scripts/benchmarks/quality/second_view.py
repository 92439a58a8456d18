"""A second clip of the same motion, rendered of the truth from the side: how much of the error in depth it takes away."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
from pathlib import Path

import numpy as np
from align4d_lab.evaluation.truth_file import TruthFile, read_truth
from align4d_lab.metrics.mesh_picture import PictureCamera, draw_with_mask
from align4d_lab.metrics.motion import motion_figures
from PIL import Image

from align4d import protocol
from align4d.cameras.orbit import BLENDER_AXES
from align4d.inputs.asset import Asset, load_asset
from align4d.inputs.video import load_clip
from align4d.job.reporting import RecordingReporter
from align4d.motion.triangles import mesh_edges
from align4d.pipeline import artist
from support import folders
from support.console import ScriptError, say

from . import case_by_case
from .motion import overrides

SIZE = 512
"""Side of the second clip [px]."""
NAMES = ("motion_explained", "depth_error", "in_view_error")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    unfinished = "folder with a job below each case's name; one that is not finished runs first"
    case_by_case.add_case_arguments(parser, "folder for second_view.json and the jobs", unfinished)
    parser.add_argument("--preset", default="artist", help="quality preset")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting of the engine (can be repeated)")
    parser.add_argument("--azimuth", type=float, default=90.0, help="how far around the second camera stands [degrees]")
    parser.add_argument("--start-offset", type=float, default=10.0, metavar="DEG", help="put its start camera off by this much")
    parser.add_argument("--later", type=int, default=5, help="frames by which the second clip begins later; the engine has to find them")


def run(arguments: argparse.Namespace) -> int:
    """Runs the cases one after the other; 1 where one of them fails."""
    columns = (*(f"{count}_{name}" for name in NAMES for count in ("one", "two")), "depth_taken_away")
    return case_by_case.measure(arguments, "second_view", columns, lambda case, out: compared(case, out, arguments))


def compared(case: Path, out: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """Figures of the first clip alone and of both, and by which part the second takes the depth's error down; see `motion_figures`."""
    source = arguments.jobs / case.name
    if not (source / "request.json").is_file():
        raise ScriptError(f"{source} is no job.")
    request = dataclasses.replace(protocol.read_request(source), preset=arguments.preset, settings=overrides(arguments.set), gaussians=False)
    truth, asset = read_truth(case / "truth.npz"), load_asset(request, source)
    figures: dict[str, float] = {}
    errors: list[float] = []
    for name, views in (("one", ()), ("two", (side_view(out, asset, truth, arguments, load_clip(request.video).fps),))):
        folder = out / name
        if name == "one" and (source / "output" / "result.json").is_file():
            folder = source
        else:
            shutil.copytree(source / "input", folder / "input")
            protocol.write_json(folder / "request.json", dataclasses.replace(request, views=views))
            artist.run(folder, RecordingReporter())
        scored = score(folder, asset, truth)
        figures |= {f"{name}_{key}": scored[key] for key in NAMES}
        errors.append(scored["depth_error"])
    return {**figures, "depth_taken_away": 1 - errors[1] / errors[0]}


def side_view(out: Path, asset: Asset, truth: TruthFile, arguments: argparse.Namespace, fps: float) -> protocol.ViewSpec:
    """The second clip, written to a folder, and a camera that is off."""
    matrix = asset.objects[0].matrix_world
    side = truth.view(matrix).turned(arguments.azimuth)
    camera = PictureCamera(side.world_to_camera(), side.fovy, (SIZE, SIZE))
    folder = folders.fresh(out / "side")
    names: tuple[list[str], list[str]] = ([], [])
    for frame, vertices in enumerate(truth.placed(matrix)[arguments.later :]):
        for kind, picture, paths in zip(("frame", "mask"), draw_with_mask(asset, vertices, camera, shaded=True), names, strict=True):
            paths.append(str((folder / f"{kind}_{frame:04}.png").resolve()))
            Image.fromarray(picture).save(paths[-1])
    start = np.linalg.inv(side.turned(arguments.start_offset).world_to_camera()) @ BLENDER_AXES
    video = protocol.VideoSpec(images=tuple(names[0]), fps=fps, masks=tuple(names[1]))
    return protocol.ViewSpec(video, protocol.CameraSpec(protocol.as_matrix(start), side.fovy))


def score(folder: Path, asset: Asset, truth: TruthFile) -> dict[str, float]:
    """See `motion_figures`. Raises ScriptError where the job does not belong to the case."""
    result, matrix = protocol.read_result(folder), asset.objects[0].matrix_world
    for note in result.notes:
        say(f"Note: {note}")
    motion = protocol.read_pc2(folder / result.objects[0].motion).astype(np.float64)
    if motion.shape != truth.vertices.shape:
        raise ScriptError(f"The motion has the shape {motion.shape}, the truth {truth.vertices.shape}.")
    found, rest = motion @ matrix[:3, :3].T + matrix[:3, 3], asset.similarity.invert(asset.bake_points)
    return motion_figures(found, truth.placed(matrix), rest, mesh_edges(asset.triangles), truth.view(matrix))
