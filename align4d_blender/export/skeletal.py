"""Results that are keyframes, as bones with their animation: FBX, glTF and BVH (USD: see `usd`), by Blender's own exporters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import bpy

from ..capture.armatures import armature_of
from ..errors import UserError
from ..result.armature_action import is_keyed
from ..result.carrying import as_children, is_carried, rest_world
from ..result.playback import active
from ..storage import tags
from . import motion as exports


def are_keyed(items: Sequence[bpy.types.Object]) -> bool:
    """Whether the motion of all of these objects is keyframes on an armature itself, without one that stands in for it."""
    return bool(items) and all(_keyed_armature(item) is not None for item in items)


def armatures(items: Sequence[bpy.types.Object]) -> list[bpy.types.Object]:
    """The armatures that move the objects, each once."""
    return list(dict.fromkeys(rig for item in items if (rig := _keyed_armature(item))))


def write(context: bpy.types.Context, items: Sequence[bpy.types.Object], first: int, last: int, export: Callable[[], set[str]]) -> None:
    """Runs an exporter of Blender's on the objects and the armatures that move them. Raises UserError; the scene stays as it was."""
    with _caches_out(items), as_children(items):
        exports.with_blender(context, [*items, *armatures(items)], first, last, export)


def fbx(context: bpy.types.Context, items: Sequence[bpy.types.Object], first: int, last: int, path: Path) -> None:
    """Writes an .fbx with skin, bones and their baked animation. Raises UserError; the scene stays as it was."""
    write(
        context,
        items,
        first,
        last,
        lambda: bpy.ops.export_scene.fbx(
            filepath=str(path),
            check_existing=False,
            use_selection=True,
            object_types={"MESH", "ARMATURE", "EMPTY"},
            add_leaf_bones=False,
            bake_anim=True,
            bake_anim_use_nla_strips=False,
            bake_anim_use_all_actions=False,
            bake_anim_simplify_factor=0.0,
        ),
    )


def gltf(context: bpy.types.Context, items: Sequence[bpy.types.Object], first: int, last: int, path: Path) -> None:
    """Writes a .glb, or a .gltf with what belongs to it, with a skin animation. Raises UserError; the scene stays as it was."""
    write(
        context,
        items,
        first,
        last,
        lambda: bpy.ops.export_scene.gltf(
            filepath=str(path),
            export_format="GLB" if path.suffix.lower() == ".glb" else "GLTF_SEPARATE",
            use_selection=True,
            export_animation_mode="ACTIVE_ACTIONS",
            export_force_sampling=True,
            export_optimize_animation_size=False,
            export_cameras=False,
            export_lights=False,
        ),
    )


def bvh(context: bpy.types.Context, items: Sequence[bpy.types.Object], first: int, last: int, path: Path) -> None:
    """Writes a .bvh of the one armature that moves the objects. Raises UserError; the scene stays as it was."""
    rigs = armatures(items)
    if len(rigs) != 1:
        raise UserError("no_armature", "BVH holds the keyframes of one armature.", "Select meshes of one armature, and press Make Keyframes first.")
    with _standing(context, rigs[0]) as rig, exports.only(context, [rig]):
        exports.checked(
            lambda: bpy.ops.export_anim.bvh(filepath=str(path), frame_start=first, frame_end=last, root_transform_only=False, rotate_mode="NATIVE")
        )


@contextmanager
def _standing(context: bpy.types.Context, rig: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """The armature; where keyframes of ours move the object itself, one that stands still and whose bones go that way: BVH knows bones alone."""
    if not is_carried(rig):
        yield rig
        return
    twin = rig.copy()
    try:
        twin.animation_data_clear()
        context.scene.collection.objects.link(twin)
        twin.matrix_world = rest_world(rig)
        for bone in twin.pose.bones:
            follow = cast(bpy.types.CopyTransformsConstraint, bone.constraints.new("COPY_TRANSFORMS"))
            follow.target, follow.subtarget = rig, bone.name
        context.view_layer.update()
        yield twin
    finally:
        bpy.data.objects.remove(twin)


@contextmanager
def _caches_out(items: Sequence[bpy.types.Object]) -> Iterator[None]:
    """Without the point caches, which rest while keyframes play: an exporter takes a resting modifier for one that changes the mesh."""
    kept = []
    for item in items:
        if cache := tags.point_cache(item):
            kept.append((cache, cache.show_viewport, cache.show_render))
            cache.show_viewport = cache.show_render = False
    try:
        yield
    finally:
        for cache, in_viewport, in_render in kept:
            cache.show_viewport, cache.show_render = in_viewport, in_render


def _keyed_armature(item: bpy.types.Object) -> bpy.types.Object | None:
    result, rig = active(item), armature_of(item)
    return rig if result is not None and result.form == "KEYFRAMES" and rig is not None and is_keyed(rig) else None
