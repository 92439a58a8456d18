"""The extension's preferences: where the engine comes from, and what it computes on."""

# No postponed annotations here: Blender would compile each property's text anew to register it.

from pathlib import Path
from typing import cast

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ..errors import UserError
from ..storage import folders
from ..storage.folders import EXTENSION
from ..storage.remembered import remembered

ENGINE_FOLDER = Path(__file__).resolve().parents[2] / "engine"
"""The engine is run from the extension's own folder, so that the two never differ in version."""

PINS = ENGINE_FOLDER.parent / "pyproject.toml"
"""Names the engine's dependencies."""

ADVICE = "Press Install Engine in Edit > Preferences > Add-ons > Align4D, or choose an existing one there."


class EngineChoices:
    """The properties of the preferences; `panels.preferences` makes them a class of Blender's."""

    engine_python: StringProperty(
        name="Use Existing",
        description="The Python program of your own environment (python.exe on Windows, bin/python elsewhere). Empty: the installed one",
        subtype="FILE_PATH",
    )
    device: EnumProperty(
        name="Device",
        description="What the engine computes on",
        items=(
            ("auto", "Automatic", "The graphics card where there is a usable one, else the processor"),
            ("cuda", "NVIDIA GPU", "An NVIDIA graphics card (CUDA)"),
            ("cpu", "Processor", "No graphics card needed"),
        ),
        default="auto",
    )
    engine_build: EnumProperty(
        name="Made For",
        description="Which build of the engine Install Engine takes",
        items=(
            ("auto", "This Computer", "What fits the graphics card that was found"),
            ("cpu", "Processor", "Smaller; works everywhere, also on a render farm without graphics cards"),
            ("default", "PyPI's Own", "What Python's package index holds for this system: CUDA on Linux, the processor elsewhere"),
        ),
        default="auto",
    )
    with_masks: BoolProperty(
        name="Masks for Busy Backgrounds",
        description="Also install what runs a network that cuts an object out of a busy background. Videos on a plain background do not need it",
    )
    with_priors: BoolProperty(
        name="Published Priors",
        description="Also install what the published multiview models need (diffusers). The built-in prior does not need it",
    )
    with_ray: BoolProperty(
        name="Batches on Ray",
        description="Also install what spreads a batch over several computers or graphics cards (Ray)",
    )
    ray: StringProperty(
        name="Ray Cluster",
        description="Where batches are made: the address of a Ray cluster whose computers share the jobs' folders, or auto. Empty: this computer",
    )
    ray_gpus: FloatProperty(
        name="GPUs per Job",
        description="Graphics cards that the cluster sets aside for each job; 0 for a cluster without any",
        min=0,
        soft_max=1,
        default=0,
    )
    wheels: StringProperty(
        name="Wheels",
        description="For a computer without network: a folder with the engine's packages, made by pip download. Empty: they are downloaded",
        subtype="DIR_PATH",
    )


def get() -> EngineChoices:
    """The preferences of the enabled extension."""
    return cast(EngineChoices, bpy.context.preferences.addons[EXTENSION].preferences)


def environments() -> Path:
    """The folder of the environments that the extension installs."""
    return folders.user_folder("engine")


def engine_python(preferences: EngineChoices) -> Path:
    """The interpreter that runs the engine: the chosen one, or the installed one. Raises UserError where there is none that fits."""
    from .environments import find_installed, pins

    if preferences.engine_python:
        path = Path(bpy.path.abspath(preferences.engine_python))
        if not path.is_file():
            raise UserError("engine_missing", f"There is no program at {path}.", ADVICE, "show_preferences")
        return path
    installed = find_installed(environments())
    if installed is None:
        raise UserError("engine_missing", "Align4D's engine is not installed yet.", ADVICE, "install_engine")
    if not set(pins(PINS)) <= set(installed.requirements):
        advice = "Press Repair in Edit > Preferences > Add-ons > Align4D."
        raise UserError("engine_outdated", "The engine is of another version of the extension.", advice, "repair_engine")
    return installed.python


@remembered
def problem(chosen_python: str) -> UserError | None:
    """Why no engine can be started; None where one can. For panels, which ask with the preferences' `engine_python` at each redraw."""
    try:
        engine_python(get())
    except UserError as error:
        return error
    return None


@remembered
def installed_build() -> str:
    """Which build of the engine is installed; "" where none is. For panels."""
    from .environments import find_installed

    installed = find_installed(environments())
    return installed.build if installed else ""
