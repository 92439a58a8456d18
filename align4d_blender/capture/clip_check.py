"""Whether the chosen clip needs a network that cuts the object out: said before Generate, with what is missing for it.

The first frame is looked at when a clip is chosen, or from a timer; panels only ask what was found, and cost no disk.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import bpy

from ..errors import UserError
from ..runtime import models
from ..runtime.redraw import redraw
from .reference import sequence

if TYPE_CHECKING:
    import numpy as np

_SIDE = 512
"""Longest side that is judged [px]; of a larger picture every n-th pixel is."""

Background = Literal["plain", "alpha", "busy", "unknown"]


class Need(NamedTuple):
    """What a clip on a busy background takes, as a sentence, and the button that gets it: one of `protocol.FIXES`, or "" where all is there."""

    sentence: str
    fix: str = ""


_found: dict[str, tuple[float, Background]] = {}
"""Of each clip that was looked at, by its path: when it was written, and its background."""


def look(scene: bpy.types.Scene) -> None:
    """Looks at the clip of the scene's settings, unless it is the same as last time; and which models there are, where it needs one."""
    path = bpy.path.abspath(scene.align4d.video)
    written = _written(path)
    if path and _found.get(path, (None,))[0] != written:
        _found[path] = written, _background(Path(path))
    if _found.get(path, (0.0, "unknown"))[1] == "busy":
        with suppress(UserError):  # without an engine the panel says so
            if models.outdated():
                models.look()


def need(scene: bpy.types.Scene) -> Need | None:
    """For panels: what the clip needs; None where it needs nothing, or where that is not known yet. Raises UserError, see `models.known`."""
    path = bpy.path.abspath(scene.align4d.video)
    if not path:
        return None
    busy = path in _found and _found[path][1] == "busy"
    if path not in _found or (busy and models.outdated()):
        _look_soon()
    return _need() if busy else None


def picture_background(pixels: np.ndarray) -> Background:
    """What lies behind the object in a picture (H, W, 3 or 4) float in [0, 1]."""
    import numpy as np  # Blender starts sooner without it

    from ...engine.align4d.protocol.plain_background import find_plain_background

    if pixels.shape[2] == 4 and pixels[..., 3].min() < 1:
        return "alpha"
    frame = (pixels[..., :3].clip(0, 1) * 255).round().astype(np.uint8)
    return "busy" if find_plain_background(frame[None]) is None else "plain"


def clear() -> None:
    """Forgets all clips."""
    if bpy.app.timers.is_registered(_catch_up):
        bpy.app.timers.unregister(_catch_up)
    _found.clear()


def _need() -> Need:
    start = "The background is not plain"
    installed = models.can_cut_out()
    if installed is None:
        return Need(start)
    if not installed:
        return Need(f"{start}: what cuts the object out has to be installed", "install_masks")
    choices = [model for model in models.known() if model["role"] == "masks"]
    there = next((model for model in choices if model["there"]), None)
    if there:
        return Need(f"{start}: {there['name']} cuts the object out")
    best = choices[0]
    size = round(best["size_on_disk"] / 1e6)
    return Need(f"{start}: {best['name']} cuts the object out ({size} MB, {best['license']})", f"fetch_model:{best['id']}")


def _background(path: Path) -> Background:
    import numpy as np

    try:
        first = path if path.suffix.lower() in bpy.path.extensions_movie else Path(sequence(path)[0])
        image = bpy.data.images.load(str(first), check_existing=False)
    except (UserError, OSError, RuntimeError, IndexError):
        return "unknown"  # that it cannot be read is said elsewhere
    try:
        width, height = image.size
        pixels = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
    finally:
        bpy.data.images.remove(image)
    if min(width, height) < 8 or len(pixels) < 3 * width * height:
        return "unknown"
    step = max(1, max(width, height) // _SIDE)
    return picture_background(pixels.reshape(height, width, -1)[::step, ::step])


def _written(path: str) -> float:
    try:
        return Path(path).stat().st_mtime
    except (OSError, ValueError):
        return 0.0


def _look_soon() -> None:
    if not bpy.app.background and not bpy.app.timers.is_registered(_catch_up):
        bpy.app.timers.register(_catch_up, first_interval=0.1)


def _catch_up() -> None:
    look(bpy.context.scene)
    redraw()
