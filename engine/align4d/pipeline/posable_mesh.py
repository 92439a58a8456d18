"""The mesh in a pose, as a camera sees it: its exact outline, and the colors that its Gaussians have learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..alignment.animated_asset import AnimatedAsset
from ..alignment.posed_asset import posed_asset
from ..inputs.asset import Asset
from ..inputs.cutout.mesh_view import MeshView
from ..motion.skeleton import Motion
from ..motion.skinning import Skin
from ..rendering import Cameras
from ..rendering.zbuffer import render_surface

FINER = 2
"""Samples per pixel of the outline, along each side."""
LEAST_ALPHA = 0.05
"""Coverage by Gaussians below which their color is not divided by it."""


@dataclass(frozen=True)
class PosableMesh:
    """Attributes:
    asset: the mesh; skin: how its vertices follow the parts.
    animated: its Gaussians.
    """

    asset: Asset
    skin: Skin
    animated: AnimatedAsset

    def seen(self, motion: Motion, world_to_camera: np.ndarray, intrinsics: np.ndarray, size: tuple[int, int]) -> MeshView:
        """In the one frame of `motion`, by a camera (4, 4) with `intrinsics` (3, 3), in a picture of `size`, height and width.

        Gaussians cover thin limbs in part only: the outline is the mesh's own.
        """
        height, width = size
        posed = posed_asset(self.asset, self.skin, motion)
        finer = np.diag([FINER, FINER, 1]) @ intrinsics
        surface = render_surface(posed.vertices, posed.triangles, world_to_camera, finer, (FINER * height, FINER * width))
        coverage = (surface.triangle >= 0).reshape(height, FINER, width, FINER).mean(axis=(1, 3), dtype=np.float32)
        with torch.no_grad():
            shown = self.animated.perform(motion)
            viewmat, matrix = (torch.from_numpy(one).to(shown.means)[None] for one in (world_to_camera, intrinsics))
            picture = self.animated.render(shown, Cameras(viewmat, matrix), size)
        alpha, color = (one[0].permute(1, 2, 0).cpu().numpy() for one in (picture.alpha, picture.color))
        return MeshView(coverage, 255 * ((color - (1 - alpha)) / np.maximum(alpha, LEAST_ALPHA)).clip(0, 1))
