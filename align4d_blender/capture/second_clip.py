"""A second clip of the same motion, and its camera, as the artist gave them -> the protocol's specs."""

from __future__ import annotations

import bpy

from ...engine.align4d import protocol
from ..errors import UserError
from . import choices
from .camera import scene_camera
from .camera_path import camera_path
from .reference import clip_at
from .slices import Slices


def views_of(context: bpy.types.Context) -> Slices[tuple[protocol.ViewSpec, ...]]:
    """The second clip as a request has it; () where none is chosen. Raises UserError where it, or its camera, cannot be used."""
    settings = context.scene.align4d
    if not settings.second_video or not choices.takes_video(context):
        return ()
    camera = settings.second_camera
    if camera is None:
        raise UserError("second_camera", "The second clip has no camera.", "Put a camera about where it was filmed from, and choose it there.")
    clip = clip_at(settings.second_video, context.scene)
    matrix, fovy = scene_camera(camera, clip.width / clip.height)
    path = yield from camera_path(camera, choices.start(context), clip.frames)
    spec = protocol.CameraSpec(path[0] if path else tuple(tuple(row) for row in matrix), fovy, settings.solve_camera, path)
    return (protocol.ViewSpec(clip.spec, spec, settings.second_offset, settings.second_find_offset),)
