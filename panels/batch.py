"""The batch in the sidebar: what was collected, where it is made, Submit."""

from __future__ import annotations

import bpy

from ..align4d_blender.runtime import preferences


class ALIGN4D_PT_batch(bpy.types.Panel):
    """What Add to Batch has collected, of all files that were open."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Align4D"
    bl_idname = "ALIGN4D_PT_batch"
    bl_label = "Batch"
    bl_order = 1

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        from ..align4d_blender.jobs import batch

        return bool(batch.collected())

    def draw(self, _context: bpy.types.Context) -> None:
        from ..align4d_blender.jobs import batch

        layout, jobs = self.layout, batch.collected()
        column = layout.column(align=True)
        for job in jobs:
            row = column.row(align=True)
            row.label(text=job.label, icon="SORTTIME")
            row.operator("align4d.remove_from_batch", text="", icon="X").job = job.id
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        chosen = preferences.get()
        column.prop(chosen, "ray")
        if chosen.ray:
            column.prop(chosen, "ray_gpus")
        words = f"Submit {len(jobs)} Jobs" if len(jobs) > 1 else "Submit"
        layout.operator("align4d.submit_batch", text=words, icon="PLAY")


CLASSES = (ALIGN4D_PT_batch,)
