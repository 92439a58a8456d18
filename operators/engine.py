"""The buttons of the preferences: installing, repairing, removing and examining the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from ..align4d_blender.runtime import preferences
from ..align4d_blender.storage import folders
from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_install_engine(bpy.types.Operator):
    """Install what the engine needs into a folder of its own; Blender's own Python stays as it is. Asks for the network first"""

    bl_idname = "align4d.install_engine"
    bl_label = "Install Engine"
    bl_options = {"REGISTER"}

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        return _install(again=False)


class ALIGN4D_OT_repair_engine(bpy.types.Operator):
    """Install the engine anew. The old one stays until the new one is complete"""

    bl_idname = "align4d.repair_engine"
    bl_label = "Repair"
    bl_options = {"REGISTER"}

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        return _install(again=True)


class ALIGN4D_OT_cancel_install(bpy.types.Operator):
    """Stop the installation; nothing is left behind"""

    bl_idname = "align4d.cancel_install"
    bl_label = "Cancel Installation"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        from ..align4d_blender.runtime import setup

        return setup.installing()

    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.runtime import setup

        if setup.installation:
            setup.installation.cancel()
        return {"FINISHED"}


class ALIGN4D_OT_remove_engine(bpy.types.Operator):
    """Delete the installed engine and free its space. Motions that were made stay"""

    bl_idname = "align4d.remove_engine"
    bl_label = "Remove Engine"
    bl_options = {"REGISTER"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        return context.window_manager.invoke_confirm(self, event)

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.runtime import setup

        setup.remove()
        return {"FINISHED"}


class ALIGN4D_OT_examine_engine(bpy.types.Operator):
    """Look what works on this computer, and how much of the disk is used; takes a few seconds"""

    bl_idname = "align4d.examine_engine"
    bl_label = "Examine"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        from ..align4d_blender.runtime import setup

        return not setup.examining()

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.runtime import setup

        setup.examine()
        if bpy.app.background:
            setup.wait()
        return {"FINISHED"}


class ALIGN4D_OT_install_masks(bpy.types.Operator):
    """Install the engine together with what cuts objects out of busy backgrounds"""

    bl_idname = "align4d.install_masks"
    bl_label = "Install Masks"
    bl_options = {"REGISTER"}

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        preferences.get().with_masks = True
        return _install(again=False)


class ALIGN4D_OT_install_models(bpy.types.Operator):
    """Install the engine together with what generative models need"""

    bl_idname = "align4d.install_models"
    bl_label = "Install What Models Need"
    bl_options = {"REGISTER"}

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        preferences.get().with_priors = True
        return _install(again=False)


class ALIGN4D_OT_install_ray(bpy.types.Operator):
    """Install the engine together with what spreads a batch over several computers or graphics cards"""

    bl_idname = "align4d.install_ray"
    bl_label = "Install Ray"
    bl_options = {"REGISTER"}

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        preferences.get().with_ray = True
        return _install(again=False)


class ALIGN4D_OT_show_preferences(bpy.types.Operator):
    """Show Align4D in Blender's preferences, where its engine is installed, chosen and examined"""

    bl_idname = "align4d.show_preferences"
    bl_label = "Show Preferences"
    bl_options = {"REGISTER"}

    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        return bpy.ops.preferences.addon_show(module=folders.EXTENSION)


class ALIGN4D_OT_use_any_device(bpy.types.Operator):
    """Let the engine compute on the fastest device that this computer has"""

    bl_idname = "align4d.use_any_device"
    bl_label = "Use Any Device"
    bl_options = {"REGISTER"}

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        preferences.get().device = "auto"
        return {"FINISHED"}


class ALIGN4D_OT_open_folder(bpy.types.Operator):
    """Show one of Align4D's folders in the file browser of this computer"""

    bl_idname = "align4d.open_folder"
    bl_label = "Open Folder"
    bl_options = {"REGISTER"}

    name: StringProperty(name="Folder", description="engine, cache or jobs", default="jobs", options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        bpy.ops.wm.path_open(filepath=str(folders.user_folder(self.name)))
        return {"FINISHED"}


def _install(again: bool) -> set[OperatorReturnItems]:
    """Starts the installation; without a window waits for it. Raises UserError."""
    from ..align4d_blender.runtime import setup

    setup.install(again)
    if bpy.app.background:
        setup.wait()
        failure = setup.installation.error if setup.installation else None
        if failure:
            raise failure
    return {"FINISHED"}


CLASSES = (
    ALIGN4D_OT_install_engine,
    ALIGN4D_OT_repair_engine,
    ALIGN4D_OT_cancel_install,
    ALIGN4D_OT_remove_engine,
    ALIGN4D_OT_examine_engine,
    ALIGN4D_OT_install_masks,
    ALIGN4D_OT_install_models,
    ALIGN4D_OT_install_ray,
    ALIGN4D_OT_show_preferences,
    ALIGN4D_OT_use_any_device,
    ALIGN4D_OT_open_folder,
)
