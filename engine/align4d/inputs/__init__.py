"""What goes into a job: the reference video, its masks, the artist's meshes and their colors."""

from .asset import Asset, load_asset, weld
from .colors import colors_at
from .masks import Masks, find_masks
from .sampling import SurfaceSamples, sample_surface
from .video import Clip, load_clip

__all__ = ["Asset", "Clip", "Masks", "SurfaceSamples", "colors_at", "find_masks", "load_asset", "load_clip", "sample_surface", "weld"]
