"""Align4D for Blender: animates an artist's own mesh from a reference video.

The front door of the extension. `align4d_blender` is its library, `operators` are the buttons, `panels` what is drawn;
`generate` is for scripts.
"""

from __future__ import annotations

import bpy

from . import operators, panels
from .align4d_blender import generate, properties
from .align4d_blender.capture import clip_check, under_way
from .align4d_blender.gaussians import paths
from .align4d_blender.gaussians import properties as gaussian_settings
from .align4d_blender.jobs import plan, queue, recovery
from .align4d_blender.result import certainty, frame_rate, results
from .align4d_blender.runtime import models, setup
from .align4d_blender.scripting import command_line
from .align4d_blender.storage import saving

__all__ = ["generate", "register", "unregister"]

_CLASSES = (*properties.CLASSES, *gaussian_settings.CLASSES, *operators.CLASSES, *panels.CLASSES)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    properties.attach()
    gaussian_settings.attach()
    saving.attach()
    results.attach()
    certainty.attach()
    paths.attach()
    recovery.attach()
    under_way.attach()
    frame_rate.attach()
    plan.attach()
    panels.menus.attach()
    panels.timeline_strip.attach()
    command_line.attach()
    queue.on_end.append(operators.generate.announce)


def unregister() -> None:
    queue.on_end.remove(operators.generate.announce)
    setup.shut_down()
    models.shut_down()
    clip_check.clear()
    under_way.detach()
    queue.shut_down()
    command_line.detach()
    panels.timeline_strip.detach()
    panels.menus.detach()
    plan.detach()
    frame_rate.detach()
    recovery.detach()
    paths.detach()
    certainty.detach()
    results.detach()
    saving.detach()
    gaussian_settings.detach()
    properties.detach()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
