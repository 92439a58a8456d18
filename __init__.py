"""Align4D for Blender: animates an artist's own mesh from a reference video.

The front door of the extension. `align4d_blender` is its library, `operators` are the buttons, `panels` what is drawn;
`generate` and what corrects its motions are for scripts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from . import align4d_blender, operators, panels
from .align4d_blender.gaussians import properties as gaussian_settings
from .align4d_blender.jobs import listeners
from .align4d_blender.registration import handlers, properties

if TYPE_CHECKING:
    from .align4d_blender import generate, keep_pose, limbs, other_way, solve_around_poses, variations

__all__ = ["generate", "keep_pose", "limbs", "other_way", "register", "solve_around_poses", "unregister", "variations"]

_CLASSES = (*properties.CLASSES, *gaussian_settings.CLASSES, *operators.CLASSES, *panels.CLASSES)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    properties.attach()
    gaussian_settings.attach()
    handlers.attach()
    panels.menus.attach()
    panels.timeline_strip.attach()
    listeners.on_end.append(operators.generate.announce)
    listeners.on_keys.append(operators.receive_keyframes.receive)


def unregister() -> None:
    listeners.on_keys.remove(operators.receive_keyframes.receive)
    listeners.on_end.remove(operators.generate.announce)
    handlers.shut_down()
    panels.timeline_strip.detach()
    panels.menus.detach()
    handlers.detach()
    gaussian_settings.detach()
    properties.detach()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)


def __getattr__(name: str) -> Any:
    """What scripts call, when it is first used: Blender starts sooner without it."""
    if name not in align4d_blender.FOR_SCRIPTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(align4d_blender, name)
