"""The asset's Gaussians in the poses of a motion and in the light of the video."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..gaussians.surface_bound import LOW_PASS, BoundGaussians
from ..motion.skeleton import Motion
from ..motion.skinning import Skin, rotate
from ..rendering import Cameras, Gaussians, Rendering, rasterize
from .lighting import Lighting


@dataclass(frozen=True)
class Performer:
    """Attributes:
    bound: Gaussians in the rest pose.
    skin: how they follow the parts.
    albedo: (N, 3) linear RGB.
    lighting: of the video.
    backend: of the rasteriser.
    """

    bound: BoundGaussians
    skin: Skin
    albedo: Tensor
    lighting: Lighting
    backend: str

    def __post_init__(self) -> None:
        # here and not in every step: a copy to the GPU makes the processor wait, and cannot be recorded
        object.__setattr__(self, "lighting", self.lighting.to(self.albedo.device))

    def perform(self, motion: Motion, rest: Tensor | None = None) -> Gaussians:
        """Gaussians of each frame of `motion`: moved, turned and shaded by the way they now face.

        Args:
            motion: T frames.
            rest: rest centres (N, 3) or (T, N, 3) in the place of the bound ones.
        """
        matrices, offsets = self.skin.blend(motion)
        centres = self.bound.centres if rest is None else rest
        moved = rotate(matrices, centres) + offsets
        normals = torch.nn.functional.normalize(rotate(matrices, self.bound.normals), dim=-1)
        colors = self.lighting.shade(self.albedo, normals)
        return Gaussians(moved, self.skin.turn(motion, self.bound.rotations), self.bound.scales, self.bound.opacities, colors)

    def render(self, gaussians: Gaussians, cameras: Cameras, size: tuple[int, int]) -> Rendering:
        """Pictures of the frames, one camera each, on white."""
        return rasterize(gaussians, cameras, size, backend=self.backend, low_pass=LOW_PASS)
