"""How firmly the clip holds a motion: as colors on the mesh that follow the frame, and as a list of what is least sure.

numpy is imported by `certainty_file`, at its first use: Blender starts sooner without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import bpy

from ...engine.align4d import protocol
from ..errors import UserError
from ..storage import paths, tags
from .playback import PlayedResult, active, playback, scene_frame, scene_of, shown_frame

if TYPE_CHECKING:
    from .certainty_file import Unsure

ATTRIBUTE = "Align4D Doubt"
"""Name of the color attribute."""


def is_known(result: PlayedResult) -> bool:
    """Whether a result tells how sure it is."""
    return (_folder(result) / protocol.CERTAINTY).is_file()


def least_sure(item: bpy.types.Object) -> list[Unsure]:
    """The limbs of an object's active result that are least sure, the worst first. Raises UserError where it does not tell."""
    from . import certainty_file

    return list(certainty_file.told(_folder(_telling(item))).limbs)


def is_shown(item: bpy.types.Object) -> bool:
    """Whether a mesh is colored by it."""
    return ATTRIBUTE in cast(bpy.types.Mesh, item.data).color_attributes


def show(item: bpy.types.Object) -> None:
    """Colors a mesh by how sure its vertices are in the frame that is shown, from now on. Raises UserError."""
    _telling(item)
    mesh = cast(bpy.types.Mesh, item.data)
    if not is_shown(item):
        mesh.color_attributes.new(ATTRIBUTE, "FLOAT_COLOR", "POINT")
    mesh.color_attributes.active_color_name = ATTRIBUTE
    _paint(item)


def strip(item: bpy.types.Object) -> list[tuple[float, float, tuple[float, ...]]]:
    """Where each frame of an object's motion begins and ends on the timeline, and the color of how sure it is. Raises UserError."""
    from . import certainty_file

    result, scene = _telling(item), scene_of(item)
    colors = certainty_file.told(_folder(result)).frame_colors()
    shown = playback(result, scene)
    frames = range(shown.first, min(shown.last + 1, len(colors)))
    half = 0.5 / shown.rate
    return [(at - half, at + half, tuple(colors[frame].tolist())) for frame in frames for at in (scene_frame(result, scene, frame),)]


def hide(item: bpy.types.Object) -> None:
    """Takes the colors away."""
    mesh = cast(bpy.types.Mesh, item.data)
    if is_shown(item):
        mesh.color_attributes.remove(mesh.color_attributes[ATTRIBUTE])


def repaint() -> None:
    """Another frame is shown: what is colored follows."""
    for item in tags.tagged():
        if item.type != "MESH" or item.library or not active(item) or not is_shown(item):
            continue
        try:
            _paint(item)
        except UserError:  # another result is shown, which does not tell
            hide(item)


def _paint(item: bpy.types.Object) -> None:
    from . import certainty_file, motion_file

    result, mesh = _telling(item), cast(bpy.types.Mesh, item.data)
    name = motion_file.as_shown(paths.motion_file(item, result)).name
    colors = certainty_file.told(_folder(result)).colors(name, shown_frame(result, scene_of(item)))
    if len(colors) != len(mesh.vertices):
        raise UserError("vertices_changed", f"{item.name} has another number of vertices than its motion.", "Undo that change, or generate again.")
    attribute = cast(bpy.types.FloatColorAttribute, mesh.color_attributes[ATTRIBUTE])
    attribute.data.foreach_set("color", colors.ravel())
    mesh.update()


def _telling(item: bpy.types.Object) -> PlayedResult:
    result = active(item)
    if result is None or not is_known(result):
        message = f"How sure the motion of {item.name} is was not kept."
        raise UserError("no_certainty", message, "Generate it again with the preset Artist or Draft.")
    return result


def _folder(result: PlayedResult) -> Path:
    return paths.absolute(result.motion).parents[1]
