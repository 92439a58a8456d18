"""`align4d dataset build` and `review`: the paper's benchmark dataset X4D (docs/reference/dataset.md)."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from align4d.generators.generator_settings import AUTO, GeneratorSettings
from align4d.job.reporting import TerminalReporter

NAME = "dataset"


def add_parser(commands: Any) -> None:
    """Adds it to the subcommands."""
    actions = commands.add_parser(NAME, help="build the benchmark dataset of text, image, video and 3D").add_subparsers(dest="action", required=True)
    build = actions.add_parser("build", help="make what is missing of a dataset; the same command goes on where it was broken off")
    build.add_argument("out", type=Path, help="folder of the dataset")
    build.add_argument("--prompts", type=Path, help="text file, one prompt a line")
    build.add_argument("--images", type=Path, help="folder of pictures")
    build.add_argument("--videos", type=Path, help="folder of videos")
    build.add_argument("--assets", type=Path, help="folder of .glb, .obj, .ply or .stl files")
    build.add_argument("--origin", default="", help="where what is given comes from, for the manifest")
    build.add_argument("--license", default="", help="of what is given, for the manifest")
    build.add_argument("--seed", type=int, default=0)
    for role in ("text_to_image", "image_to_video", "image_to_3d", "image_to_text"):
        build.add_argument(f"--{role.replace('_', '-')}", default=AUTO, metavar="ID", help="model, see align4d models list; auto: the first there")
    build.add_argument("--memory", type=float, default=0.0, metavar="GB", help="of the device that models may use; 0: what is free")
    build.add_argument("--device", default="auto", help="auto, cpu or cuda")
    build.add_argument("--retry", action="store_true", help="try items again that were put aside")
    build.add_argument("--again", action="append", default=[], metavar="ID", help="make this item anew (can be repeated)")
    build.add_argument("--ray", metavar="ADDRESS", help="build on a Ray cluster: its address, auto, or local for one on this machine")
    review = actions.add_parser("review", help="look through a dataset in a browser, and keep or drop items")
    review.add_argument("out", type=Path, help="folder of the dataset")
    review.add_argument("--port", type=int, default=0, help="0: any free one")


def run(options: argparse.Namespace, console: Console) -> int:
    """Builds or shows a dataset. Raises EngineError."""
    return _build(options, console) if options.action == "build" else _review(options, console)


def _build(options: argparse.Namespace, console: Console) -> int:
    from align4d.batch.executor import executor
    from align4d.machine.device import choose_device

    from ..datasets.x4d.build import build  # imports torch: not for --help
    from ..datasets.x4d.sources import DatasetInputs
    from ..datasets.x4d.workshop import ModelWorkshop

    device = choose_device(options.device)
    roles = {role: getattr(options, role) for role in ("text_to_image", "image_to_video", "image_to_3d", "image_to_text")}
    workshop = ModelWorkshop(GeneratorSettings(**roles, memory_gb=options.memory), device)
    given = DatasetInputs(options.prompts, options.images, options.videos, options.assets, options.origin, options.license, options.seed)
    with executor(options.ray, float(device == "cuda")) as place, TerminalReporter(console, threading.Event()) as report:
        manifest = build(given, options.out.resolve(), workshop, place, report, options.retry, options.again)
    console.print(f"{len(manifest['items'])} items, {len(manifest['quarantined'])} put aside.")
    console.print(f"Look through them: align4d dataset review {escape(str(options.out))}")
    return 0


def _review(options: argparse.Namespace, console: Console) -> int:
    from align4d.errors import EngineError

    from ..datasets.x4d.gallery import write_gallery
    from ..datasets.x4d.manifest import write_manifest
    from ..datasets.x4d.review import make_server

    if not (options.out / "items").is_dir():
        raise EngineError("dataset_missing", f"{options.out} is no dataset.", "Build one: align4d dataset build.")
    write_gallery(options.out, write_manifest(options.out))
    server, address = make_server(options.out, options.port)
    console.print(f"Open {escape(address)} in a browser on this machine; Ctrl+C ends it.")
    with server:
        server.serve_forever()
    return 0
