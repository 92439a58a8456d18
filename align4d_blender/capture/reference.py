"""The reference video, as the artist gave it -> the protocol's spec."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import bpy

from ...engine.align4d import protocol
from ..errors import UserError
from .box import box_of

_USUAL_FPS = 24.0
"""Of a movie, before it is read."""


class Reference(NamedTuple):
    """The video, the size of its frame [px], how many frames of it are used, and what the artist should know of these."""

    spec: protocol.VideoSpec
    width: int
    height: int
    frames: int
    notes: tuple[str, ...] = ()


def reference_of(scene: bpy.types.Scene) -> Reference:
    """The reference video of the scene's settings. Raises UserError for one that is missing, unreadable or too short."""
    settings = scene.align4d
    if not settings.video:
        raise UserError("video_missing", "No reference video is chosen.", "Choose a movie file or an image sequence under Video.", "choose_video")
    masks = sequence(Path(bpy.path.abspath(settings.masks))) if settings.masks else ()
    return clip_at(settings.video, scene, (settings.first, settings.last), box_of(scene), masks)


def clip_at(
    chosen: str, scene: bpy.types.Scene, wanted: tuple[int, int] = (0, 0), box: tuple[float, ...] = (), masks: tuple[str, ...] = ()
) -> Reference:
    """A clip as the artist has chosen it. Raises UserError for one that is missing, unreadable or too short.

    Args:
        chosen: its path as the panel has it.
        wanted: its first and last frame, counted from 1; 0 where unset.
        box, masks: as of `VideoSpec`.
    """
    path = Path(bpy.path.abspath(chosen))
    if not path.exists():
        raise UserError("video_missing", f"There is no video at {path}.", "Choose a movie file or an image sequence under Video.", "choose_video")
    animated = protocol.read_webp(path) if path.suffix.lower() == ".webp" and path.is_file() else None
    images = () if animated or path.suffix.lower() in bpy.path.extensions_movie else sequence(path)
    if animated:  # of which Blender reads one frame
        width, height, count = animated.width, animated.height, animated.frames
    else:
        width, height, count = _measure(Path(images[0]) if images else path)
    count = len(images) if images else count
    first, last = chosen_frames(*wanted, count)
    fps = (scene.align4d.sequence_fps or scene.render.fps / scene.render.fps_base) if images else 0.0
    frames = (count - 1 if last < 0 else last) - first + 1
    spec = protocol.VideoSpec("" if images else str(path), images, first, last, fps, box, masks)
    short = f"The video has {count} frames: {first + 1} to {count} are used, and not up to {wanted[1]}."
    return Reference(spec, width, height, frames, (short,) if wanted[1] > count else ())


def length_of(reference: Reference, scene: bpy.types.Scene) -> float:
    """About how many frames of the scene the motion will take."""
    rate = scene.render.fps / scene.render.fps_base
    return (reference.frames - 1) * rate / (reference.spec.fps or _USUAL_FPS)


def sequence(path: Path) -> tuple[str, ...]:
    """The images of the sequence that `path` (one image of it, or its folder) belongs to, in the order of their numbers."""
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        raise UserError("video_missing", f"There is no folder {folder}.", "Choose the image sequence again.")
    images = protocol.natural_order(entry for entry in folder.iterdir() if entry.suffix.lower() in bpy.path.extensions_image)
    if images and path.is_dir():
        path = images[0]
    if path.suffix.lower() not in bpy.path.extensions_image:
        what = "is a folder without images" if path.is_dir() else "is neither a movie nor an image"
        raise UserError("video_unreadable", f"{path.name} {what}.", "Choose a movie file or an image sequence under Video.", "choose_video")
    head = path.stem.rstrip("0123456789")
    return tuple(str(image) for image in images if image.suffix == path.suffix and image.stem.rstrip("0123456789") == head)


def _measure(path: Path) -> tuple[int, int, int]:
    """Width, height and number of frames of a movie or an image, through Blender's own reader."""
    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        width, height = image.size
        count = image.frame_duration
    finally:
        bpy.data.images.remove(image)
    if width == 0 or height == 0:
        raise UserError(
            "video_unreadable",
            f"{path.name} cannot be read as a video.",
            "Convert it to an MP4 (H.264) or to a sequence of PNG images.",
            "choose_video",
        )
    return width, height, count


def chosen_frames(first: int, last: int, count: int) -> tuple[int, int]:
    """The artist's 1-based range (0: unset) as 0-based first and last (-1: the end). Raises UserError where fewer than two frames are left."""
    begin = max(first - 1, 0)
    end = count - 1 if last == 0 else min(last - 1, count - 1)
    if count < 2:
        raise UserError(
            "video_one_frame", "The reference has a single frame: there is no motion in it.", "Choose a video of at least two frames.", "choose_video"
        )
    if end <= begin:
        advice = "Change First and Last, or set both to 0 for the whole video."
        raise UserError(
            "frame_range", f"The frames {first or 1} to {last or count} of a video of {count} frames hold no motion.", advice, "use_whole_video"
        )
    return begin, -1 if end == count - 1 else end
