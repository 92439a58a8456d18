"""What goes into a job: the reference video, its masks, the artist's meshes and their colours."""

from align4d.inputs.asset import Asset, load_asset, weld
from align4d.inputs.colours import colours_at
from align4d.inputs.masks import Masks, find_masks
from align4d.inputs.sampling import SurfaceSamples, sample_surface
from align4d.inputs.video import Clip, load_clip

__all__ = ["Asset", "Clip", "Masks", "SurfaceSamples", "colours_at", "find_masks", "load_asset", "load_clip", "sample_surface", "weld"]
