"""What an object that shows Gaussians keeps: which files, and when."""

# No postponed annotations here: Blender would compile each property's text anew to register it.

from typing import cast

import bpy
from bpy.props import FloatProperty, IntProperty, PointerProperty, StringProperty

from .. import compat


def _changed(chosen: "Align4DGaussians", _context: bpy.types.Context) -> None:
    """From Blender 4.5 on a change shows at once; before, Bake Again does it."""
    from . import sequence_object

    item = cast(bpy.types.Object, chosen.id_data)
    if compat.NODES_READ_PLY and sequence_object.shown_by(item):
        sequence_object.point_to_files(item)


class Align4DGaussians(bpy.types.PropertyGroup):
    """Saved with the object as `object.align4d_gaussians`."""

    file: StringProperty(name="Files", description="The .ply files, with {:04} in the place of a number of four digits", options={"HIDDEN"})
    first: IntProperty(name="First Number", description="Number in the first file's name", update=_changed, options={"HIDDEN"})
    step: IntProperty(name="Step", description="From one number to the next", min=1, default=1, options={"HIDDEN"})
    count: IntProperty(name="Count", description="Number of files", min=1, default=1, update=_changed, options={"HIDDEN"})
    degree: IntProperty(name="Degree", description="Of the spherical harmonics", min=0, max=3, options={"HIDDEN"})
    job: StringProperty(name="Job", description="The job whose result this is; empty for a sequence that was opened", options={"HIDDEN"})
    start: IntProperty(name="Start", description="Scene frame at which the first file is shown", default=1, update=_changed, options=set())
    fps: FloatProperty(name="Files per Second", description="How fast they play", min=0.01, default=24.0, update=_changed, options=set())


CLASSES = (Align4DGaussians,)


def attach() -> None:
    """Adds `Object.align4d_gaussians`."""
    bpy.types.Object.align4d_gaussians = PointerProperty(type=Align4DGaussians)


def detach() -> None:
    """Takes it away again."""
    del bpy.types.Object.align4d_gaussians
