"""What is still missing before Generate, cheaply enough to be asked at every redraw; the panel says it where it is missing.

Reading the video and the mesh says more, and is done when the artist presses Generate (`capture`, `reference`).
"""

from __future__ import annotations

from pathlib import Path

import bpy

from . import choices


def missing(context: bpy.types.Context) -> dict[str, str]:
    """What keeps a job from starting: "objects", "video" and "camera", where they are not right, each with what to do; and what `inputs` lacks."""
    found = {
        "objects": _objects(context) if choices.takes_mesh(context) else "",
        "video": _video(context.scene) if choices.takes_video(context) else "",
        "camera": _camera(context),
        **choices.missing(context),
    }
    return {place: sentence for place, sentence in found.items() if sentence}


def selected_meshes(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The selected mesh objects, the active one first. Blender's own list of them is missing where there is no window."""
    layer = context.view_layer
    chosen = [item for item in layer.objects if item.type == "MESH" and item.select_get(view_layer=layer)]
    return sorted(chosen, key=lambda item: (item != layer.objects.active, item.name))


def view_of(context: bpy.types.Context) -> bpy.types.RegionView3D | None:
    """The 3D view that the context is in; None elsewhere."""
    return getattr(context, "region_data", None)


def _objects(context: bpy.types.Context) -> str:
    meshes = selected_meshes(context)
    if not meshes:
        return "Select the mesh that the video shows"
    for item in meshes:
        if item.mode == "EDIT":
            return "Leave Edit Mode (Tab)"
        if not item.is_editable:
            return f"{item.name} is linked from another file: make it local"
        if not item.data.polygons and not item.modifiers:
            return f"{item.name} has no faces: take it out of the selection"
    return ""


def _video(scene: bpy.types.Scene) -> str:
    chosen = scene.align4d.video
    if not chosen:
        return "Choose a movie or an image sequence"
    path = Path(bpy.path.abspath(chosen))
    if not path.exists():
        return f"There is no video at {path}"
    if path.is_file() and path.suffix.lower() not in bpy.path.extensions_movie | bpy.path.extensions_image:
        return f"{path.name} is neither a movie nor an image"
    return ""


def _camera(context: bpy.types.Context) -> str:
    camera = chosen_camera(context)
    if camera is not None and (not isinstance(camera.data, bpy.types.Camera) or camera.data.type != "PERSP"):
        return f"{camera.name} is not a perspective camera"
    return ""


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
