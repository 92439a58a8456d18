"""What the artist starts from: the switch in the sidebar, and what it means for a job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from ..errors import UserError

SIDE = 1024
"""Of the picture that a video is made of, where none is given [px]."""


@dataclass(frozen=True)
class Given:
    """Fields of the request of these names; "" where they are not given."""

    prompt: str
    image: str
    gaussian_asset: str


def takes_mesh(context: bpy.types.Context) -> bool:
    """Whether the selected meshes are animated."""
    return context.scene.align4d.asset == "MESH"


def takes_video(context: bpy.types.Context) -> bool:
    """Whether the motion comes from a video of the artist's."""
    return context.scene.align4d.given == "VIDEO"


def plan_arguments(context: bpy.types.Context) -> tuple[str, ...]:
    """What `align4d plan` is to be told of the choices; () where nothing has to be generated.

    A plan goes by what is given, not by what is in it, so the files need not be there yet.
    """
    settings = context.scene.align4d
    if takes_mesh(context) and takes_video(context):
        return ()
    found = {"VIDEO": ("--video", "video"), "IMAGE": ("--image", "image"), "TEXT": ("--prompt", "text")}[settings.given]
    prompt = ("--prompt", "text") if settings.given == "IMAGE" and settings.prompt.strip() else ()
    mesh = () if settings.asset == "NONE" else ("--mesh", "mesh")
    return (*found, *prompt, *mesh)


def given(context: bpy.types.Context) -> Given:
    """What the artist gives beside meshes and a video. Raises UserError for what is missing."""
    settings = context.scene.align4d
    prompt = settings.prompt.strip() if settings.given != "VIDEO" else ""
    if settings.given == "TEXT" and not prompt:
        raise UserError("no_prompt", "There is no text.", "Write what you want to see.")
    image = _file(settings.image, "image") if settings.given == "IMAGE" else ""
    gaussian_asset = _file(settings.gaussian_asset, "file of Gaussians") if settings.asset == "GAUSSIANS" else ""
    return Given(prompt, image, gaussian_asset)


def missing(context: bpy.types.Context) -> dict[str, str]:
    """What keeps a job from starting, by the name of the property where it is chosen."""
    settings = context.scene.align4d
    found = {}
    if settings.given == "TEXT" and not settings.prompt.strip():
        found["prompt"] = "Write what you want to see"
    if settings.given == "IMAGE" and not _is_file(settings.image):
        found["image"] = "Choose a picture of the object"
    if settings.asset == "GAUSSIANS" and not _is_file(settings.gaussian_asset):
        found["gaussian_asset"] = "Choose a .ply of Gaussians"
    return found


def label(context: bpy.types.Context) -> str:
    """What the motion comes from, in a few words, for the list of jobs."""
    settings = context.scene.align4d
    if settings.given == "TEXT":
        return settings.prompt.strip()[:40]
    return Path(bpy.path.abspath(settings.video if settings.given == "VIDEO" else settings.image)).name


def _is_file(chosen: str) -> bool:
    return bool(chosen) and Path(bpy.path.abspath(chosen)).is_file()


def _file(chosen: str, what: str) -> str:
    """Its absolute path. Raises UserError where it is not there."""
    if not _is_file(chosen):
        raise UserError("input_missing", f"There is no {what} at {bpy.path.abspath(chosen) or 'the chosen place'}.", "Choose it again.")
    return str(Path(bpy.path.abspath(chosen)).resolve())
