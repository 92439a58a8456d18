"""The reference video and the camera that it was seen by, as the artist gave them -> the protocol's specs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import bpy
import numpy as np
from mathutils import Matrix, Quaternion

from ...engine.align4d import protocol
from ..errors import UserError
from .box import box_of
from .choices import chosen_camera, view_of

FRONT_FOVY = 49.1
"""Vertical angle of the front view [degrees]; the usual one of image-to-3D models."""

_USUAL_FPS = 24.0
"""Of a movie, before it is read."""

_FRONT = Quaternion((math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0))
"""Rotation of a camera that looks along +Y with Z up."""


@dataclass(frozen=True)
class Reference:
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
    path = Path(bpy.path.abspath(settings.video))
    if not path.exists():
        raise UserError("video_missing", f"There is no video at {path}.", "Choose a movie file or an image sequence under Video.", "choose_video")
    animated = protocol.read_webp(path) if path.suffix.lower() == ".webp" and path.is_file() else None
    images = () if animated or path.suffix.lower() in bpy.path.extensions_movie else sequence(path)
    if animated:  # of which Blender reads one frame
        width, height, count = animated.width, animated.height, animated.frames
    else:
        width, height, count = _measure(Path(images[0]) if images else path)
    count = len(images) if images else count
    first, last = chosen_frames(settings.first, settings.last, count)
    fps = (settings.sequence_fps or scene.render.fps / scene.render.fps_base) if images else 0.0
    frames = (count - 1 if last < 0 else last) - first + 1
    masks = sequence(Path(bpy.path.abspath(settings.masks))) if settings.masks else ()
    spec = protocol.VideoSpec("" if images else str(path), images, first, last, fps, box_of(scene), masks)
    short = f"The video has {count} frames: {first + 1} to {count} are used, and not up to {settings.last}."
    return Reference(spec, width, height, frames, (short,) if settings.last > count else ())


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


def camera_of(context: bpy.types.Context, reference: Reference, low: np.ndarray, high: np.ndarray) -> protocol.CameraSpec:
    """The camera that the artist chose; `low` and `high` are the corners (3,) of everything selected, in world space."""
    settings = context.scene.align4d
    aspect = reference.width / reference.height
    camera = chosen_camera(context)
    if camera:
        matrix, fovy = _scene_camera(camera, aspect)
    elif settings.camera == "VIEW":
        matrix, fovy = _current_view(context, low, high, aspect)
    else:
        matrix, fovy = fitting_camera(_FRONT, low, high, aspect), FRONT_FOVY
    return protocol.CameraSpec(tuple(tuple(row) for row in matrix), fovy, settings.solve_camera)


def fitting_camera(rotation: Quaternion, low: np.ndarray, high: np.ndarray, aspect: float) -> Matrix:
    """Camera to world: looks with `rotation` at the middle of the box, from where the whole box fits a frame of FRONT_FOVY and `aspect`."""
    corners = np.array([[(low, high)[i][0], (low, high)[j][1], (low, high)[k][2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    center = (low + high) / 2
    local = (corners - center) @ np.array(rotation.to_matrix())
    tangent = math.tan(math.radians(FRONT_FOVY) / 2)
    distance = 1.1 * float((np.maximum(np.abs(local[:, 0]) / aspect, np.abs(local[:, 1])) / tangent + local[:, 2]).max())
    return Matrix.LocRotScale(Matrix.Translation(center).translation + rotation @ Matrix.Translation((0, 0, distance)).translation, rotation, None)


def _scene_camera(camera: bpy.types.Object, aspect: float) -> tuple[Matrix, float]:
    """Pose and vertical angle with which this camera would render a frame of the video's shape."""
    if camera.type != "CAMERA" or camera.data.type != "PERSP":
        advice = "Set the camera's type to Perspective, or choose another entry under Seen From."
        raise UserError("camera_not_perspective", f"{camera.name} is not a perspective camera.", advice)
    lens = cast(bpy.types.Camera, camera.data)
    location, rotation, _ = camera.matrix_world.decompose()
    return Matrix.LocRotScale(location, rotation, None), math.degrees(vertical_angle(lens, aspect))


def vertical_angle(lens: bpy.types.Camera, aspect: float) -> float:
    """Vertical angle [rad] of a frame of this width / height: sensor_fit says which side the sensor size belongs to."""
    if lens.sensor_fit == "VERTICAL":
        height = lens.sensor_height
    elif lens.sensor_fit == "HORIZONTAL" or aspect >= 1:
        height = lens.sensor_width / aspect
    else:
        height = lens.sensor_width
    return 2 * math.atan(height / 2 / lens.lens)


def _current_view(context: bpy.types.Context, low: np.ndarray, high: np.ndarray, aspect: float) -> tuple[Matrix, float]:
    view = view_of(context)
    if view is None:
        advice = "Press Generate in a 3D view, or choose another entry under Seen From."
        raise UserError("no_view", "There is no current view to look from.", advice)
    matrix = view.view_matrix.inverted()
    if view.view_perspective == "ORTHO":
        return fitting_camera(matrix.to_quaternion(), low, high, aspect), FRONT_FOVY
    return matrix, math.degrees(2 * math.atan(1 / view.window_matrix[1][1]))
