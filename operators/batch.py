"""Add to Batch and Submit: many jobs, made together here or on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from .in_slices import InSlices
from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ..align4d_blender.capture.slices import Words
    from ..align4d_blender.jobs.record import Job


class ALIGN4D_OT_add_to_batch(InSlices, bpy.types.Operator):
    """Keep what Generate would start for a batch: further shots, scenes and files can follow before all are submitted"""

    bl_idname = "align4d.add_to_batch"
    bl_label = "Add to Batch"
    bl_options = {"REGISTER", "BLOCKING"}
    begins = "Reading the scene"

    def work(self, context: bpy.types.Context) -> Words[Job]:
        from ..align4d_blender.capture import modes
        from ..align4d_blender.jobs import batch

        if bpy.app.background:
            modes.leave(context)
        return batch.collecting(context)

    def done(self, _context: bpy.types.Context, made: Job) -> None:
        """The panel shows it."""
        self.report({"INFO"}, f"{made.label} waits for Submit")


class ALIGN4D_OT_remove_from_batch(bpy.types.Operator):
    """Take this job out of the batch"""

    bl_idname = "align4d.remove_from_batch"
    bl_label = "Remove from Batch"
    bl_options = {"REGISTER"}

    job: StringProperty(name="Job", description="The job's id", options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.jobs import batch

        for job in [one for one in batch.collected() if one.id == self.job]:
            batch.take_out(job)
        return {"FINISHED"}


class ALIGN4D_OT_submit_batch(bpy.types.Operator):
    """Make all jobs of the batch, one after the other here or many at once on a Ray cluster. They go on when Blender is closed"""

    bl_idname = "align4d.submit_batch"
    bl_label = "Submit"
    bl_options = {"REGISTER"}

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.jobs import batch, queue

        jobs = batch.submit()
        if not bpy.app.background:
            queue.watch()
            return {"FINISHED"}
        for job in jobs:
            queue.wait(job)
        return {"FINISHED"} if all(job.state == "done" for job in jobs) else {"CANCELLED"}


CLASSES = (ALIGN4D_OT_add_to_batch, ALIGN4D_OT_remove_from_batch, ALIGN4D_OT_submit_batch)
