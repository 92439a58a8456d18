"""What is still missing before Generate, cheaply enough to be asked at every redraw; the panel says it where it is missing.

Reading the video and the mesh says more, and is done when the artist presses Generate (`capture`, `reference`).
"""

from __future__ import annotations

from pathlib import Path

import bpy

from ..storage.remembered import exists, is_file
from . import choices
from .armatures import armatures_of


def missing(context: bpy.types.Context) -> dict[str, str]:
    """What keeps a job from starting: "objects", "video", "camera", "second_video" and "second_camera", where they are not right, each with what
    to do; and what `choices` lacks."""
    found = {
        "objects": _objects(context) if choices.takes_mesh(context) else "",
        "video": _video(context.scene.align4d.video) if choices.takes_video(context) else "",
        "camera": _camera(choices.chosen_camera(context)),
        **_second(context),
        **choices.missing(context),
    }
    return {place: sentence for place, sentence in found.items() if sentence}


def _objects(context: bpy.types.Context) -> str:
    meshes = choices.selected_meshes(context)
    if not meshes:
        return no_mesh(context)
    for item in meshes:
        if item.mode == "EDIT":
            return "Leave Edit Mode (Tab)"
        if not item.is_editable:
            return f"{item.name} is linked from another file: Object > Library Override > Make"
        if not item.data.polygons and not item.modifiers:
            return f"{item.name} has no faces: take it out of the selection"
    return ""


_CONVERTED = {"CURVE", "SURFACE", "META", "FONT", "CURVES", "GPENCIL", "GREASEPENCIL", "POINTCLOUD"}
"""Types of objects that Blender turns into meshes, where it can."""


def no_mesh(context: bpy.types.Context) -> str:
    """What to do where none of what is selected is a mesh."""
    instances = [item for item in choices.selected(context, {"EMPTY"}) if item.instance_type == "COLLECTION" and item.instance_collection]
    for item in instances:
        linked = item.instance_collection.library is not None
        cure = "Object > Library Override > Make" if linked else "Object > Apply > Make Instances Real"
        return f"{item.name} is an instance of a collection: {cure}"
    for item in choices.selected(context, _CONVERTED):
        return f"{item.name} is not a mesh: Object > Convert > Mesh"
    if choices.selected(context, {"ARMATURE"}):
        return "No mesh hangs on the selected armature: select the mesh that the video shows"
    return "Select the mesh that the video shows"


def left_out(context: bpy.types.Context) -> str:
    """What is selected beside meshes and stays as it is, in a sentence; "" where there is nothing of the kind."""
    if not choices.selected(context, {"MESH"}):
        return ""
    names = [item.name for item in choices.selected(context, _CONVERTED)]
    return f"No meshes, and left out: {', '.join(names)}" if names else ""


def left_behind(context: bpy.types.Context) -> list[bpy.types.Object]:
    """Meshes that hang on the armature of what is selected (hats, hair, clothes), and are not selected."""
    chosen = choices.selected_meshes(context)
    armatures = {armature for item in chosen for armature in armatures_of(item)}
    return [item for item in choices.on_armatures(context, armatures) if item not in chosen]


def _second(context: bpy.types.Context) -> dict[str, str]:
    """Of the second clip, where one is chosen."""
    settings = context.scene.align4d
    if not settings.second_video or not choices.takes_video(context):
        return {}
    camera = settings.second_camera
    return {"second_video": _video(settings.second_video), "second_camera": _camera(camera) if camera else "Choose where it was filmed from"}


def _video(chosen: str) -> str:
    if not chosen:
        return "Choose a movie or an image sequence"
    path = Path(bpy.path.abspath(chosen))
    if not exists(path):
        return f"There is no video at {path}"
    if is_file(path) and path.suffix.lower() not in bpy.path.extensions_movie | bpy.path.extensions_image:
        return f"{path.name} is neither a movie nor an image"
    return ""


def _camera(camera: bpy.types.Object | None) -> str:
    if camera is not None and (not isinstance(camera.data, bpy.types.Camera) or camera.data.type != "PERSP"):
        return f"{camera.name} is not a perspective camera"
    return ""
