"""Scenes of the extension's own for a moment, out of the artist's sight."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy


@contextmanager
def temporary_scene(name: str) -> Iterator[bpy.types.Scene]:
    """A scene for the block; what is still linked to it afterwards stays in the file."""
    shown = [(window, window.scene) for window in bpy.context.window_manager.windows]
    scene = bpy.data.scenes.new(name)
    try:
        yield scene
    finally:
        for window, own in shown:
            if window.scene == scene:  # an exporter has turned to it
                window.scene = own
        bpy.data.batch_remove([scene])  # `scenes.remove` looks at the context's window, and a command has none: Blender would crash
