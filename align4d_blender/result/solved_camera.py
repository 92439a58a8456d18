"""The solved camera as a Blender camera, with the reference video as its background image."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

import bpy
from mathutils import Matrix

from ...engine.align4d import protocol
from ..storage import tags
from .playback import Playback

NAME = "Align4D Camera"
SOLVED = "camera"
"""Id of a solved camera among what belongs to a job."""

CLIP = "clip"
"""Id of a camera that shows the clip alone."""

_FIRST_FRAME = "align4d_first_frame"
"""Custom property of a solved camera's lens: offset in the clip of the motion's first frame."""

_PACE = "align4d_pace"
"""Custom property of a solved camera's lens: how many frames of the clip a frame of the motion lasts."""


def add_camera(scene: bpy.types.Scene, result: protocol.Result, video: protocol.VideoSpec, times: Playback) -> bpy.types.Object:
    """A camera that sees the mesh as the video did. The scene's resolution stays; its own camera too, where it has one."""
    lens = bpy.data.cameras.new(NAME)
    camera = bpy.data.objects.new(NAME, lens)
    scene.collection.objects.link(camera)
    camera.matrix_world = Matrix(result.camera.matrix_world)
    if result.camera.path:
        from .camera_keys import write_path

        write_path(camera, result.camera.path, times)
    _set_lens(lens, scene, result.camera)
    _add_background(lens, video, result)
    keep_in_step(camera, times)
    if scene.camera is None:
        scene.camera = camera
    return camera


def cameras(job: str) -> list[bpy.types.Object]:
    """The cameras of a result: the solved one, then the one that shows the clip alone, if there is one."""
    return sorted(
        (item for item in tags.tagged() if item.type == "CAMERA" and item.align4d.job == job),
        key=lambda item: item.align4d.id != SOLVED,
    )


def look_through(camera: bpy.types.Object, space: bpy.types.SpaceView3D) -> None:
    """Shows a 3D view through the camera, as that view's local one: the scene's camera stays."""
    space.use_local_camera = True
    space.camera = camera
    space.region_3d.view_perspective = "CAMERA"


def clip_camera(solved: bpy.types.Object) -> bpy.types.Object:
    """A camera in the solved one's place whose clip hides everything else: Blender plays it in step with the motion at any frame rate."""
    camera = solved.copy()
    lens = cast(bpy.types.Camera, solved.data.copy())
    camera.name = lens.name = "Align4D Clip"
    camera.data = lens
    camera.align4d.id = CLIP
    for background in lens.background_images:
        background.alpha, background.display_depth = 1.0, "FRONT"
    lens.show_background_images = True
    for collection in solved.users_collection:
        collection.objects.link(camera)
    return camera


def _views_through(camera: bpy.types.Object) -> list[bpy.types.SpaceView3D]:
    spaces = (space for screen in bpy.data.screens for area in screen.areas for space in area.spaces)
    return [space for space in spaces if isinstance(space, bpy.types.SpaceView3D) and space.use_local_camera and space.camera == camera]


def remove_camera(camera: bpy.types.Object) -> None:
    """Removes the camera, its lens and its background image, where nothing else uses them; views through it get the scene's camera back."""
    for space in _views_through(camera):
        space.use_local_camera = False
    lens = cast(bpy.types.Camera, camera.data)
    action = camera.animation_data and camera.animation_data.action
    images = [background.image for background in lens.background_images if background.image]
    bpy.data.objects.remove(camera)
    if lens.users == 0:
        bpy.data.cameras.remove(lens)
    if action and action.users == 0:
        bpy.data.actions.remove(action)
    for image in images:
        if image.users == 0:
            bpy.data.images.remove(image)


def _set_lens(lens: bpy.types.Camera, scene: bpy.types.Scene, solved: protocol.CameraResult) -> None:
    """Field of view such that the whole frame of the video fits the scene's frame, whatever the two shapes are."""
    render = scene.render
    shape = (render.resolution_x * render.pixel_aspect_x) / (render.resolution_y * render.pixel_aspect_y)
    aspect = solved.width / solved.height
    tangent = math.tan(math.radians(solved.fovy) / 2)
    lens.sensor_width = lens.sensor_height = 36.0
    if shape >= aspect:
        lens.sensor_fit, lens.lens = "VERTICAL", 18.0 / tangent
    else:
        lens.sensor_fit, lens.lens = "HORIZONTAL", 18.0 / (tangent * aspect)
    lens.clip_start = min(0.1, solved.distance / 100)
    lens.clip_end = max(1000.0, solved.distance * 10)


def _add_background(lens: bpy.types.Camera, video: protocol.VideoSpec, result: protocol.Result) -> None:
    """The clip behind the mesh, from the frame at which the motion starts. A clip that is gone is left out."""
    lens[_FIRST_FRAME] = video.first + result.skipped + (_number(Path(video.images[0])) - 1 if video.images else 0)
    lens[_PACE] = result.pace
    try:
        image = bpy.data.images.load(video.path or video.images[0], check_existing=False)
    except RuntimeError:  # Blender's word for a file that is not there, or that it cannot read
        return
    if video.images:
        image.source = "SEQUENCE"
    background = lens.background_images.new()
    background.image = image
    background.alpha = 0.5
    background.display_depth = "BACK"
    background.frame_method = "FIT"
    lens.show_background_images = True
    background.image_user.use_auto_refresh = True


def keep_in_step(camera: bpy.types.Object, times: Playback) -> None:
    """Plays the clip behind the mesh as the motion is played.

    Blender shows one frame of a clip a scene frame; for another rate, or a part of the motion, its offset is driven by an expression
    that Blender evaluates itself, without Python and whatever the user's auto-run setting.
    """
    if camera.animation_data and camera.animation_data.action:
        from .camera_keys import keep_path_in_step

        keep_path_in_step(camera, times)
    lens = cast(bpy.types.Camera, camera.data)
    pace = lens.get(_PACE, 1.0)
    for background in lens.background_images:
        user = background.image_user
        user.driver_remove("frame_offset")
        user.frame_start = times.start
        user.frame_duration = math.ceil(times.length) + 1
        user.frame_offset = lens[_FIRST_FRAME] + round(times.first * pace)
        if abs(times.rate * pace - 1) > 1e-6:
            passed = f"max(0, min(frame - {times.start}, {user.frame_duration - 1}))"
            driver = user.driver_add("frame_offset").driver
            driver.type = "SCRIPTED"
            driver.expression = f"floor(({times.expression}) * {pace:.9g} + 0.0001) - {passed} + {lens[_FIRST_FRAME]}"


def _number(path: Path) -> int:
    """The number at the end of a file's name; sequences are played by it."""
    digits = path.stem[len(path.stem.rstrip("0123456789")) :]
    return int(digits or 1)
