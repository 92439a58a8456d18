"""What of a mesh moves as one, how it hangs together, and how far it may turn."""

from __future__ import annotations

import numpy as np

from ..inputs.asset import Asset, weld
from ..inputs.bone_limits import BoneLimits
from ..motion.armature import armature_of
from ..motion.bones import parts_of_bones
from ..motion.joint_limits import JointLimits, limits_between
from ..motion.parts import Parts, find_parts, parts_for_posing
from ..motion.skeleton import Skeleton, build_skeleton
from ..motion.surface_graph import SurfaceGraph, build_surface_graph
from .settings import Settings

LIMITS_UNKNOWN = "The limits of the bones are not kept: bones move less than half of the mesh, so it was cut into parts by its shape."


class Articulation:
    """As the artist rigged the mesh, or else as its shells and its shape tell."""

    def __init__(self, asset: Asset, settings: Settings) -> None:
        self.welded = welded = weld(asset)
        self.surface: SurfaceGraph = build_surface_graph(welded.vertices, welded.triangles)
        rigged = None
        if asset.rig is not None:
            rigged = parts_of_bones(self.surface, settings.parts, asset.vertices, asset.rig.weights)
        self.rigged = rigged is not None
        self.parts: Parts = rigged or find_parts(self.surface, settings.parts)
        armature = None
        self.limits: JointLimits | None = None
        if asset.rig is not None and rigged is not None and rigged.bones is not None:
            armature = armature_of(
                rigged.bones,
                np.bincount(rigged.label, self.surface.area, rigged.count),
                asset.rig.names,
                asset.similarity.apply(asset.rig.head),
                asset.rig.parent,
            )
            if asset.limits is not None:
                self.limits = joint_limits(asset.limits, [asset.rig.names[bone] for bone in rigged.bones])
        self.skeleton: Skeleton = build_skeleton(self.surface, self.parts, armature)
        self._settings = settings.parts

    def parts_for_posing(self) -> Parts:
        """The parts with the weights of an armature: the artist's own, or those of one that is made for the mesh."""
        return self.parts if self.rigged else parts_for_posing(self.surface, self.parts, self._settings)


def joint_limits(limits: BoneLimits, bones: list[str]) -> JointLimits | None:
    """The limits of parts that are `bones`; None where these have none. A bone that is no part goes with the one above it."""
    number = {bone: part for part, bone in enumerate(bones)}
    above = [next((number[one] for one in limits.above.get(bone, ()) if one in number), len(bones)) for bone in bones]
    own = [one for one in limits.limits if one.bone in number]
    if not own:
        return None
    part = [number[one.bone] for one in own]
    against = [above[one] if limit.against_parent else len(bones) for one, limit in zip(part, own, strict=True)]
    columns = (np.stack([getattr(one, name) for one in own]) for name in ("frame", "stand", "axes", "low", "high"))
    return limits_between(np.array(above), np.array(part), np.array(against), *columns)
