"""How a result lies on the timeline, and which one an object plays."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import bpy


class PlayedResult(Protocol):
    """One result on one object, see `registration.properties.Align4DResult`."""

    name: str
    job: str
    motion: str
    form: str
    action: bpy.types.Action | None
    cleaned: bool
    smooth: float
    smoothed: Any
    contacts: bool
    standing: Any
    in_place: bool
    root_motion: bool
    loop: bool
    tolerance: float
    frames: int
    fps: float
    vertices: int
    after: str
    held: bool
    world: Sequence[float]
    keys: bool
    start: int
    speed: float
    first: int
    last: int
    pins: Any

    @property
    def id_data(self) -> bpy.types.ID:
        """The object that has it."""


class Playback(NamedTuple):
    """How the frames of a result lie on the timeline.

    Attributes:
        start: scene frame at which frame `first` is shown.
        rate: frames of the result a scene frame.
        first, last: 0-based frames of the result; the last one is held.
        whole: whether these are all frames.
    """

    start: int
    rate: float
    first: int
    last: int
    whole: bool

    @property
    def length(self) -> float:
        """Scene frames from the first to the last frame."""
        return (self.last - self.first) / self.rate

    @property
    def expression(self) -> str:
        """The frame of the result as a driver's expression, one of those that Blender evaluates without Python and whatever the auto-run setting."""
        return f"min(max((frame - {self.start}) * {self.rate:.9g} + {self.first}, {self.first}), {self.last})"


def playback(result: PlayedResult, scene: bpy.types.Scene) -> Playback:
    """The choices of a result, within what it has."""
    first = min(result.first, result.frames) - 1
    last = max(min(result.last, result.frames) - 1, first)
    rate = result.speed * result.fps * scene.render.fps_base / scene.render.fps
    return Playback(result.start, rate, first, last, first == 0 and last == result.frames - 1)


def shown_frame(result: PlayedResult, scene: bpy.types.Scene) -> int:
    """The frame of a result, counted from 0, that is nearest to what the scene shows."""
    times = playback(result, scene)
    frame = round((scene.frame_current_final - times.start) * times.rate) + times.first
    return min(max(frame, times.first), times.last)


def scene_frame(result: PlayedResult, scene: bpy.types.Scene, frame: int) -> float:
    """Where the scene shows a frame of a result, counted from 0."""
    times = playback(result, scene)
    return times.start + (frame - times.first) / times.rate


def wanted_range(item: bpy.types.Object, scene: bpy.types.Scene) -> tuple[int, int]:
    """The scene's range of frames, made wider where an object's motion begins before it or ends after it."""
    result = active(item)
    if result is None:
        return scene.frame_start, scene.frame_end
    times = playback(result, scene)
    return min(scene.frame_start, max(times.start, 0)), max(scene.frame_end, math.ceil(times.start + times.length - 1e-3))


def active(item: bpy.types.Object | None) -> PlayedResult | None:
    """The result that an object plays."""
    if item is None or not item.align4d.results:
        return None
    return item.align4d.results[min(max(item.align4d.active, 0), len(item.align4d.results) - 1)]


def with_job(job: str) -> list[tuple[bpy.types.Object, PlayedResult]]:
    """Every object that has the result of a job, and that result."""
    return [(item, result) for item in bpy.data.objects for result in item.align4d.results if result.job == job]


def scene_of(item: bpy.types.Object) -> bpy.types.Scene:
    """The scene whose frame rate counts for an object."""
    here = bpy.context.scene
    if here.objects.get(item.name) == item:  # `users_scene` goes through every object of every scene
        return here
    own = item.users_scene
    return here if here in own or not own else own[0]


def together(item: bpy.types.Object, result: PlayedResult) -> list[tuple[bpy.types.Object, PlayedResult]]:
    """What is played as one with a result of an object, itself included.

    The objects that a job moves are, in each scene. A copy of one of them is played by itself; copies of several that are selected with it,
    as they are once they were duplicated, go with it.
    """
    here = [pair for pair in with_job(result.job) if pair[0] == item or _share_a_scene(pair[0], item)]
    if is_original(item, result, here):
        return [pair for pair in here if is_original(*pair, here)]
    chosen = {motion_name(result): (item, result)}
    for other, entry in here if item.select_get() else ():
        if other.select_get() and not is_original(other, entry, here):
            chosen.setdefault(motion_name(entry), (other, entry))
    return list(chosen.values())


def is_original(item: bpy.types.Object, result: PlayedResult, among: list[tuple[bpy.types.Object, PlayedResult]]) -> bool:
    """Whether an object is the one that its job moves, and no copy of it: the oldest that plays the same file, as far as none is marked."""
    same = [pair for pair in among if motion_name(pair[1]) == motion_name(result)]
    return min(same, key=lambda pair: (pair[1].copied, pair[0].session_uid))[0] == item


def mark_copies() -> None:
    """Notes on copies that they are; the order in which objects came into being is forgotten when the file is closed."""
    for item in bpy.data.objects:
        for result in item.align4d.results:
            if item.is_editable and not result.copied and not result.is_property_readonly("copied"):
                here = [pair for pair in with_job(result.job) if pair[0] == item or _share_a_scene(pair[0], item)]
                result.copied = not is_original(item, result, here)


def motion_name(result: PlayedResult) -> str:
    """What tells the objects of a job apart: the name of the file that they play."""
    return re.split(r"[/\\]", result.motion)[-1]


def _share_a_scene(one: bpy.types.Object, other: bpy.types.Object) -> bool:
    return bool(set(one.users_scene) & set(other.users_scene))
