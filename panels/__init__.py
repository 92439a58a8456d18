"""What the artist sees; draws state and decides nothing."""

from __future__ import annotations

from . import exports, files, gaussians, hand, jobs, menus, preferences, presets, result, sidebar, timeline_strip

__all__ = ["CLASSES", "menus", "timeline_strip"]

CLASSES = (
    *preferences.CLASSES,
    *presets.CLASSES,
    *sidebar.CLASSES,
    *jobs.CLASSES,
    *result.CLASSES,
    *hand.CLASSES,
    *gaussians.CLASSES,
    *exports.CLASSES,
    *files.CLASSES,
    *menus.CLASSES,
)
