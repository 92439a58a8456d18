"""Gaussians on the timeline: an object that shows a sequence of .ply files, follows its own transform, and renders without the extension.

The .blend holds no Gaussians, only where the files are. On Blender 4.5 and later geometry nodes read the file of the current frame;
earlier versions play what their Bake node has written to disk (`gaussian_bake`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import bpy

from .. import compat
from ..errors import UserError
from ..storage import folders, paths
from ..storage.remembered import is_file

if TYPE_CHECKING:
    from .files import Sequence

MODIFIER = "Align4D Gaussians"
"""Name of the modifier that makes an object one of these."""

BOUNCES = 1024
"""Transparent bounces that Cycles needs where a ray passes many Gaussians; with its own 8 they turn black. It is Cycles' highest number."""

CERTAIN_BOUNCES = 32
"""Transparent bounces before Cycles breaks rays off at random: with its own 0 soft edges are grainy."""


def add(scene: bpy.types.Scene, sequence: Sequence, name: str, start: int, fps: float) -> bpy.types.Object:
    """A new object that shows a sequence from scene frame `start` on, at `fps` files a second; before Blender 4.5 once `play` was called."""
    from . import nodes  # Blender starts sooner without it

    item = bpy.data.objects.new(name, bpy.data.meshes.new(name))
    scene.collection.objects.link(item)
    chosen = item.align4d_gaussians
    chosen.file = folders.stored_path(Path(sequence.pattern))
    chosen.first, chosen.step, chosen.count, chosen.degree = sequence.first, sequence.step, sequence.count, sequence.degree
    chosen.start, chosen.fps = start, fps
    modifier = item.modifiers.new(MODIFIER, "NODES")
    group = nodes.playing_group if compat.NODES_READ_PLY else nodes.baked_group
    modifier.node_group = group(sequence.degree)
    if compat.NODES_READ_PLY:
        point_to_files(item)
    if hasattr(scene, "cycles"):  # Cycles can be switched off
        scene.cycles.transparent_max_bounces = BOUNCES
        scene.cycles.min_transparent_bounces = max(CERTAIN_BOUNCES, scene.cycles.min_transparent_bounces)
        item.cycles.use_deform_motion = False  # the points would be blurred, their own shapes would not
    return item


def add_playing(scene: bpy.types.Scene, sequence: Sequence, name: str, start: int, fps: float) -> bpy.types.Object:
    """`add` and `play`. Raises UserError, and leaves nothing behind then."""
    item = add(scene, sequence, name, start, fps)
    try:
        play(item)
    except UserError:
        remove(item)
        raise
    return item


def shown_by(item: bpy.types.Object | None) -> bpy.types.NodesModifier | None:
    """The modifier of an object that shows Gaussians."""
    modifier: bpy.types.Modifier | None = item.modifiers.get(MODIFIER) if item else None
    return modifier if isinstance(modifier, bpy.types.NodesModifier) else None


def everything() -> list[bpy.types.Object]:
    """Every object of the file itself that shows Gaussians; those of linked files keep what these say."""
    return [item for item in bpy.data.objects if item.library is None and shown_by(item)]


def sequence(item: bpy.types.Object) -> Sequence:
    """The files that an object shows, as absolute paths."""
    from .files import Sequence

    chosen = item.align4d_gaussians
    return Sequence(str(paths.absolute(chosen.file, item.library)), chosen.first, chosen.step, chosen.count, chosen.degree)


def speed(item: bpy.types.Object) -> float:
    """Files per scene frame."""
    scene = item.users_scene[0] if item.users_scene else bpy.context.scene
    return item.align4d_gaussians.fps * scene.render.fps_base / scene.render.fps


def play(item: bpy.types.Object) -> None:
    """Shows the files as the object's settings say; before Blender 4.5 they are written down for that. Raises UserError."""
    if compat.NODES_READ_PLY:
        point_to_files(item)
    else:
        from . import bake

        bake.bake(item, shown_by(item), sequence(item), item.align4d_gaussians.start, speed(item))


def point_to_files(item: bpy.types.Object) -> None:
    """Hands the object's settings to its nodes (Blender 4.5 and later)."""
    from . import nodes

    modifier, chosen = shown_by(item), item.align4d_gaussians
    values = (chosen.file, chosen.start, speed(item), chosen.first, chosen.step, chosen.count)
    for name, value in zip(nodes.INPUTS, values, strict=True):
        compat.set_input(modifier, name, value)
    item.update_tag()


def missing(item: bpy.types.Object) -> Path | None:
    """The first file, where it is gone; for what is drawn."""
    first = sequence(item).path(0)
    return None if is_file(first) else first


def colors_are_true(scene: bpy.types.Scene) -> bool:
    """Whether the scene's view transform leaves Gaussians the colors of their pictures."""
    return str(scene.view_settings.view_transform) == "Standard"


def remove(item: bpy.types.Object) -> None:
    """Takes the object out of the file, and its mesh. Its .ply files stay."""
    mesh = cast(bpy.types.Mesh, item.data)
    bpy.data.objects.remove(item)
    if mesh.users == 0:
        bpy.data.meshes.remove(mesh)
