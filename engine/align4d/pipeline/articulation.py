"""What of a mesh moves as one, and how it hangs together."""

from __future__ import annotations

from ..inputs.asset import Asset, weld
from ..motion.bones import parts_of_bones
from ..motion.parts import Parts, find_parts
from ..motion.skeleton import Skeleton, build_skeleton
from ..motion.surface_graph import SurfaceGraph, build_surface_graph
from .settings import Settings


class Articulation:
    """As the artist rigged the mesh, or else as its shells and its shape tell."""

    def __init__(self, asset: Asset, settings: Settings) -> None:
        self.welded = welded = weld(asset)
        self.surface: SurfaceGraph = build_surface_graph(welded.vertices, welded.triangles)
        rigged = None
        if asset.bone_weights is not None:
            rigged = parts_of_bones(self.surface, settings.parts, asset.vertices, asset.bone_weights)
        self.rigged = rigged is not None
        self.parts: Parts = rigged or find_parts(self.surface, settings.parts)
        self.skeleton: Skeleton = build_skeleton(self.surface, self.parts)
