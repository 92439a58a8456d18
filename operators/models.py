"""The buttons of the models: looking, fetching, using a folder, accepting a license, removing; and asking for a job's plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_show_plan(bpy.types.Operator):
    """Ask the engine what this job would take: which models, how much memory, what would have to be fetched. Runs nothing"""

    bl_idname = "align4d.show_plan"
    bl_label = "Show Plan"
    bl_options = {"REGISTER"}

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.jobs import plan

        return _attempt(lambda: plan.ask_plan(context))


class ALIGN4D_OT_look_for_models(bpy.types.Operator):
    """Look which models are on this computer; takes a few seconds"""

    bl_idname = "align4d.look_for_models"
    bl_label = "Look for Models"
    bl_options = {"REGISTER"}

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.runtime import models

        return _attempt(models.look)


class _OfModel:
    """What the buttons of one model have in common."""

    model: StringProperty(name="Model", options={"HIDDEN", "SKIP_SAVE"})


class ALIGN4D_OT_fetch_model(_OfModel, bpy.types.Operator):
    """Download this model from its publisher. Goes on where it was when it broke off; every file is checked"""

    bl_idname = "align4d.fetch_model"
    bl_label = "Fetch"
    bl_options = {"REGISTER"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        return context.window_manager.invoke_confirm(self, event)

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.runtime import models

        return _attempt(lambda: models.fetch(self.model))


class ALIGN4D_OT_cancel_fetch(bpy.types.Operator):
    """Stop fetching; what has come stays for the next time"""

    bl_idname = "align4d.cancel_fetch"
    bl_label = "Cancel Fetching"
    bl_options = {"REGISTER"}

    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.runtime import models

        models.cancel_fetch()
        return {"FINISHED"}


class ALIGN4D_OT_use_model(_OfModel, bpy.types.Operator):
    """Take this model from a folder of yours; it stays where it is"""

    bl_idname = "align4d.use_model"
    bl_label = "Use Folder"
    bl_options = {"REGISTER"}

    directory: StringProperty(name="Folder", subtype="DIR_PATH", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.runtime import models

        return _attempt(lambda: models.change("use", self.model, bpy.path.abspath(self.directory)))


class ALIGN4D_OT_accept_license(_OfModel, bpy.types.Operator):
    """Agree to the license of this model, which limits commercial use. Read it on the model's page first"""

    bl_idname = "align4d.accept_license"
    bl_label = "Accept License"
    bl_options = {"REGISTER"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        return context.window_manager.invoke_confirm(self, event)

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.runtime import models

        return _attempt(lambda: models.change("accept", self.model))


class ALIGN4D_OT_remove_model(_OfModel, bpy.types.Operator):
    """Delete this model from the computer; a folder of yours is only forgotten"""

    bl_idname = "align4d.remove_model"
    bl_label = "Remove"
    bl_options = {"REGISTER"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        return context.window_manager.invoke_confirm(self, event)

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.runtime import models

        return _attempt(lambda: models.change("remove", self.model))


def _attempt(action: Callable[[], None]) -> set[OperatorReturnItems]:
    """Does it; without a window waits for the answer. Raises UserError."""
    from ..align4d_blender.jobs import plan
    from ..align4d_blender.runtime import models

    action()
    if bpy.app.background:
        plan.question.wait()
        models.wait()
        if models.refused:
            raise models.refused
    return {"FINISHED"}


CLASSES = (
    ALIGN4D_OT_show_plan,
    ALIGN4D_OT_look_for_models,
    ALIGN4D_OT_fetch_model,
    ALIGN4D_OT_cancel_fetch,
    ALIGN4D_OT_use_model,
    ALIGN4D_OT_accept_license,
    ALIGN4D_OT_remove_model,
)
