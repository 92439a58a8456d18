"""Arguments that several of the command line's commands share. Standard library only: `--help` must not wait for torch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..cameras.orbit import Orbit
from ..protocol import setting_of

PRESET_NAMES = ("artist", "draft", "paper")
DEVICES = ("auto", "cpu", "cuda")
BACKENDS = ("auto", "reference", "cpu", "triton", "gsplat")


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """What an artist gives."""
    parser.add_argument("--mesh", type=Path, help="mesh file: .glb, .gltf, .obj, .ply, .stl; or a .ply of Gaussians")
    parser.add_argument("--video", type=Path, help="movie file, or a folder of images")
    parser.add_argument("--image", type=Path, help="picture of the object, best with alpha or on a plain background")
    parser.add_argument("--prompt", default="", help="what to see, in words")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", type=_setting, help="one setting, see `align4d settings`; may be given again"
    )


def add_job(parser: argparse.ArgumentParser) -> None:
    """How a job is to be done, and from which frames and view."""
    parser.add_argument("--azimuth", type=float, default=Orbit.azimuth, help="about where the video was seen from [degrees]; 0 is the front")
    parser.add_argument("--elevation", type=float, default=Orbit.elevation, help="[degrees]")
    parser.add_argument("--distance", type=float, default=Orbit.distance, help="[longest sides of the mesh]")
    parser.add_argument("--fovy", type=float, default=Orbit.fovy, help="vertical field of view of the video [degrees]")
    parser.add_argument("--first", type=int, default=1, help="first frame of the video, counted from 1")
    parser.add_argument("--last", type=int, default=0, help="last frame of the video, counted from 1; 0: its end")
    sides = ("LEFT", "TOP", "RIGHT", "BOTTOM")
    parser.add_argument("--box", type=float, nargs=4, metavar=sides, help="around the object in the first frame, in parts of the frame from 0 to 1")
    parser.add_argument("--masks", type=Path, help="folder of pictures of the object's mask, one for each chosen frame: alpha, or white on black")
    parser.add_argument("--camera-path", type=Path, help="JSON list of the camera's 4x4 matrices in each frame, camera to world, where it moves")
    parser.add_argument(
        "--clip",
        nargs="+",
        action="append",
        default=[],
        metavar=("VIDEO", "KEY=VALUE"),
        help="a further clip of the same motion, with azimuth=, elevation=, distance=, fovy=, first=, last=, fps= and masks= as above, and "
        "offset=, the seconds that it begins after the first one, which are looked for if not given; may be given again",
    )
    parser.add_argument("--fps", type=float, default=0.0, help="frame rate; 0: the movie's own, 24 for images")
    parser.add_argument("--preset", choices=PRESET_NAMES, default="artist", help="a set of settings")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="what to compute on")
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="of the rasterizer")
    parser.add_argument("--gaussians", action="store_true", help="write the Gaussians of every frame, too, as .ply files")


def add_check(parser: argparse.ArgumentParser) -> None:
    """Of `align4d check`."""
    add_clip(parser)
    parser.add_argument("--json", action="store_true", help="the findings as one line of JSON")


def add_match(parser: argparse.ArgumentParser) -> None:
    """Of `align4d match`."""
    add_clip(parser)
    parser.add_argument("--mesh", type=Path, required=True, help="an .npz file: vertices, triangles, and the camera's matrix_world and fovy")
    parser.add_argument("--out", type=Path, required=True, help="PNG file for the first frame with the mesh over it")


def add_clip(parser: argparse.ArgumentParser) -> None:
    """A clip, and which frames of it."""
    parser.add_argument("video", type=Path, nargs="+", help="movie file, a folder of images, or the images themselves in their order")
    parser.add_argument("--first", type=int, default=1, help="first frame of the video, counted from 1")
    parser.add_argument("--last", type=int, default=0, help="last frame of the video, counted from 1; 0: its end")
    parser.add_argument("--fps", type=float, default=0.0, help="frame rate; 0: the movie's own, 24 for images")


def add_run(parser: argparse.ArgumentParser) -> None:
    """How a job that is made is run."""
    parser.add_argument("--online", action="store_true", help="let the job fetch the prior that it names from the Hugging Face hub")
    parser.add_argument("--rigged", action="store_true", help="write the mesh with bones and their animation, too, as output/rigged.glb")


def add_models(parser: argparse.ArgumentParser) -> None:
    """The model manager."""
    actions = parser.add_subparsers(dest="action", required=True)
    for name, text in (
        ("list", "all models, and which are on this machine"),
        ("fetch", "download one"),
        ("use", "take one from a folder of yours"),
        ("accept", "agree to the license of one that limits commercial use"),
        ("remove", "delete a fetched one, or forget a folder"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("--json", action="store_true", help="for other programs")
        if name != "list":
            action.add_argument("model", help="id of the model")
        if name == "use":
            action.add_argument("folder", type=Path)
        if name == "fetch":
            action.add_argument("--yes", action="store_true", help="do not ask before the network is used")


def _setting(text: str) -> tuple[str, Any]:
    """One `--set`, with the sentence about a wrong one."""
    try:
        return setting_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
