"""The result beside its video: two 3D views, one through the solved camera, one that shows the clip alone."""

from __future__ import annotations

from typing import cast

import bpy

from . import solved_camera


def clip_areas(screen: bpy.types.Screen) -> list[bpy.types.Area]:
    """The views of a screen that show a clip alone."""
    return [area for area in screen.areas if area.type == "VIEW_3D" and _shows_clip(cast(bpy.types.SpaceView3D, area.spaces.active))]


def open_side_by_side(context: bpy.types.Context, job: str) -> None:
    """Splits the context's view: one half goes on showing the result, the new one shows the clip, both as the video was filmed."""
    cameras = solved_camera.cameras(job)
    solved = cameras[0]
    clip = cameras[1] if len(cameras) > 1 else solved_camera.clip_camera(solved)
    screen, area = context.screen, context.area
    before = {one.as_pointer() for one in screen.areas}
    bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
    other = next(one for one in screen.areas if one.as_pointer() not in before)
    for one, camera in ((area, solved), (other, clip)):
        space = cast(bpy.types.SpaceView3D, one.spaces.active)
        solved_camera.look_through(camera, space)
        space.region_3d.view_camera_offset = (0.0, 0.0)
        space.region_3d.view_camera_zoom = 0.0
    cast(bpy.types.SpaceView3D, other.spaces.active).show_region_ui = False


def close_side_by_side(context: bpy.types.Context) -> None:
    """Closes the views that show a clip alone, and removes their cameras."""
    for area in clip_areas(context.screen):
        with context.temp_override(area=area):
            bpy.ops.screen.area_close()
    for item in [item for item in bpy.data.objects if item.align4d.id == solved_camera.CLIP]:
        solved_camera.remove_camera(item)


def _shows_clip(space: bpy.types.SpaceView3D) -> bool:
    return space.use_local_camera and space.camera is not None and space.camera.align4d.id == solved_camera.CLIP
