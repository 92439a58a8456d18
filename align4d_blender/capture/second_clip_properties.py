"""What the artist chooses of a second clip, among the settings on the scene."""

# No postponed annotations here: Blender would compile each property's text anew to register it.

import bpy
from bpy.props import BoolProperty, FloatProperty, PointerProperty, StringProperty

from ..compat import RELATIVE_PATH


class SecondClip:
    """Properties of `scene.align4d`."""

    second_video: StringProperty(
        name="Video",
        description="A clip of the same motion from another side: it shows the depth that one clip leaves open",
        subtype="FILE_PATH",
        options=RELATIVE_PATH,
    )
    second_camera: PointerProperty(
        name="Camera",
        description="Where the second clip was filmed from, roughly",
        type=bpy.types.Object,
        poll=lambda _settings, item: item.type == "CAMERA",
    )
    second_find_offset: BoolProperty(
        name="Find Offset", description="Look in the clips for when the second one begins. Turn off to give it yourself", default=True
    )
    second_offset: FloatProperty(
        name="Offset", description="How much later than the first clip the second one begins; negative where it begins before", unit="TIME_ABSOLUTE"
    )
