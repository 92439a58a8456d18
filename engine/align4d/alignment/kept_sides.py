"""Gaussians that may learn all that they are keep their looks on the sides that no video shows."""

from __future__ import annotations

import torch
from torch import Tensor

from ..cameras.orbit import intrinsics_for
from ..gaussians.learned import LearnedGaussians
from ..motion.hexplane import Offsets
from ..rendering import Cameras, rasterize
from .known_views import PAPER, KnownViewLoss
from .novel_views import STEEPEST, orbit_matrices
from .scene import Scene
from .video_conditions import middles

BESIDE = 60.0
"""Degrees of azimuth from the video's camera at which a side begins that it hardly shows."""

TILT = 30.0
"""Views stand as much above or below the video's camera, at most [degrees]."""

FOVY, DISTANCE = 49.1, 1.5
"""Of the views: the asset fills most of their pictures [degrees, longest sides]."""

VIEWS = 2
"""Drawn in each iteration."""


class KeptSides:
    """How much the Gaussians at rest look otherwise than the asset, from random sides that the video does not show.

    The video's own view leaves open how deep a Gaussian reaches and what is behind it; the asset says both. Eq. 8 means the same and
    asks a prior, which sees the asset in the way that it sees any picture; here its pictures themselves are compared.

    Args:
        scene: the asset, and the video's camera.
        size: side of the pictures [px].
    """

    def __init__(self, scene: Scene, size: int) -> None:
        self.scene, self.size = scene, size
        self.middle, self.known = middles(scene.asset), KnownViewLoss(PAPER)
        like = scene.asset.means
        self.still = Offsets(*(like.new_zeros(1, 1, width) for width in (3, 3, 4)))
        self.intrinsics = torch.from_numpy(intrinsics_for(FOVY, size, size)).to(like).expand(VIEWS, 3, 3)

    def loss(self, gaussians: LearnedGaussians, generator: torch.Generator) -> Tensor:
        """A number, by the weights of eq. 6; `generator` is on the device of the Gaussians."""
        scene, cameras, size = self.scene, self._cameras(generator), (self.size, self.size)
        with torch.no_grad():
            asset = rasterize(scene.asset, cameras, size, backend=scene.backend, low_pass=scene.low_pass)
        shown = rasterize(gaussians.deformed(self.still, learning=True), cameras, size, backend=scene.backend, low_pass=scene.low_pass)
        return self.known(shown.color, shown.alpha, asset.color, asset.alpha)

    def _cameras(self, generator: torch.Generator) -> Cameras:
        turn, tilt = torch.rand(2, VIEWS, generator=generator, device=self.middle.device)
        azimuth = self.scene.camera.azimuth + BESIDE + (360 - 2 * BESIDE) * turn
        elevation = (self.scene.camera.elevation + TILT * (2 * tilt - 1)).clamp(-STEEPEST, STEEPEST)
        return Cameras(orbit_matrices(azimuth, elevation, torch.full_like(azimuth, DISTANCE), self.middle), self.intrinsics)
