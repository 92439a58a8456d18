"""Arguments that several of the command line's commands share. Standard library only: `--help` must not wait for torch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..protocol import setting_of


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """What an artist gives."""
    parser.add_argument("--mesh", type=Path, help="mesh file: .glb, .gltf, .obj, .ply, .stl; or a .ply of Gaussians")
    parser.add_argument("--video", type=Path, help="movie file, or a folder of images")
    parser.add_argument("--image", type=Path, help="picture of the object, best with alpha or on a plain background")
    parser.add_argument("--prompt", default="", help="what to see, in words")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", type=_setting, help="override one setting")


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
