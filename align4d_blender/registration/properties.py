"""The tags that tie objects to their results, and how each is played; `settings` has what is on the scene."""

# No postponed annotations here: Blender would compile each property's text anew to register it.

from typing import Literal, cast

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, FloatVectorProperty, IntProperty, PointerProperty, StringProperty

from ..compat import RELATIVE_PATH
from .settings import Align4DSettings

_OVERRIDABLE: set[Literal["LIBRARY_OVERRIDABLE"]] = {"LIBRARY_OVERRIDABLE"}
"""What is kept on an object can be changed where the object is an override of another file's, as a character in a shot is."""


def _play(result: "Align4DResult", _context: bpy.types.Context) -> None:
    """A change of how a result is played takes effect at once, on every object that it moves."""
    from ..result import results

    results.changed(result)


def _switch(tag: "Align4DTag", _context: bpy.types.Context) -> None:
    """Another result of the list is chosen."""
    from ..result import results

    results.switch(cast(bpy.types.Object, tag.id_data))


def _mute(tag: "Align4DTag", _context: bpy.types.Context) -> None:
    from ..result import results

    results.mute(cast(bpy.types.Object, tag.id_data))


class Align4DStanding(bpy.types.PropertyGroup):
    """A bone that stands on the ground for a while; `name` is the bone's."""

    first: IntProperty(
        name="First", description="First frame of the motion in which it stands, counted from 1", min=1, default=1, override=_OVERRIDABLE
    )
    last: IntProperty(name="Last", description="Last frame of the motion in which it stands", min=1, default=1, override=_OVERRIDABLE)
    held: BoolProperty(name="Hold", description="Keep it from sliding", default=True, override=_OVERRIDABLE)


class Align4DSmoothed(bpy.types.PropertyGroup):
    """A bone that is smoothed by another strength than the others; `name` is the bone's."""

    smooth: FloatProperty(
        name="Smooth",
        description="How many frames to each side this bone's pose is blended with its neighbors; 0 leaves it",
        default=0.0,
        min=0.0,
        soft_max=4.0,
        override=_OVERRIDABLE,
    )


class Align4DPin(bpy.types.PropertyGroup):
    """A pose that the artist has kept."""

    frame: IntProperty(name="Frame", description="Frame of the motion, counted from 1", options={"HIDDEN"}, override=_OVERRIDABLE)
    pose: StringProperty(name="Pose", description="Its file in the folder of the job", options={"HIDDEN"}, override=_OVERRIDABLE)


class Align4DResult(bpy.types.PropertyGroup):
    """One result on one object, and how it is played; `name` is what the artist calls it."""

    job: StringProperty(name="Job", description="The job that made this result", options={"HIDDEN"}, override=_OVERRIDABLE)
    motion: StringProperty(
        name="Motion",
        description="The file of the motion (PC2)",
        subtype="FILE_PATH",
        options={"HIDDEN"} | RELATIVE_PATH,
        override=_OVERRIDABLE,
    )
    copied: BoolProperty(
        name="Copied", description="Whether this object is a copy of the one that the job moves", options={"HIDDEN"}, override=_OVERRIDABLE
    )
    frames: IntProperty(name="Frames", description="Number of frames of the motion", options={"HIDDEN"}, override=_OVERRIDABLE)
    fps: FloatProperty(name="Frame Rate", description="Frames a second of the video", options={"HIDDEN"}, override=_OVERRIDABLE)
    vertices: IntProperty(name="Vertices", description="Of the mesh that was animated", options={"HIDDEN"}, override=_OVERRIDABLE)
    after: StringProperty(
        name="After", description="The modifier that the motion comes after; empty: it comes first", options={"HIDDEN"}, override=_OVERRIDABLE
    )
    held: BoolProperty(name="Held", description="Whether the object is held where it was", options={"HIDDEN"}, override=_OVERRIDABLE)
    world: FloatVectorProperty(name="World", description="Where it is held", size=16, options={"HIDDEN"}, override=_OVERRIDABLE)
    keys: BoolProperty(name="Shape Keys on Top", description="Whether shape keys act on top of the motion", options={"HIDDEN"}, override=_OVERRIDABLE)
    form: EnumProperty(
        name="Form",
        description="What the motion is",
        items=(
            ("CACHE", "Point Cache", "Every vertex of every frame, exactly as it was found"),
            ("KEYFRAMES", "Keyframes", "Keyframes on the mesh's own armature, to be edited like any others"),
        ),
        options={"HIDDEN"},
        override=_OVERRIDABLE,
    )
    cleaned: BoolProperty(
        name="Cleaned",
        description="Whether the point cache that is played has been cleaned up",
        options={"HIDDEN"},
        update=_play,
        override=_OVERRIDABLE,
    )
    action: PointerProperty(
        type=bpy.types.Action, name="Action", description="The keyframes of this motion", options={"HIDDEN"}, override=_OVERRIDABLE
    )
    standing: CollectionProperty(
        type=Align4DStanding,
        name="Contacts",
        description="Which bones stand on the ground, and when",
        override=_OVERRIDABLE | {"USE_INSERTION"},
    )
    standing_active: IntProperty(name="Contact", description="The contact that is chosen", options={"HIDDEN"}, override=_OVERRIDABLE)
    smooth: FloatProperty(
        name="Smooth",
        description="How many frames to each side a pose is blended with its neighbors",
        default=0.0,
        min=0.0,
        soft_max=4.0,
        override=_OVERRIDABLE,
    )
    smoothed: CollectionProperty(
        type=Align4DSmoothed,
        name="Smoothed Bones",
        description="Bones that are smoothed by another strength than the others",
        override=_OVERRIDABLE | {"USE_INSERTION"},
    )
    smoothed_active: IntProperty(name="Smoothed Bone", description="The bone that is chosen", options={"HIDDEN"}, override=_OVERRIDABLE)
    contacts: BoolProperty(name="Hold Contacts", description="Feet, hands or wheels that stand on the ground stand still", override=_OVERRIDABLE)
    in_place: BoolProperty(name="In Place", description="The body does not travel over the ground", override=_OVERRIDABLE)
    root_motion: BoolProperty(
        name="Root Motion",
        description="The way over the ground is the armature object's, in its location and rotation, and the bones stay in place: "
        "for characters that go into a game engine",
        override=_OVERRIDABLE,
    )
    loop: BoolProperty(name="Loop", description="The last poses flow into the first one", override=_OVERRIDABLE)
    tolerance: FloatProperty(
        name="Fewer Keys",
        description="How far the surface may be off for the sake of fewer keys, in percent of its size; 0 keeps a key at every frame of the video",
        default=0.0,
        min=0.0,
        soft_max=1.0,
        precision=2,
        subtype="PERCENTAGE",
        override=_OVERRIDABLE,
    )
    start: IntProperty(name="Start", description="Frame of the scene at which the motion begins", update=_play, override=_OVERRIDABLE)
    speed: FloatProperty(
        name="Speed",
        description="1 plays the motion as fast as the video was, 2 twice as fast",
        default=1.0,
        min=0.01,
        soft_min=0.1,
        soft_max=4.0,
        update=_play,
        override=_OVERRIDABLE,
    )
    first: IntProperty(
        name="First", description="First frame of the motion to play, counted from 1", min=1, default=1, update=_play, override=_OVERRIDABLE
    )
    last: IntProperty(
        name="Last", description="Last frame of the motion to play; it is held after that", min=1, default=1, update=_play, override=_OVERRIDABLE
    )
    pins: CollectionProperty(
        type=Align4DPin,
        name="Kept Poses",
        description="Poses that the artist knows, for solving the motion anew around them",
        override=_OVERRIDABLE | {"USE_INSERTION"},
    )


class Align4DTag(bpy.types.PropertyGroup):
    """Ties an object to its results; saved with the object as `object.align4d`, empty on objects that Align4D has not touched."""

    id: StringProperty(name="Id", description="Identifies this object in its jobs", options={"HIDDEN"}, override=_OVERRIDABLE)
    job: StringProperty(name="Job", description="The job whose result this object shows", options={"HIDDEN"}, override=_OVERRIDABLE)
    results: CollectionProperty(
        type=Align4DResult,
        name="Results",
        description="The motions that this object can play",
        override=_OVERRIDABLE | {"USE_INSERTION"},
    )
    active: IntProperty(name="Result", description="The motion that is played", update=_switch, override=_OVERRIDABLE)
    set_aside: StringProperty(
        name="Set Aside",
        description="What an armature played before it got the motion's keyframes",
        options={"HIDDEN"},
        override=_OVERRIDABLE,
    )
    made: BoolProperty(name="Made", description="Whether this armature was made of a motion", options={"HIDDEN"}, override=_OVERRIDABLE)
    stands_for: PointerProperty(
        type=bpy.types.Object,
        name="Stands For",
        description="The armature whose bones follow this one",
        options={"HIDDEN"},
        override=_OVERRIDABLE,
    )
    still: StringProperty(name="Held Still", description="A vertex group, or a bone's, that stays where it is", override=_OVERRIDABLE)
    ground: StringProperty(name="Held on Ground", description="A vertex group, or a bone's, that stays as high as it is", override=_OVERRIDABLE)
    muted: BoolProperty(name="Mute", description="Show the mesh as it is without the motion", update=_mute, override=_OVERRIDABLE)


CLASSES = (Align4DSettings, Align4DStanding, Align4DSmoothed, Align4DPin, Align4DResult, Align4DTag)


def attach() -> None:
    """Adds `Scene.align4d` and `Object.align4d`."""
    bpy.types.Scene.align4d = PointerProperty(type=Align4DSettings)
    bpy.types.Object.align4d = PointerProperty(type=Align4DTag, override=_OVERRIDABLE)


def detach() -> None:
    """Takes them away again."""
    del bpy.types.Object.align4d
    del bpy.types.Scene.align4d
