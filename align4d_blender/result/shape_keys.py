"""A result as shape keys of the mesh: one for each frame, each full at its own frame and gone at the next, as glTF and game engines want it."""

from __future__ import annotations

from typing import cast

import bpy
import numpy as np

from .. import compat
from ..capture.meshes import vertices_of
from ..capture.rest_shape import base_shape
from ..errors import UserError
from ..storage import paths, tags
from .motion_file import read_motion
from .playback import active, playback


def bake(item: bpy.types.Object) -> int:
    """Bakes the frames that the active result plays, at the strength of this frame, and mutes the point cache.

    The new keys add to what the mesh's own shape keys show at this moment, so that they come out exactly as the point cache did.

    Returns: the number of keys.
    Raises: UserError where the mesh cannot take them, or the motion's file is gone; nothing is changed then.
    """
    result, cache = active(item), tags.point_cache(item)
    mesh = cast(bpy.types.Mesh, item.data)
    if result is None or cache is None:
        raise UserError("no_result", f"{item.name} has no motion.", "Select an object that Align4D has animated.")
    if mesh.users > 1:
        raise UserError("shared_mesh", f"{item.name} shares its mesh with another object.", "Use Object > Relations > Make Single User first.")
    if mesh.shape_keys and not mesh.shape_keys.use_relative:
        raise UserError("absolute_keys", f"{item.name} has absolute shape keys.", "Turn on Relative in its shape keys first.")
    if result.after:
        message = f"The motion of {item.name} comes after {result.after}, and shape keys come before it."
        raise UserError("after_modifier", message, f"Export the motion instead, or apply {result.after} and generate again.")
    motion = read_motion(item, paths.motion_file(item, result), result.after)
    scene = bpy.context.scene
    on_top = cache.deform_mode == "INTEGRATE"  # the mesh's own shape keys go on acting on the motion
    base = vertices_of(mesh) if on_top else base_shape(item, (scene.frame_current, scene.frame_subframe))
    if mesh.shape_keys is None:
        item.shape_key_add(name="Basis", from_mix=False)
    basis = np.empty(motion.shape[1] * 3, np.float32)
    mesh.shape_keys.key_blocks[0].data.foreach_get("co", basis)
    times = playback(result, scene)
    frames = [times.start + index / times.rate for index in range(times.last - times.first + 1)]
    added = []
    for index, positions in enumerate(motion[times.first : times.last + 1]):
        key = item.shape_key_add(name=f"{tags.MODIFIER} {times.first + index + 1:04d}", from_mix=False)
        key.data.foreach_set("co", basis + cache.factor * (positions - base).ravel())
        added.append(key)
    _animate(mesh.shape_keys, added, frames)
    cache.deform_mode = "OVERWRITE"
    item.align4d.muted = True
    return len(added)


def _animate(keys: bpy.types.Key, added: list[bpy.types.ShapeKey], frames: list[float]) -> None:
    """Each key rises from the frame before its own and falls until the next, in straight lines: what Mesh Cache blends."""
    for index, key in enumerate(added):
        for place in range(max(index - 1, 0), min(index + 2, len(added))):
            key.value = float(place == index)
            key.keyframe_insert("value", frame=frames[place])
    paths = {key.path_from_id("value") for key in added}
    for curve in compat.fcurves(keys):
        if curve.data_path in paths:
            for point in curve.keyframe_points:
                point.interpolation = "LINEAR"
