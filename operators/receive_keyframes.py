"""Keyframes of a motion that has arrived on a rig which has to be posed for them: in slices, that Esc stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from .in_slices import InSlices

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ..align4d_blender.capture.slices import Words
    from ..align4d_blender.jobs.record import Job


class ALIGN4D_OT_receive_keyframes(InSlices, bpy.types.Operator):
    """Turn the motion of a job that has just ended into keyframes"""

    bl_idname = "align4d.receive_keyframes"
    bl_label = "Receive Keyframes"
    bl_options = {"INTERNAL", "BLOCKING"}
    begins = "Reading the meshes"
    stopped = "Stopped; the motion is a point cache"

    job: StringProperty(name="Job", description="The job's id", options={"HIDDEN", "SKIP_SAVE"})

    def work(self, _context: bpy.types.Context) -> Words[list[str]]:
        """Where there can be no keyframes the point cache stays, and a sentence says why."""
        from ..align4d_blender.capture import targets
        from ..align4d_blender.errors import UserError
        from ..align4d_blender.jobs import queue
        from ..align4d_blender.result import keyframes

        job = queue.find(self.job)
        assert job is not None  # it is on the list as long as it arrives
        try:
            notes = yield from keyframes.making(targets.find(job.targets[0]))
        except UserError as error:
            notes = [keyframes.none_made(error)]
        job.notes += notes
        return notes

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        """The point cache is a step of the undo history where its keyframes were broken off."""
        after = super().modal(context, event)
        if after == {"CANCELLED"}:
            _push_undo()
        return after

    def done(self, context: bpy.types.Context, made: list[str]) -> None:
        super().done(context, made)
        _push_undo()


def receive(job: Job) -> None:
    """Begins to make the keyframes of a job whose motion has arrived."""
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.align4d.receive_keyframes("INVOKE_DEFAULT", job=job.id)


def _push_undo() -> None:
    from ..align4d_blender.result import delivery

    delivery.push_undo()


CLASSES = (ALIGN4D_OT_receive_keyframes,)
