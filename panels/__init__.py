"""What the artist sees; draws state and decides nothing.

What a panel shows is imported where it is drawn, which is not before the artist opens it: Blender starts sooner so.
"""

from __future__ import annotations

from . import batch, exports, files, gaussians, hand, jobs, menus, preferences, presets, result, sidebar, timeline_strip

__all__ = ["CLASSES", "menus", "timeline_strip"]

CLASSES = (
    *preferences.CLASSES,
    *presets.CLASSES,
    *sidebar.CLASSES,
    *batch.CLASSES,
    *jobs.CLASSES,
    *result.CLASSES,
    *hand.CLASSES,
    *gaussians.CLASSES,
    *exports.CLASSES,
    *files.CLASSES,
    *menus.CLASSES,
)
