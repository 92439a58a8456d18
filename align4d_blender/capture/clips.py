"""Clips that the file has already: in the sequencer, in the clip editor, and as images."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import bpy

from ..compat import all_strips


class Clip(NamedTuple):
    """A movie or an image sequence somewhere in the file.

    Attributes:
        name: what the artist knows it by.
        path: the movie, or an image of the sequence.
        first, last: what is used of it, counted from 1; 0 is its beginning, and its end.
    """

    name: str
    path: str
    first: int = 0
    last: int = 0


def clips_of(scene: bpy.types.Scene) -> list[Clip]:
    """Each file once, the strips of the scene's sequencer first: what is cut there is what is wanted of it."""
    found = [*_strips(scene), *(Clip(clip.name, clip.filepath) for clip in bpy.data.movieclips), *_images()]
    once: dict[str, Clip] = {}
    for clip in found:
        if clip.path:
            once.setdefault(str(Path(bpy.path.abspath(clip.path))), clip)
    return list(once.values())


def _strips(scene: bpy.types.Scene) -> list[Clip]:
    clips = []
    for strip in all_strips(scene):
        if strip.type == "MOVIE":
            path, count = strip.filepath, strip.frame_duration
        elif strip.type == "IMAGE" and len(strip.elements) > 1:
            path, count = str(Path(strip.directory) / strip.elements[0].filename), len(strip.elements)
        else:
            continue
        cut = strip.frame_final_duration < count
        first = strip.frame_offset_start + 1 if cut else 0
        clips.append(Clip(strip.name, path, int(first), int(first) + strip.frame_final_duration - 1 if cut else 0))
    return clips


def _images() -> list[Clip]:
    return [Clip(image.name, image.filepath) for image in bpy.data.images if image.source in ("MOVIE", "SEQUENCE")]
