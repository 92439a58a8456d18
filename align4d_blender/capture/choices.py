"""What the artist starts from: the switch in the sidebar, and what it means for a job."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple, TypeGuard

import bpy

from ..errors import UserError
from ..storage.remembered import is_file
from .armatures import armatures_of

SIDE = 1024
"""Of the picture that a video is made of, where none is given [px]."""

FRAMES = 49
"""About as many as a generated video has."""


class RequestFields(NamedTuple):
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


def is_sequence(context: bpy.types.Context) -> bool:
    """Whether the video is a sequence of images, which has no frame rate of its own; by its name, without a look at the disk."""
    chosen = context.scene.align4d.video
    return bool(chosen) and Path(chosen).suffix.lower() not in bpy.path.extensions_movie


def start(context: bpy.types.Context) -> int:
    """The scene's frame at which the motion will begin."""
    scene = context.scene
    return scene.frame_start if scene.align4d.start_at == "SCENE" else scene.frame_current


def prior_setting(context: bpy.types.Context) -> dict[str, str]:
    """The engine's setting for the multiview prior; empty where the preset asks none, or the built-in one."""
    settings = context.scene.align4d
    return {"prior.source": settings.prior} if settings.preset == "paper" and settings.prior else {}


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


def given(context: bpy.types.Context) -> RequestFields:
    """What the artist gives beside meshes and a video. Raises UserError for what is missing."""
    settings = context.scene.align4d
    prompt = settings.prompt.strip() if settings.given != "VIDEO" else ""
    if settings.given == "TEXT" and not prompt:
        raise UserError("no_prompt", "There is no text.", "Write what you want to see.")
    image = _file(settings.image, "image", "choose_image") if settings.given == "IMAGE" else ""
    gaussian_asset = _file(settings.gaussian_asset, "file of Gaussians", "choose_gaussians") if settings.asset == "GAUSSIANS" else ""
    return RequestFields(prompt, image, gaussian_asset)


def missing(context: bpy.types.Context) -> dict[str, str]:
    """What keeps a job from starting, by the name of the property where it is chosen."""
    settings = context.scene.align4d
    found = {}
    if settings.given == "TEXT" and not settings.prompt.strip():
        found["prompt"] = "Write what you want to see"
    if settings.given == "IMAGE" and not _seems_there(settings.image):
        found["image"] = "Choose a picture of the object"
    if settings.asset == "GAUSSIANS" and not _seems_there(settings.gaussian_asset):
        found["gaussian_asset"] = "Choose a .ply of Gaussians"
    return found


def label(context: bpy.types.Context) -> str:
    """What the motion comes from, in a few words, for the list of jobs."""
    settings = context.scene.align4d
    if settings.given == "TEXT":
        return settings.prompt.strip()[:40]
    return Path(bpy.path.abspath(settings.video if settings.given == "VIDEO" else settings.image)).name


def selected_meshes(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The selected mesh objects, the active one first; those on the selected armatures where no mesh is selected."""
    layer = context.view_layer
    chosen = selected(context, {"MESH"}) or on_armatures(context, selected(context, {"ARMATURE"}))
    return sorted(chosen, key=lambda item: (item != layer.objects.active, item.name))


def selected(context: bpy.types.Context, types: set[str]) -> list[bpy.types.Object]:
    """The selected objects of these types. Blender's own list of them is missing where there is no window."""
    layer = context.view_layer
    return [item for item in layer.objects if item.type in types and item.select_get(view_layer=layer)]


def on_armatures(context: bpy.types.Context, armatures: Collection[bpy.types.Object]) -> list[bpy.types.Object]:
    """The meshes in sight that hang on armatures, by a modifier or as children."""
    if not armatures:
        return []
    layer = context.view_layer
    shown = [item for item in layer.objects if item.type == "MESH" and item.data.polygons and not item.hide_get(view_layer=layer)]
    return [item for item in shown if not armatures_of(item).isdisjoint(armatures)]


def view_of(context: bpy.types.Context) -> bpy.types.RegionView3D | None:
    """The 3D view that the context is in; None elsewhere."""
    return getattr(context, "region_data", None)


def chosen_camera(context: bpy.types.Context) -> bpy.types.Object | None:
    """The camera object that the artist's choice under Seen From comes down to; None for a view without one."""
    view = view_of(context)
    by_view = context.scene.align4d.camera == "VIEW" and view is not None and view.view_perspective == "CAMERA"
    return context.scene.camera if by_view or context.scene.align4d.camera == "SCENE" else None


def shift_note(context: bpy.types.Context) -> str:
    """What the artist should know where the chosen camera's lens is shifted, which the protocol cannot say; else empty."""
    camera = chosen_camera(context)
    if camera is None or not isinstance(camera.data, bpy.types.Camera) or not (camera.data.shift_x or camera.data.shift_y):
        return ""
    return f"Shift X and Y of {camera.name} are ignored: the video is taken to be centered on the camera's axis."


def moving_note(context: bpy.types.Context) -> str:
    """What the artist should know where the chosen camera may move; else empty."""
    camera = chosen_camera(context)
    if not may_move(camera):
        return ""
    if context.scene.align4d.preset == "paper":
        return f"{camera.name} moves, which the preset Paper does not follow: it is taken to stand as when the motion begins."
    return f"{camera.name} moves: it is followed, one frame of the scene for a frame of the video, from where the motion begins."


def may_move(camera: bpy.types.Object | None) -> TypeGuard[bpy.types.Object]:
    """Whether keys, drivers or constraints move a camera, or what it hangs on."""
    chain = []
    while camera is not None:
        chain.append(camera)
        camera = camera.parent
    return any(item.constraints or (item.animation_data and (item.animation_data.action or item.animation_data.drivers)) for item in chain)


def _seems_there(chosen: str) -> bool:
    """Whether there is such a file, for what is drawn."""
    return bool(chosen) and is_file(Path(bpy.path.abspath(chosen)))


def _file(chosen: str, what: str, fix: str) -> str:
    """Its absolute path. Raises UserError where it is not there."""
    if not chosen or not Path(bpy.path.abspath(chosen)).is_file():
        raise UserError("input_missing", f"There is no {what} at {bpy.path.abspath(chosen) or 'the chosen place'}.", "Choose it again.", fix)
    return str(Path(bpy.path.abspath(chosen)).resolve())
