"""Without a window: `blender -b scene.blend --command align4d generate --video fox.mp4`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import bpy

from ...engine.align4d.protocol import setting_of
from ..capture import modes
from ..errors import UserError
from ..jobs import queue
from ..jobs.record import Job
from ..runtime import preferences, setup
from .generate import finished, generate

if TYPE_CHECKING:
    import argparse

INTERRUPTED = 130
"""What shells expect of a program that Ctrl+C ended."""


def main(arguments: list[str]) -> int:
    """Runs one command; 0 where it succeeded."""
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as end:  # --help, or words that make no sense
        return int(end.code or 0)
    if options.engine:
        preferences.get().engine_python = options.engine
    try:
        return int(options.run(options))
    except UserError as error:
        print(str(error).strip(), file=sys.stderr)
        return INTERRUPTED if error.code == "cancelled" else 1


def _parser() -> argparse.ArgumentParser:
    import argparse  # Blender starts sooner without it

    parser = argparse.ArgumentParser(prog="blender -b SCENE.blend --command align4d", description="Animates meshes from a reference video.")
    _add_engine(parser, None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    generate = commands.add_parser("generate", help="animate meshes of the opened file, and save it")
    _add_generate(generate)
    resume = commands.add_parser("resume", help="let the jobs of the opened file that broke off go on, and save it")
    resume.add_argument("--save-as", metavar="BLEND", help="save here instead of over the opened file")
    resume.set_defaults(run=_resume)
    install = commands.add_parser("install", help="install the engine (needs --online-mode, or --wheels)")
    install.add_argument("--wheels", metavar="FOLDER", help="take everything from this folder, without the network")
    install.set_defaults(run=_install)
    for command in (generate, resume, install):
        _add_engine(command, argparse.SUPPRESS)  # not given behind the command's name: what stands before it counts
    return parser


def _add_engine(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument("--engine", metavar="PYTHON", default=default, help="the engine's interpreter, instead of the one in the preferences")


def _add_generate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--video", default="", help="a movie, or one image of a sequence; else the one that the file has")
    parser.add_argument("--objects", nargs="+", default=[], metavar="NAME", help="meshes to animate; else the selected ones")
    parser.add_argument("--preset", help="draft, artist or paper")
    parser.add_argument("--camera", choices=("SCENE", "FRONT"), help="where the video was filmed from")
    parser.add_argument("--exact-camera", action="store_true", help="take that camera as exact")
    parser.add_argument("--first", type=int, help="first frame of the video, counted from 1")
    parser.add_argument("--last", type=int, help="last frame of the video, counted from 1")
    sides = ("LEFT", "TOP", "RIGHT", "BOTTOM")
    parser.add_argument("--box", type=float, nargs=4, metavar=sides, help="around the object in the first frame, in parts of the frame from 0 to 1")
    parser.add_argument("--masks", metavar="IMAGES", help="folder with the object's mask in each frame, by alpha or white on black")
    parser.add_argument("--fps", type=float, dest="sequence_fps", help="frames a second of an image sequence; else the scene's")
    parser.add_argument("--start-at", choices=("PLAYHEAD", "SCENE"), help="at the file's current frame, or at the scene's first")
    parser.add_argument("--form", choices=("KEYFRAMES", "CACHE"), help="what the motion comes as on meshes that have an armature")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--gaussians", action="store_true", help="write the Gaussians of every frame as well, as .ply files")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", type=_setting, help="override one setting of the engine")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="what the engine computes on")
    parser.add_argument("--save-as", metavar="BLEND", help="save here instead of over the opened file")
    parser.set_defaults(run=_generate)


def _setting(text: str) -> tuple[str, Any]:
    """One `--set`, with the sentence about a wrong one."""
    try:
        return setting_of(text)
    except ValueError as error:
        import argparse

        raise argparse.ArgumentTypeError(str(error)) from error


def _generate(options: argparse.Namespace) -> int:
    names = ("preset", "camera", "first", "last", "sequence_fps", "start_at", "form", "seed", "box", "masks")
    choices: dict[str, Any] = {name: getattr(options, name) for name in names}
    if options.exact_camera:
        choices["solve_camera"] = False
    if options.gaussians:
        choices["gaussians"] = True
    if options.set:
        choices["overrides"] = dict(options.set)
    if options.device:
        preferences.get().device = options.device
    queue.on_change.append(_show)
    try:
        job = generate(options.video, options.objects, **choices)
    finally:
        queue.on_change.remove(_show)
    _tell(job)
    return _save(options.save_as)


def _resume(options: argparse.Namespace) -> int:
    waiting = [job for job in queue.listed if job.state != "done" and (job.resumable or job.moves_on)]
    if not waiting:
        raise UserError("nothing_to_resume", "No job of this file has broken off.", "See generate --help.")
    modes.leave(bpy.context)
    queue.on_change.append(_show)
    try:
        for job in waiting:
            if job.ended:
                queue.resume_job(job)
        for job in waiting:
            _tell(finished(job))
    finally:
        queue.on_change.remove(_show)
    return _save(options.save_as)


def _install(options: argparse.Namespace) -> int:
    if options.wheels:
        preferences.get().wheels = options.wheels
    setup.install()
    setup.wait()
    if setup.installation and setup.installation.error:
        raise setup.installation.error
    print(f"The engine is ready: {preferences.engine_python(preferences.get())}")
    return 0


def _show(job: Job) -> None:
    """A line of progress."""
    if job.state == "running":
        print(f"{job.fraction:4.0%}  {job.stage}", flush=True)


def _tell(job: Job) -> None:
    print(f"The motion is on {job.moved}; its files are in {job.folder}")
    for note in job.notes:
        print(f"Note: {note}")


def _save(path: str | None) -> int:
    """Saves the file, where it has a place."""
    if path:
        bpy.ops.wm.save_as_mainfile(filepath=bpy.path.abspath(path))
    elif bpy.data.filepath:
        bpy.ops.wm.save_mainfile()
    else:
        print("The file was never saved: give --save-as to keep the result.")
    return 0
