"""Align4D for Blender: animates an artist's own mesh from a reference video.

The front door of the extension. `align4d_blender` is its library, `operators` are the buttons, `panels` what is drawn.
"""

from __future__ import annotations

import bpy

from . import operators, panels
from .align4d_blender import jobs, preferences, properties, storage

_CLASSES = (*preferences.CLASSES, *properties.CLASSES, *operators.CLASSES, *panels.CLASSES)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    properties.attach()
    storage.attach()


def unregister() -> None:
    jobs.shut_down()
    storage.detach()
    properties.detach()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
