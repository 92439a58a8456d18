"""glTF with the motion as a skin animation where it is keyframes, else as morph targets, by Blender's own exporter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from ..errors import UserError
from . import motion as exports
from . import skeletal
from .twins import twins


def export(context: bpy.types.Context, items: Sequence[bpy.types.Object], first: int, last: int, path: Path) -> None:
    """Writes a .glb, or a .gltf with what belongs to it. Raises UserError; the scene stays as it was."""
    if not hasattr(bpy.types, "EXPORT_SCENE_OT_gltf"):
        advice = "Switch it on in Edit > Preferences > Add-ons, or export Alembic or USD."
        raise UserError("no_gltf", "Blender's glTF add-on is switched off.", advice)
    if skeletal.are_keyed(items):
        skeletal.gltf(context, items, first, last, path)
        return
    with twins(context, items, first, last):
        exports.checked(
            lambda: bpy.ops.export_scene.gltf(
                filepath=str(path),
                export_format="GLB" if path.suffix.lower() == ".glb" else "GLTF_SEPARATE",
                use_active_scene=True,
                export_morph_normal=False,
                export_animation_mode="ACTIVE_ACTIONS",
                export_force_sampling=True,
                export_optimize_animation_size=False,
                export_cameras=False,
                export_lights=False,
            )
        )
