"""glTF with the motion as a skin animation where it is keyframes, else as morph targets, by Blender's own exporter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from . import skeletal, with_addon


def export(context: bpy.types.Context, items: Sequence[bpy.types.Object], first: int, last: int, path: Path) -> None:
    """Writes a .glb, or a .gltf with what belongs to it. Raises UserError; the scene stays as it was."""
    with_addon.export(
        "glTF",
        skeletal.gltf,
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
        ),
        context,
        items,
        first,
        last,
        path,
    )
