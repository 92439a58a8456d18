"""What goes into a job: the reference video, its masks, the artist's meshes and their colours."""

from .asset import Asset, load_asset, weld
from .colours import colours_at
from .masks import Masks, find_masks
from .sampling import SurfaceSamples, sample_surface
from .video import Clip, load_clip

__all__ = ["Asset", "Clip", "Masks", "SurfaceSamples", "colours_at", "find_masks", "load_asset", "load_clip", "sample_surface", "weld"]
