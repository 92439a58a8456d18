"""FBX with the motion as bones where it is keyframes, else as shape keys, whose animation Blender's exporter writes only when told what to take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from . import skeletal, with_addon


def export(context: bpy.types.Context, items: Sequence[bpy.types.Object], first: int, last: int, path: Path) -> None:
    """Writes an .fbx. Raises UserError; the scene stays as it was."""
    with_addon.export(
        "FBX",
        skeletal.fbx,
        lambda: bpy.ops.export_scene.fbx(
            filepath=str(path),
            check_existing=False,
            object_types={"MESH"},
            use_mesh_modifiers=False,
            bake_anim=True,
            bake_anim_use_nla_strips=False,  # these two write actions of objects only, and shape keys have their own
            bake_anim_use_all_actions=False,
            bake_anim_simplify_factor=0.0,
        ),
        context,
        items,
        first,
        last,
        path,
    )
