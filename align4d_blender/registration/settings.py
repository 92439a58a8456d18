"""Settings on the scene: what the artist chooses before pressing Generate."""

# No postponed annotations here: Blender would compile each property's text anew to register it.

from contextlib import suppress

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, FloatVectorProperty, IntProperty, StringProperty

from ..capture.second_clip_properties import SecondClip
from ..compat import RELATIVE_PATH
from ..errors import UserError


def _ask_plan(_settings: "Align4DSettings", context: bpy.types.Context) -> None:
    """What a job would take is looked up as soon as another kind of job is chosen."""
    from ..jobs import plan

    with suppress(UserError):  # without an engine the panel says so
        if not bpy.app.background:
            plan.ask_plan(context)


def _look_at_clip(_settings: "Align4DSettings", context: bpy.types.Context) -> None:
    """What a clip needs, and what is bad about it, is said as soon as it or a range of it is chosen."""
    from ..capture import clip_check, clip_report

    if not bpy.app.background:
        clip_check.look(context.scene)
        with suppress(UserError):  # without an engine the panel says so
            clip_report.ask_about(context.scene)


def _known_priors(_settings: "Align4DSettings", _context: bpy.types.Context | None, _typed: str) -> list[str]:
    """What is offered for the multiview prior, as far as the engine has told of its models."""
    from ..runtime import models

    try:
        return [model["id"] for model in models.known() if model["role"] == models.PRIOR and model["source"]]
    except UserError:  # without an engine the panel says so
        return []


class Align4DSettings(SecondClip, bpy.types.PropertyGroup):
    """What the artist chooses before pressing Generate; saved with the scene as `scene.align4d`."""

    given: EnumProperty(
        name="Motion From",
        description="What says how it moves",
        items=(
            ("VIDEO", "Video", "A video of yours"),
            ("IMAGE", "Image", "A picture of the object, of which a video is made"),
            ("TEXT", "Text", "Words, of which a picture and a video are made"),
        ),
        default="VIDEO",
        update=_ask_plan,
    )
    asset: EnumProperty(
        name="Moves",
        description="What is animated",
        items=(
            ("MESH", "Selected Mesh", "Your own mesh, as it is"),
            ("GAUSSIANS", "Gaussians", "A .ply of Gaussians; a mesh is made of it"),
            ("NONE", "New Asset", "A 3D asset is made of the picture, or of the video's first frame"),
        ),
        default="MESH",
        update=_ask_plan,
    )
    image: StringProperty(
        name="Image",
        description="A picture of the whole object, best with transparency or on a plain background",
        subtype="FILE_PATH",
        options=RELATIVE_PATH,
    )
    prompt: StringProperty(name="Text", description="What you want to see, in English", update=_ask_plan)
    gaussian_asset: StringProperty(
        name="Gaussians", description="A .ply of Gaussians, as 3D Gaussian splatting writes it", subtype="FILE_PATH", options=RELATIVE_PATH
    )
    video: StringProperty(
        name="Video",
        description="The reference: a movie file, or the first image of a sequence (or the folder that holds it)",
        subtype="FILE_PATH",
        options=RELATIVE_PATH,
        update=_look_at_clip,
    )
    box: FloatVectorProperty(
        name="Box",
        description="Around the object in the video's first frame: left, top, right and bottom in parts of the frame; all 0 without one",
        size=4,
        min=0.0,
        max=1.0,
    )
    boxed: StringProperty(name="Boxed", description="The video that the box was drawn in", subtype="FILE_PATH", options={"HIDDEN"} | RELATIVE_PATH)
    masks: StringProperty(
        name="Masks",
        description="The object's mask in each frame, instead of what is cut out: an image sequence with alpha, or white on black",
        subtype="FILE_PATH",
        options=RELATIVE_PATH,
    )
    first: IntProperty(
        name="First", description="First frame of the video to use, counted from 1; 0 starts at the beginning", min=0, default=0, update=_look_at_clip
    )
    last: IntProperty(
        name="Last", description="Last frame of the video to use, counted from 1; 0 goes up to the end", min=0, default=0, update=_look_at_clip
    )
    sequence_fps: FloatProperty(
        name="Frame Rate",
        description="Frames a second of the image sequence; 0 takes the scene's",
        min=0,
        max=1000,
        soft_max=120,
        default=0,
    )
    preset: EnumProperty(
        name="Quality",
        description="How much time to spend",
        items=(
            ("draft", "Draft", "A quick look: coarse motion, in a fraction of the time"),
            ("artist", "Artist", "Good motion in a few minutes, without a graphics card too"),
            ("paper", "Paper", "The published method, for comparison. Slow without a graphics card"),
        ),
        default="artist",
    )
    prior: StringProperty(
        name="Prior",
        description="What tells the preset Paper of the sides that the video does not show: a model of the preferences, or the folder of one. "
        "Empty: the built-in one",
        search=_known_priors,
        search_options={"SUGGESTION"},
    )
    form: EnumProperty(
        name="Comes As",
        description="What a motion is when it arrives; Make Keyframes and Back to Point Cache change it at any time",
        items=(
            ("KEYFRAMES", "Keyframes", "Keyframes on the mesh's own armature; a point cache where it has none"),
            ("CACHE", "Point Cache", "Every vertex of every frame, exactly as it was found"),
        ),
        default="KEYFRAMES",
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
    start_at: EnumProperty(
        name="Start At",
        description="Where on the timeline the motion begins",
        items=(
            ("PLAYHEAD", "Playhead", "At the frame that is shown when you press Generate"),
            ("SCENE", "Scene Start", "At the first frame of the scene's range"),
        ),
        default="PLAYHEAD",
    )
    seed: IntProperty(name="Seed", description="Another seed gives another variation; the same seed gives the same result", min=0, default=0)
    gaussians: BoolProperty(
        name="Write Gaussians",
        description="Bring the Gaussians of every frame as well, in the colors of the video, as .ply files that other programs can open",
        default=False,
    )
    overrides: StringProperty(
        name="Overrides",
        description='Single settings of the engine, for experiments, as JSON: {"tracking.iterations": 40}',
        options={"HIDDEN"},
    )
