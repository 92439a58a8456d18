"""Settings on the scene, and the tags that tie objects to a result."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, PointerProperty, StringProperty

from .compat import RELATIVE_PATH


class Align4DSettings(bpy.types.PropertyGroup):
    """What the artist chooses before pressing Generate; saved with the scene as `scene.align4d`."""

    video: StringProperty(
        name="Video",
        description="The reference: a movie file, or the first image of a sequence (or the folder that holds it)",
        subtype="FILE_PATH",
        options=RELATIVE_PATH,
    )
    first: IntProperty(name="First", description="First frame of the video to use, counted from 1; 0 starts at the beginning", min=0, default=0)
    last: IntProperty(name="Last", description="Last frame of the video to use, counted from 1; 0 goes up to the end", min=0, default=0)
    preset: EnumProperty(
        name="Quality",
        description="How much time to spend",
        items=(
            ("draft", "Draft", "A quick look: coarse motion, in a fraction of the time"),
            ("artist", "Artist", "Good motion in a few minutes, without a graphics card too"),
            ("paper", "Paper", "The published method as it is, for comparison. Slow without a graphics card"),
        ),
        default="artist",
    )
    camera: EnumProperty(
        name="Seen From",
        description="Where the video was filmed from. Roughly is enough when Refine Camera is on",
        items=(
            ("SCENE", "Scene Camera", "The scene's camera; without one, the front view"),
            ("VIEW", "Current View", "The 3D view, as it is when you press Generate"),
            ("FRONT", "Front View", "From the front, at a distance that shows everything selected"),
        ),
        default="SCENE",
    )
    solve_camera: BoolProperty(
        name="Refine Camera",
        description="Find the exact direction and distance from the video's first frame. Turn off when the camera is already exact",
        default=True,
    )
    seed: IntProperty(name="Seed", description="Another seed gives another variation; the same seed gives the same result", min=0, default=0)
    overrides: StringProperty(
        name="Overrides",
        description='Single settings of the engine, for experiments, as JSON: {"tracking.iterations": 40}',
        options={"HIDDEN"},
    )


class Align4DTag(bpy.types.PropertyGroup):
    """Ties an object to a job; saved with the object as `object.align4d`, empty on objects that Align4D has not touched."""

    id: StringProperty(name="Id", description="Identifies this object in its job", options={"HIDDEN"})
    job: StringProperty(name="Job", description="The job whose result this object shows", options={"HIDDEN"})


CLASSES = (Align4DSettings, Align4DTag)


def attach() -> None:
    """Adds `Scene.align4d` and `Object.align4d`."""
    bpy.types.Scene.align4d = PointerProperty(type=Align4DSettings)
    bpy.types.Object.align4d = PointerProperty(type=Align4DTag)


def detach() -> None:
    """Takes them away again."""
    del bpy.types.Object.align4d
    del bpy.types.Scene.align4d
