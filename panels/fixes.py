"""The button that repairs what an error names, beside the error where nothing else shows it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import bpy

from ..align4d_blender.errors import UserError
from ..align4d_blender.runtime import refusal
from . import text


class Button(NamedTuple):
    """An operator, the words on its button, its icon, the property that takes what follows the colon of a repair, and another way beside it."""

    operator: str
    words: str
    icon: Literal[
        "CHECKMARK",
        "FILE_FOLDER",
        "FILE_IMAGE",
        "FILE_MOVIE",
        "FILE_REFRESH",
        "IMPORT",
        "INTERNET",
        "LOOP_BACK",
        "POINTCLOUD_DATA",
        "PREFERENCES",
        "PREVIEW_RANGE",
        "SELECT_SET",
        "TEXT",
    ]
    takes: str = ""
    beside: Button | None = None


BUTTONS = {
    "choose_video": Button("align4d.use_video", "Choose Video", "FILE_MOVIE"),
    "choose_image": Button("align4d.use_image", "Choose Image", "FILE_IMAGE"),
    "choose_gaussians": Button("align4d.use_gaussians", "Choose Gaussians", "POINTCLOUD_DATA"),
    "use_whole_video": Button("align4d.start_later", "Use Whole Video", "PREVIEW_RANGE"),
    "start_later": Button("align4d.start_later", "Start Later", "PREVIEW_RANGE", "by"),
    "end_earlier": Button("align4d.end_earlier", "End Earlier", "PREVIEW_RANGE", "frames"),
    "use_draft": Button("align4d.use_draft", "Use Draft", "FILE_REFRESH"),
    "clear_overrides": Button("align4d.clear_overrides", "Clear Overrides", "LOOP_BACK"),
    "use_any_device": Button("align4d.use_any_device", "Use Any Device", "LOOP_BACK"),
    "open_log": Button("align4d.show_log", "Show Log", "TEXT"),
    "show_jobs": Button("align4d.open_folder", "Show Jobs", "FILE_FOLDER"),
    "install_engine": Button("align4d.install_engine", "Install Engine", "IMPORT"),
    "repair_engine": Button("align4d.repair_engine", "Repair Engine", "FILE_REFRESH"),
    "install_masks": Button("align4d.install_masks", "Install Masks", "IMPORT"),
    "install_models": Button("align4d.install_models", "Install What Models Need", "IMPORT"),
    "install_ray": Button("align4d.install_ray", "Install Ray", "IMPORT"),
    "draw_box": Button("align4d.draw_box", "Draw Box", "SELECT_SET"),
    "allow_online": Button("extensions.userpref_allow_online", "Allow Online Access", "INTERNET"),
    "fetch_model": Button("align4d.fetch_model", "Fetch Model", "IMPORT", "model", Button("align4d.use_model", "Use Folder", "FILE_FOLDER", "model")),
    "accept_license": Button("align4d.accept_license", "Accept License", "CHECKMARK", "model"),
    "show_preferences": Button("align4d.show_preferences", "Show Preferences", "PREFERENCES"),
}
"""A button for each of `protocol.FIXES`."""


def draw_refusal(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Why the last button did nothing, and the one that repairs it; nothing where that is none or is settled."""
    error = refusal.last
    if error is None:
        return
    box = layout.box()
    row = box.row()
    text.paragraph(row.column(), context, str(error), "ERROR")
    row.operator("align4d.forget_refusal", text="", icon="X")
    draw(box, error.fix)


def draw_error(layout: bpy.types.UILayout, context: bpy.types.Context, error: UserError) -> None:
    """What failed, and the button that repairs it."""
    text.paragraph(layout, context, str(error), "ERROR")
    draw(layout, error.fix)


def draw(layout: bpy.types.UILayout, fix: str, job: str = "") -> None:
    """The button of an error's `fix`; nothing where it names none that is known here.

    Args:
        job: id of the job that failed; the log that is shown is its own.
    """
    name, _, argument = fix.partition(":")
    button = BUTTONS.get(name)
    if button is None:
        return
    row = layout.row(align=True) if button.beside else layout
    while button:
        operator = row.operator(button.operator, text=button.words, icon=button.icon)
        if button.takes:
            setattr(operator, button.takes, int(argument) if argument.isdigit() else argument)
        if name == "open_log":
            operator.job = job
        button = button.beside
