"""The artist's own vertices in the frames of a motion."""

from __future__ import annotations

import numpy as np
import torch

from ..inputs.asset import Asset, Weld
from ..motion.hexplane import HexPlaneField
from ..motion.skeleton import Motion
from ..motion.skinning import Skin
from .binding import bind_points
from .relaxing import Relaxation, RelaxingSettings


class FrameBake:
    """Bakes one frame at a time.

    Args:
        asset: the mesh.
        welded: the same.
        skin: of its vertices.
        field: what they do beyond what the parts do, in the rest pose.
        known_frame: the frame that shows the rest pose, in which they do nothing beyond; None where no frame does.
        relaxing: settings.
    """

    def __init__(self, asset: Asset, welded: Weld, skin: Skin, field: HexPlaneField, known_frame: int | None, relaxing: RelaxingSettings) -> None:
        self.asset, self.skin, self.field, self.known_frame = asset, skin, field, known_frame
        self.binding, self.relaxation = bind_points(asset), Relaxation(welded, relaxing)
        self.rest = torch.from_numpy(asset.vertices).to(skin.weights.device)

    @torch.no_grad()
    def vertices(self, motion: Motion, frame: int) -> np.ndarray:
        """(V, 3) float32 of the asset's vertices in a frame of `motion`, edges relaxed."""
        displaced = (
            self.rest
            if frame == self.known_frame
            else self.rest + self.field.centers_at(self.rest, torch.tensor([frame], device=self.rest.device))[0]
        )
        return self.relaxation.relax(self.skin.move(motion.frame(frame), displaced)[0].cpu().numpy())

    def points(self, vertices: np.ndarray) -> np.ndarray:
        """(B, 3) float32 of the bake points where the asset's vertices stand at (V, 3)."""
        return self.binding.follow(self.asset.triangles, vertices)
