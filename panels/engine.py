"""The engine's state: the one next step in the sidebar, and everything about it in the preferences."""

from __future__ import annotations

import bpy

from ..align4d_blender import EXTENSION
from ..align4d_blender.runtime import preferences
from . import fixes, text


def ready() -> bool:
    """Whether there is an engine that can be started."""
    return preferences.problem(preferences.get().engine_python) is None


def draw_next_step(layout: bpy.types.UILayout, context: bpy.types.Context) -> bool:
    """Says what is to be done before anything else, if there is such a thing. Returns whether the engine is ready."""
    from ..align4d_blender.runtime import setup

    problem = preferences.problem(preferences.get().engine_python)
    if problem is None:
        return True
    box = layout.box().column()
    if setup.installing():
        _draw_installation(box)
        return False
    text.paragraph(box, context, problem.message, "INFO")
    _draw_failure(box, context)
    if not preferences.get().engine_python and draw_network(box, context):
        row = box.row()
        row.scale_y = 1.5
        row.operator("align4d.repair_engine" if problem.code == "engine_outdated" else "align4d.install_engine", icon="IMPORT")
    box.operator("preferences.addon_show", text="More Choices", icon="PREFERENCES").module = EXTENSION
    return False


def draw_network(layout: bpy.types.UILayout, context: bpy.types.Context) -> bool:
    """Asks for the network where it is needed and not allowed. Returns whether nothing is in the way."""
    if bpy.app.online_access or preferences.get().wheels:
        return True
    text.paragraph(layout, context, "Installing needs the network, which Blender may not use", "ERROR")
    layout.operator("extensions.userpref_allow_online", text="Allow Online Access", icon="INTERNET")
    return False


def draw_engine(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Which engine is used, and the buttons that change it."""
    from ..align4d_blender.runtime import setup

    chosen = preferences.get()
    column = layout.column()
    installed = preferences.installed_build()
    if setup.installing():
        _draw_installation(column)
    elif chosen.engine_python:
        column.label(text="An existing engine is used", icon="CHECKMARK")
    elif installed:
        column.label(text=f"The engine is installed, for {setup.build_name(installed)}", icon="CHECKMARK")
    else:
        column.label(text="The engine is not installed", icon="INFO")
    _draw_failure(column, context)
    problem = preferences.problem(chosen.engine_python)
    if problem and (problem.code == "engine_outdated" or chosen.engine_python):
        text.paragraph(column, context, str(problem), "ERROR")
    if not setup.installing():
        _draw_install_buttons(column, context, bool(installed))
    choices = column.column()
    choices.use_property_split = True
    choices.enabled = not setup.installing()
    for name in ("engine_build", "with_masks", "with_priors", "with_ray", "wheels", "engine_python", "device", "ray", "ray_gpus"):
        choices.prop(chosen, name)


def _draw_install_buttons(layout: bpy.types.UILayout, context: bpy.types.Context, there: bool) -> None:
    allowed = bool(preferences.get().engine_python) or draw_network(layout, context)
    row = layout.row(align=True)
    install = row.row(align=True)
    install.enabled = allowed
    if there:
        install.operator("align4d.repair_engine", icon="FILE_REFRESH")
        row.operator("align4d.remove_engine", icon="TRASH")
    else:
        install.operator("align4d.install_engine", icon="IMPORT")


def _draw_installation(layout: bpy.types.UILayout) -> None:
    """The bar of a running installation."""
    from ..align4d_blender.runtime import setup

    running = setup.installation
    if running:
        layout.progress(factor=running.fraction, text=running.text)
        layout.operator("align4d.cancel_install", icon="CANCEL")


def _draw_failure(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Why the last installation did not work out."""
    from ..align4d_blender.runtime import setup

    last = setup.installation
    if last and last.state == "failed" and last.error:
        text.paragraph(layout, context, str(last.error), "ERROR")
        fixes.draw(layout, last.error.fix)
        layout.operator("wm.path_open", text="Show Log", icon="TEXT").filepath = str(last.log)


def draw_doctor(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What works on this computer, each line with the button that mends it; and the disk used."""
    from ..align4d_blender.runtime import setup

    row = layout.row()
    row.label(text="This Computer")
    row.operator("align4d.examine_engine", text="Looking…" if setup.examining() else "Examine", icon="VIEWZOOM")
    report = setup.report()
    if report is None:
        return
    for line in report.lines:
        text.paragraph(layout, context, f"{line.name.capitalize()}: {line.text}", "CHECKMARK" if line.works else "ERROR" if line.needed else "INFO")
        fixes.draw(layout, line.fix)
    for name, size in report.disk.items():
        row = layout.row()
        row.label(text=f"{name.capitalize()} on disk: {text.size(size)}", icon="DISK_DRIVE")
        row.operator("align4d.open_folder", text="", icon="FILE_FOLDER").name = name
