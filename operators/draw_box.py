"""Draw Box: the artist drags a box around the object over the clip's first frame, beside the 3D view."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import bpy

from ..align4d_blender.errors import UserError
from .telling import refuse

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ..align4d_blender.capture import box

_COLOR = (1.0, 0.6, 0.1, 1.0)
_FIRST_LOOK = 0.1
"""Seconds until a new editor has its size."""


class ALIGN4D_OT_draw_box(bpy.types.Operator):
    """Drag a box around the object in the clip's first frame; it is cut out by that, and nothing has to be downloaded"""

    bl_idname = "align4d.draw_box"
    bl_label = "Draw Box"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and not bpy.app.background

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        from ..align4d_blender.capture.reference import reference_of

        try:
            spec = reference_of(context.scene).spec
        except UserError as error:
            return refuse(self, error)
        self._start: box.Corner | None = None
        self._end: box.Corner | None = None
        self._area = _open_editor(context)
        self._image = bpy.data.images.load(spec.images[spec.first] if spec.images else str(Path(spec.path)), check_existing=False)
        _show(cast(bpy.types.SpaceImageEditor, self._area.spaces.active), self._image, 0 if spec.images else spec.first)
        self._handler: Any = bpy.types.SpaceImageEditor.draw_handler_add(self._draw, (), "WINDOW", "POST_PIXEL")
        manager = context.window_manager
        self._timer = manager.event_timer_add(_FIRST_LOOK, window=context.window)
        self._placed = False
        context.workspace.status_text_set("Drag a box around the whole object. Esc: Cancel")
        context.window.cursor_modal_set("CROSSHAIR")
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        if self._area not in list(context.screen.areas):  # the artist closed the editor, or this has ended
            self._end_here(context)
            return {"CANCELLED"}
        region = _region(self._area)
        if event.type == "TIMER" and not self._placed:
            with context.temp_override(area=self._area, region=region):
                bpy.ops.image.view_all(fit_view=True)
            self._placed = True
        elif event.type in {"ESC", "RIGHTMOUSE"}:
            self._close(context)
            return {"CANCELLED"}
        elif event.type == "LEFTMOUSE" and event.value == "PRESS":
            self._start = self._end = _place(region, event)
        elif event.type == "MOUSEMOVE" and self._start:
            self._end = _place(region, event)
            self._area.tag_redraw()
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE" and self._start:
            return self._take(context, _place(region, event))
        return {"RUNNING_MODAL"}

    def _take(self, context: bpy.types.Context, end: box.Corner) -> set[OperatorReturnItems]:
        """The box; the artist tries again where it is none."""
        from ..align4d_blender.capture import box

        start, self._start = self._start, None
        try:
            box.draw_box(context.scene, start or end, end)
        except UserError as error:
            self.report({"WARNING"}, str(error))
            return {"RUNNING_MODAL"}
        self._close(context)
        return {"FINISHED"}

    def _close(self, context: bpy.types.Context) -> None:
        """Ends, and closes the editor."""
        area = self._area
        self._end_here(context)
        with context.temp_override(area=area, region=_region(area)):
            bpy.ops.screen.area_close()

    def _end_here(self, context: bpy.types.Context) -> None:
        """Takes away all but the editor; once."""
        if self._handler is None:
            return
        bpy.types.SpaceImageEditor.draw_handler_remove(self._handler, "WINDOW")
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)
        context.window.cursor_modal_restore()
        bpy.data.images.remove(self._image)
        self._handler = None

    def _draw(self) -> None:
        import gpu  # with what it needs to draw, numpy too: Blender starts sooner without them
        from gpu_extras.batch import batch_for_shader

        if self._start is None or self._end is None or bpy.context.area != self._area:
            return
        (left, low), (right, high) = (_region(self._area).view2d.view_to_region(*corner, clip=False) for corner in (self._start, self._end))
        shader = gpu.shader.from_builtin("UNIFORM_COLOR")
        shader.uniform_float("color", _COLOR)
        corners = [(left, low), (right, low), (right, high), (left, high), (left, low)]
        batch_for_shader(shader, "LINE_STRIP", {"pos": corners}).draw(shader)


class ALIGN4D_OT_clear_box(bpy.types.Operator):
    """Forget the box around the object"""

    bl_idname = "align4d.clear_box"
    bl_label = "Clear Box"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.capture import box

        box.clear_box(context.scene)
        return {"FINISHED"}


def _open_editor(context: bpy.types.Context) -> bpy.types.Area:
    """A new image editor that takes half of the area in which the button is."""
    before = {area.as_pointer() for area in context.screen.areas}
    bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
    area = next(one for one in context.screen.areas if one.as_pointer() not in before)
    area.ui_type = "IMAGE_EDITOR"
    return area


def _show(space: bpy.types.SpaceImageEditor, image: bpy.types.Image, skipped: int) -> None:
    """An image, or of a movie the frame after the `skipped` first ones."""
    space.show_region_ui = space.show_region_toolbar = False
    space.image = image
    user = space.image_user
    user.frame_duration, user.frame_start, user.frame_offset, user.frame_current = max(image.frame_duration, 1), 1, skipped, 1


def _region(area: bpy.types.Area) -> bpy.types.Region:
    return next(region for region in area.regions if region.type == "WINDOW")


def _place(region: bpy.types.Region, event: bpy.types.Event) -> box.Corner:
    """Where the mouse is over the picture."""
    across, up = region.view2d.region_to_view(event.mouse_x - region.x, event.mouse_y - region.y)
    return float(across), float(up)


CLASSES = (ALIGN4D_OT_draw_box, ALIGN4D_OT_clear_box)
