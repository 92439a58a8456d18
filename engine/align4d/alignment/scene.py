"""Asset, video and camera, as the paper's optimization is given them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ..cameras.orbit import Orbit
from ..gaussians.adam import Adam, Group
from ..gaussians.learned import LearnedGaussians
from ..gaussians.riding import RidingGaussians
from ..gaussians.surface_bound import BoundGaussians
from ..priors.prior import MultiviewPrior
from ..rendering import Gaussians, rasterize
from .known_views import PAPER, KnownViewLoss
from .optimization_settings import Learns
from .reference import Reference
from .video_conditions import FramedVideo, frame_video, middles

PAINT_RATE = 2e-2
"""Of the colors, sRGB, in a step of `Scene.painted`."""


@dataclass(frozen=True)
class Scene:
    """What is given.

    Attributes:
        asset: G_3D, the Gaussians in the rest pose.
        bound: how they are bound to a mesh; None where the asset is Gaussians.
        reference: the video.
        camera: of the video, at d_V; its field of view is that of the whole frame.
        backend: of the rasterizer.
        low_pass: of the rasterizer [px^2].
    """

    asset: Gaussians
    bound: BoundGaussians | None
    reference: Reference
    camera: Orbit
    backend: str
    low_pass: float

    def painted(self, steps: int) -> Scene:
        """The scene with the asset in the colors of the first frame: Adam, `steps` times, on eq. 6 of that frame alone."""
        loss, first, cameras = KnownViewLoss(PAPER), self.reference.only(0), self.reference.cameras(self.camera.world_to_camera())
        colors = self.asset.colors.clone().requires_grad_()
        optimizer = Adam([Group([colors], PAINT_RATE)])
        for _ in range(steps):
            asset = replace(self.asset, colors=colors)
            picture = rasterize(asset, cameras, first.size, backend=self.backend, low_pass=self.low_pass)
            loss(picture.color, picture.alpha, first.color, first.alpha).backward()
            optimizer.step()
            optimizer.zero_grad()
        return replace(self, asset=replace(self.asset, colors=colors.detach().clamp(0, 1)))

    def rides(self, learns: Learns) -> bool:
        """Whether the asset's Gaussians do nothing but ride on a mesh."""
        return self.bound is not None and learns == "motion"

    def learned(self, learns: Learns, floor: float) -> RidingGaussians | LearnedGaussians:
        """The asset, as far as it learns; see `OptimizationSettings`. An asset that is Gaussians has no mesh to ride on."""
        if self.bound is not None and self.rides(learns):
            return RidingGaussians(self.bound, self.asset)
        return LearnedGaussians(self.asset, learns == "all" or (self.bound is None and learns != "appearance"), floor)


@torch.no_grad()
def film_at_rest(scene: Scene, prior: MultiviewPrior) -> FramedVideo:
    """The asset at rest as the prior sees it: one frame, from the video's camera."""
    reference, asset = scene.reference, scene.asset
    cameras = reference.cameras(scene.camera.world_to_camera(), 1)
    seen = rasterize(asset, cameras, reference.size, backend=scene.backend, low_pass=scene.low_pass)
    return frame_video(prior, seen.color, seen.alpha, reference.intrinsics, scene.camera, middles(asset)[None])
