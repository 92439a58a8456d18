"""The sidebars and the preferences show what goes on beside Blender."""

from __future__ import annotations

import bpy


def redraw() -> None:
    """Lets the sidebars show the progress; the 3D view beside them is left alone, because drawing a heavy scene takes long."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                if (area.type == "VIEW_3D" and region.type == "UI") or area.type == "PREFERENCES":
                    region.tag_redraw()
