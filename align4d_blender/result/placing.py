"""Where a result stands among what the artist's own scene does with an object: its place in the stack of modifiers, and its place in the world.

An object that moves by itself is held by two constraints, the last of its stack: one takes its own movement away, the other puts it where it
was captured. Both look at one empty for each job, so that what is held can still be moved, together.
"""

from __future__ import annotations

import bpy
from mathutils import Matrix

from ..capture.armatures import armatures_of
from ..storage.tags import HOLD, MODIFIER, point_cache, tagged
from .playback import PlayedResult, active, scene_of, together

HOLD_ID = "hold"
"""Id of the empty among what belongs to a job."""


def put(item: bpy.types.Object, cache: bpy.types.MeshCacheModifier, result: PlayedResult) -> None:
    """Puts the point cache where the result belongs in the stack, and holds the object where it has to be held."""
    stack = item.modifiers
    own = stack.find(cache.name)
    before = stack.find(result.after) if result.after else -1
    if before < own:
        before += 1
    stack.move(own, before)
    cache.deform_mode = "INTEGRATE" if result.keys and not _baked(item) else "OVERWRITE"
    release(item)
    if result.held:
        _hold(item, result)


def release(item: bpy.types.Object) -> None:
    """Lets the object move by itself again."""
    for constraint in [one for one in item.constraints if one.name.startswith(HOLD)]:
        item.constraints.remove(constraint)


def mute(item: bpy.types.Object) -> None:
    """Lets a held object go while its motion is muted; not where the motion is in shape keys meanwhile."""
    for constraint in [one for one in item.constraints if one.name.startswith(HOLD)]:
        constraint.mute = item.align4d.muted and not _baked(item)


def show_form(item: bpy.types.Object) -> None:
    """Shows the point cache where it is the form of the active result and the motion is not muted; mutes the keyframes with it."""
    result, cache = active(item), point_cache(item)
    if result is None or cache is None:
        return
    cache.show_viewport = cache.show_render = result.form == "CACHE" and not item.align4d.muted


def is_held(item: bpy.types.Object) -> bool:
    """Whether the object is kept from moving by itself."""
    return any(constraint.name.startswith(HOLD) for constraint in item.constraints)


def hindrance(item: bpy.types.Object) -> str:
    """Why the point cache cannot be played on the mesh as it is now, as a sentence; "" where nothing is in the way."""
    result = active(item)
    if result is None or not result.vertices:
        return ""
    count = len(item.data.vertices)
    if count != result.vertices:
        return f"{item.name} has {count} vertices now and its motion {result.vertices}: undo that change, or generate again"
    if result.after and result.after not in item.modifiers:
        return f"The modifier {result.after} is gone, and the motion comes after it: undo that change, or generate again"
    return ""


def sharing_keys(item: bpy.types.Object) -> list[str]:
    """A sentence for each armature of the object whose keyframes move copies of it too, with what to do."""
    result = active(item)
    if result is None or result.form == "CACHE":
        return []
    played = [other for other, _ in together(item, result)]
    others = [other for other in tagged() if other not in played and (own := active(other)) and own.form != "CACHE"]
    found = []
    for rig in sorted(armatures_of(item), key=lambda one: one.name):
        names = [other.name for other in others if rig in armatures_of(other)]
        if names:
            cure = "for a motion of its own, duplicate the armature with the mesh, or go back to the point cache"
            found.append(f"The keyframes of {rig.name} move {', '.join(names)} too: {cure}")
    return found


def _hold(item: bpy.types.Object, result: PlayedResult) -> None:
    """W = E · W0 for the empty E: the first constraint makes it E in the space of E, which is the identity, and the second is a parent."""
    empty = _empty(item, result.job)
    still = item.constraints.new("COPY_TRANSFORMS")
    still.target = still.space_object = empty
    still.target_space, still.owner_space = "CUSTOM", "WORLD"
    there = item.constraints.new("CHILD_OF")
    there.target = empty
    there.inverse_matrix = Matrix([result.world[row * 4 : row * 4 + 4] for row in range(4)])
    still.name = there.name = HOLD
    for constraint in (still, there):
        constraint.show_expanded = False


def _empty(item: bpy.types.Object, job: str) -> bpy.types.Object:
    """What the held objects of a job hang on; made where there is none."""
    there = next((one for one in tagged() if one.align4d.id == HOLD_ID and one.align4d.job == job), None)
    if there:
        return there
    empty = bpy.data.objects.new(HOLD, None)
    empty.align4d.id, empty.align4d.job = HOLD_ID, job
    scene_of(item).collection.objects.link(empty)
    return empty


def _baked(item: bpy.types.Object) -> bool:
    """Whether the motion is in shape keys too."""
    keys = item.data.shape_keys
    return keys is not None and any(block.name.startswith(MODIFIER) for block in keys.key_blocks)
