"""An armature object that a motion moves over the ground: where it rests, what goes with it, and how it is put back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import bpy
from mathutils import Matrix

from ..capture.armatures import deforming
from ..storage.tags import HOLD

FOLLOW = "Align4D Root"
"""Name of the constraint by which a mesh goes with an armature that it does not hang on."""
OBJECT = "object"
"""Of what an armature has set aside: where it rests, while keyframes move the object itself."""
_TURNS = ("rotation_quaternion", "rotation_axis_angle", "rotation_euler")


def begin(rig: bpy.types.Object) -> None:
    """Notes where the armature rests, and lets all that it deforms go with it. It rests now, with what it plays set aside."""
    kept = json.loads(rig.align4d.set_aside)
    place: dict[str, Any] = {name: tuple(getattr(rig, name)) for name in ("location", *_TURNS)}
    kept[OBJECT] = place | {"basis": [value for row in rig.matrix_basis for value in row]}
    rig.align4d.set_aside = json.dumps(kept)
    hold_on(rig)


def hold_on(rig: bpy.types.Object) -> None:
    """Lets the meshes that the armature deforms go with it, last of their constraints: those that do not by themselves."""
    let_go(rig)
    for item in _deformed(rig):
        if _hangs_on(item, rig):
            continue
        follow = cast(bpy.types.ChildOfConstraint, item.constraints.new("CHILD_OF"))
        follow.name, follow.target, follow.show_expanded = FOLLOW, rig, False
        follow.inverse_matrix = rest_world(rig).inverted()


def end(rig: bpy.types.Object, place: dict[str, Any] | None) -> None:
    """Puts the armature back to `place`, as it was set aside, and lets go what went with it."""
    if not place:
        return
    let_go(rig)
    for name in ("location", *_TURNS):
        setattr(rig, name, place[name])
    bpy.context.view_layer.update()


def let_go(rig: bpy.types.Object) -> None:
    """Takes the constraints away by which meshes go with the armature."""
    for item in bpy.data.objects:
        for one in [one for one in item.constraints if one.name.startswith(FOLLOW) and getattr(one, "target", None) == rig]:
            item.constraints.remove(one)


@contextmanager
def as_children(items: Iterable[bpy.types.Object]) -> Iterator[None]:
    """Meshes that go with their armature by our constraint are children of it meanwhile, as other programs want them."""
    kept = []
    for item in items:
        follow = next((one for one in item.constraints if one.name.startswith(FOLLOW)), None)
        if follow is None or _is_held(item):
            continue
        kept.append((item, follow, item.parent, item.parent_type, item.parent_bone, item.matrix_parent_inverse.copy()))
        rig = follow.target
        inverse = rest_world(rig).inverted() @ at_rest(item, rig) @ item.matrix_basis.inverted()
        item.parent, item.parent_type, follow.mute = rig, "OBJECT", True
        item.matrix_parent_inverse = inverse
    try:
        yield
    finally:
        for item, follow, parent, kind, bone, inverse in kept:
            item.parent, item.parent_type, item.parent_bone, follow.mute = parent, kind, bone, False
            item.matrix_parent_inverse = inverse


def is_carried(rig: bpy.types.Object | None) -> bool:
    """Whether keyframes of ours move the armature object itself."""
    return _place(rig) is not None


def rest_basis(rig: bpy.types.Object) -> Matrix:
    """The armature object's own matrix where it rests."""
    place = _place(rig)
    if place is None:
        return rig.matrix_basis.copy()
    return Matrix([place["basis"][row * 4 : row * 4 + 4] for row in range(4)])


def rest_world(rig: bpy.types.Object) -> Matrix:
    """Where the armature object rests in the world: where it is, but for keyframes of ours that move it."""
    if not is_carried(rig):
        return rig.matrix_world.copy()
    return rig.matrix_world @ rig.matrix_basis.inverted() @ rest_basis(rig)


def at_rest(item: bpy.types.Object, rig: bpy.types.Object | None) -> Matrix:
    """Where an object that an armature deforms is in the world, but for keyframes of ours that move the armature object."""
    if rig is None or not is_carried(rig):
        return item.matrix_world.copy()
    return rest_world(rig) @ rig.matrix_world.inverted() @ item.matrix_world


def _place(rig: bpy.types.Object | None) -> dict[str, Any] | None:
    kept = json.loads(rig.align4d.set_aside or "{}") if rig else {}
    return cast("dict[str, Any] | None", kept.get(OBJECT))


def _deformed(rig: bpy.types.Object) -> Iterator[bpy.types.Object]:
    for item in bpy.data.objects:
        if item.type == "MESH" and item.is_editable and rig in deforming(item):
            yield item


def _hangs_on(item: bpy.types.Object, rig: bpy.types.Object) -> bool:
    """Whether an object goes with the armature by itself: it is below it, and not held in its place. Or the armature goes with it."""
    return (rig in _above(item) and not _is_held(item)) or item in _above(rig)


def _is_held(item: bpy.types.Object) -> bool:
    return any(one.name.startswith(HOLD) for one in item.constraints)


def _above(item: bpy.types.Object) -> Iterator[bpy.types.Object]:
    while item.parent:
        item = item.parent
        yield item
