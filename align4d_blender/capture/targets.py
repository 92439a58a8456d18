"""A captured object, to be found again when its motion arrives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import bpy

from ..errors import UserError

Matrix = tuple[tuple[float, ...], ...]


class Place(NamedTuple):
    """Where a result goes on an object, see `place`.

    Attributes:
        after: name of the modifier that the point cache comes right after; "" for the first place.
        held: (4, 4) matrix in the world at which the object has to be held; None where it stands still by itself.
        keys: whether the mesh's shape keys go on acting on top of the motion.
    """

    after: str = ""
    held: Matrix | None = None
    keys: bool = False


class Target(NamedTuple):
    """A captured object.

    Attributes:
        id: as in the request and, while the artist does not undo it, on the object (`object.align4d.id`).
        name: when it was captured.
        uid: Blender's session-wide id; survives renaming and undo, not loading a file. 0 for a job of an earlier session.
        vertex_count: of the artist's own mesh.
        unmap: file in the job folder with `shown`, `base` and `unmap` of its RestShape, where modifiers act on top of the point cache.
        bent: as in its RestShape.
        frame: scene frame and sub-frame at which it was captured.
        place: where its result goes.
        points: vertices of the point cache; as many as the mesh has, unless it comes after a modifier that makes some.
    """

    id: str
    name: str
    uid: int
    vertex_count: int
    unmap: str = ""
    bent: bool = False
    frame: tuple[int, float] = (1, 0.0)
    place: Place = Place()
    points: int = 0


def tag(targets: Iterable[Target]) -> None:
    """Writes their ids onto captured objects, so that they are found again in a later session under another name."""
    items = {item.session_uid: item for item in bpy.data.objects}
    for target in targets:
        items[target.uid].align4d.id = target.id


def find(target: Target) -> bpy.types.Object:
    """The object that was captured: by Blender's session-wide id; after the file was loaded again by the id on it, or by name. Raises UserError."""
    found = next((item for item in bpy.data.objects if item.session_uid == target.uid and item.type == "MESH"), None) or _marked_or_named(target)
    if found is None:
        raise UserError("object_gone", f"{target.name} is no longer in this file.", "Bring it back and press Resume.")
    if len(found.data.vertices) != target.vertex_count:
        raise UserError(
            "vertices_changed",
            f"{found.name} had {target.vertex_count} vertices when the job started and has {len(found.data.vertices)} now.",
            "Undo that change and press Resume, or press Generate for the new shape.",
        )
    if target.place.after and target.place.after not in found.modifiers:
        message = f"{found.name} has lost its modifier {target.place.after}, which the motion comes after."
        raise UserError("vertices_changed", message, "Undo that change and press Resume, or press Generate for the new shape.")
    return found


def _marked_or_named(target: Target) -> bpy.types.Object | None:
    """Of a job of an earlier session."""
    meshes = [item for item in bpy.data.objects if item.type == "MESH"]
    marked = [item for item in meshes if item.align4d.id == target.id]
    candidates = ([item for item in marked if item.name == target.name], marked, [item for item in meshes if item.name == target.name])
    return next((found[0] for found in candidates if found), None)
