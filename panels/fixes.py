"""The button that repairs what an error names."""

from __future__ import annotations

from typing import Literal, NamedTuple

import bpy


class Button(NamedTuple):
    """An operator, the words on its button, its icon, and the property that takes what follows the colon of a repair."""

    operator: str
    words: str
    icon: Literal["FILE_FOLDER", "FILE_MOVIE", "FILE_REFRESH", "IMPORT", "INTERNET", "PREVIEW_RANGE", "TEXT", "CHECKMARK"]
    takes: str = ""


BUTTONS = {
    "choose_video": Button("align4d.use_video", "Choose Video", "FILE_MOVIE"),
    "use_whole_video": Button("align4d.start_later", "Use Whole Video", "PREVIEW_RANGE"),
    "start_later": Button("align4d.start_later", "Start Later", "PREVIEW_RANGE", "by"),
    "open_log": Button("align4d.show_log", "Show Log", "TEXT"),
    "show_jobs": Button("align4d.open_folder", "Show Jobs", "FILE_FOLDER"),
    "install_engine": Button("align4d.install_engine", "Install Engine", "IMPORT"),
    "repair_engine": Button("align4d.repair_engine", "Repair Engine", "FILE_REFRESH"),
    "install_masks": Button("align4d.install_masks", "Install Masks", "IMPORT"),
    "allow_online": Button("extensions.userpref_allow_online", "Allow Online Access", "INTERNET"),
    "fetch_model": Button("align4d.fetch_model", "Fetch Model", "IMPORT", "model"),
    "accept_license": Button("align4d.accept_license", "Accept License", "CHECKMARK", "model"),
}
"""A button for each of `protocol.FIXES`."""


def draw(layout: bpy.types.UILayout, fix: str, job: str = "") -> None:
    """The button of an error's `fix`; nothing where it names none that is known here.

    Args:
        job: id of the job that failed; the log that is shown is its own.
    """
    name, _, argument = fix.partition(":")
    button = BUTTONS.get(name)
    if button is None:
        return
    operator = layout.operator(button.operator, text=button.words, icon=button.icon)
    if button.takes:
        setattr(operator, button.takes, int(argument) if argument.isdigit() else argument)
    if name == "open_log":
        operator.job = job
