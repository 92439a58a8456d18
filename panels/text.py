"""Sentences and times as a narrow sidebar can show them; Blender itself cuts a label that is too long."""

from __future__ import annotations

from typing import Literal

import bpy

_MARGIN = 70
"""Pixels of a sidebar beside the text: its tabs, the box, the icon."""

_LETTER = 6.2
"""Mean width of a letter of Blender's interface [px]."""


Icon = Literal[
    "BLANK1", "CANCEL", "CHECKMARK", "ERROR", "IMPORT", "INFO", "PAUSE", "PLAY", "RECOVER_LAST", "SELECT_SET", "SORTTIME"
]  # fmt: skip
"""Icons that stand before a text."""


def paragraph(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: Icon) -> None:
    """A text in as many lines as the region is narrow, the icon before the first; one line where there is no region."""
    import textwrap

    column = layout.column(align=True)
    column.scale_y = 0.8
    for index, line in enumerate(textwrap.wrap(text, _letters(context))):
        column.label(text=line, icon="BLANK1" if index else icon)


def duration(seconds: float) -> str:
    """Roughly how long: "10 s", "2 min"."""
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    return f"{round(seconds / 60)} min"


def size(count: int) -> str:
    """Bytes in a readable unit: "12 MB", "1.4 GB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _letters(context: bpy.types.Context) -> int:
    """How many letters of a line fit the region."""
    if context.region is None:
        return 1000
    return max(16, int((context.region.width / context.preferences.system.ui_scale - _MARGIN) / _LETTER))
