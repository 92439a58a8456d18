"""Align4D for Blender: animates an artist's own mesh from a reference video.

The front door of the extension. `align4d_blender` is its library, `operators` are the buttons, `panels` what is drawn;
`generate` is for scripts.
"""

from __future__ import annotations

import bpy

from . import operators, panels
from .align4d_blender import command_line, folders, properties
from .align4d_blender.gaussians import paths
from .align4d_blender.gaussians import properties as gaussian_settings
from .align4d_blender.jobs import queue, recovery
from .align4d_blender.runtime import models, setup
from .align4d_blender.scripting import generate

__all__ = ["generate", "register", "unregister"]

_CLASSES = (*properties.CLASSES, *gaussian_settings.CLASSES, *operators.CLASSES, *panels.CLASSES)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    properties.attach()
    gaussian_settings.attach()
    folders.attach()
    paths.attach()
    recovery.attach()
    panels.menus.attach()
    command_line.attach()
    queue.on_end.append(operators.generate.announce)


def unregister() -> None:
    queue.on_end.remove(operators.generate.announce)
    setup.shut_down()
    models.shut_down()
    queue.shut_down()
    command_line.detach()
    panels.menus.detach()
    recovery.detach()
    paths.detach()
    folders.detach()
    gaussian_settings.detach()
    properties.detach()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
