"""What the motion prior says of depth, as a cost of poses and as a start for them.

One camera hardly shows how far a limb has come towards it. `lifting` has seen how bodies move and tells depth from the tracks in the
picture, with how sure it is of it. Where it is sure, its word stands in the place of the price of moving in depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..lifting.lift import TrackedSurface, choose_points, lift, viewpoint
from ..lifting.network import DepthModes, Lifter
from ..lifting.tokens import project
from ..motion.skeleton import Motion
from ..motion.triangles import triangle_frames
from .animated_asset import AnimatedAsset
from .standing_place import turned_rest

INDEPENDENT_FRAMES = 6.0
"""As many frames count as independent when the modes of a point compete, as in the network's training."""

LEAST_SPREAD = 0.004
"""The prior is taken to be no surer than this [longest sides]."""

UNSURE = 0.04
"""A spread from which the prior is taken to know nothing, not even that there is little depth [longest sides]."""

ASIDE = 0.003
"""What the prior has said of a motion it says of another one whose places are as near to it in the picture, in the mean [longest sides]."""


@dataclass(frozen=True)
class LiftedDepthSettings:
    """Attributes:
    weight: cost of a depth that is less likely by a factor of e than the likeliest, in the mean over the surface; 0: no motion prior.
    points: of the surface that the prior is asked about.
    rounds: how often it is asked at most: again as the tracks improve, where that shows in the picture.
    fit_iterations: steps in which poses are fitted to the prior's depth, before they see the video again.
    fit_rate, fit_last_rate: of these, as in `TrackingSettings`.
    in_view: how far a fitted pose may leave the track in the picture before that costs as much as a depth that the prior finds unlikely
        [longest sides].
    """

    weight: float = 0.03
    points: int = 384
    rounds: int = 2
    fit_iterations: int = 100
    fit_rate: float = 0.03
    fit_last_rate: float = 0.002
    in_view: float = 0.004


class LiftedDepth:
    """The prior's word on a motion, once it was asked."""

    modes: DepthModes
    """(T, N, M) and (N, M): of every frame."""

    asked: Tensor | None = None
    """(T, N, 2) where in the picture the points were that it was last asked about."""

    def __init__(
        self,
        network: Lifter,
        animated: AnimatedAsset,
        world_to_camera: np.ndarray,
        fps: float,
        settings: LiftedDepthSettings,
        seed: int,
        left_open: Tensor | None = None,
        turned: Tensor | None = None,
    ) -> None:
        """
        Args:
            network: of `load_lifter`, on the device of the asset.
            fps: of the video.
            seed: of the choice of points.
            left_open: (T,) how much of a frame's depth the clips leave open, see `view.open_depth`; None: all of it.
            turned: (3,) rotation vector by which the body lies in the clip otherwise than the mesh; None: as the mesh.
        """
        self.network, self.fps, self.settings, self.left_open = network, fps, settings, left_open
        bound = animated.bound
        chosen = choose_points(bound.means.cpu().numpy(), bound.triangle.cpu().numpy(), settings.points, seed)
        self.index = torch.from_numpy(chosen).to(bound.means.device)
        self.surface = animated.part(self.index)
        self.camera = viewpoint(world_to_camera).to(bound.means.device)
        self.rest, self.rest_normals = turned_rest(self.surface.bound, bound.means.new_zeros(3) if turned is None else turned)
        self.rest_depth = self.camera.see(self.rest)[..., 2]

    @torch.no_grad()
    def ask(self, motion: Motion) -> None:
        """Asks about a motion of all frames: the prior goes by its places in the picture."""
        corners = self.surface.corners(motion)
        frames = triangle_frames(corners)
        places = self.surface.rest.places(corners, frames)
        tracked = TrackedSurface(self.rest, self.rest_normals, places, self.surface.normals(frames))
        self.asked = self.in_picture(places)
        found = lift(self.network, tracked, self.camera, self.fps, trusted=False)
        spread, log_share = found.spread[0].clamp_min(LEAST_SPREAD), found.log_share[0]
        believed = _believed(found.depth[0], spread, log_share)
        self.modes = DepthModes(believed * found.depth[0], _surer(spread, believed).clamp_min(LEAST_SPREAD), log_share)

    @torch.no_grad()
    def answer(self, motion: Motion) -> None:
        """As `ask`, where what it was asked last was not nearly the same; in the place of the last answer: recorded steps read it there."""
        corners = self.surface.corners(motion)
        places = self.in_picture(self.surface.rest.places(corners, triangle_frames(corners)))
        if self.asked is None:
            self.ask(motion)
        elif float((places - self.asked).norm(dim=-1).mean()) > ASIDE:
            last, kept = self.told(), (self.modes, self.asked)
            self.ask(motion)
            for one, new in zip(last, self.told(), strict=True):
                one.copy_(new)
            self.modes, self.asked = kept

    def told(self) -> list[Tensor]:
        """All that the last question has left, themselves."""
        assert self.asked is not None
        return [*vars(self.modes).values(), self.asked]

    def in_picture(self, places: Tensor) -> Tensor:
        """(T, N, 2) [longest sides] of places (T, N, 3)."""
        return project(self.camera.see(places)[None], places.new_full((1,), self.camera.distance))[0][0]

    @torch.no_grad()
    def depth(self, motion: Motion) -> Tensor:
        """(T, N) how far its points have moved away from the camera in a motion."""
        corners = self.surface.corners(motion)
        return self.camera.see(self.surface.rest.places(corners, triangle_frames(corners)))[..., 2] - self.rest_depth

    def apart(self, motion: Motion) -> float:
        """How far the depth of a motion is from what the prior tells, in all the motion's depth; 0: they say the same."""
        told, moved = (self.modes.depth * self.modes.log_share.exp()).sum(-1), self.depth(motion)
        return float((told - moved).abs().mean() / moved.abs().mean().clamp_min(LEAST_SPREAD))

    def price(self, points: Tensor, frames: Tensor) -> Tensor:
        """A number: how unlikely the prior finds the points of `index` at places (F, N, 3) in the given frames."""
        moved = self.camera.see(points)[..., 2] - self.rest_depth
        depth, spread = (one.index_select(0, frames) for one in (self.modes.depth, self.modes.spread))
        level = spread.log().mean(0)
        off = (1 + ((moved[..., None] - depth) / spread) ** 2).sqrt() - 1
        if self.left_open is not None:
            off = off * self.left_open.index_select(0, frames)[:, None, None]
        off = off.mean(0)
        return self.settings.weight * (self._mixed(off + level) - self._mixed(level)).mean()

    def pull(self, points: Tensor) -> Tensor:
        """A number: how far the points of `index` at places (T, N, 3) are from the depth that the modes have in the mean, in all frames.

        Unlike `price` it knows no second mode, so that nothing stays bent the wrong way because it was so.
        """
        share = self.modes.log_share.exp()
        depth, spread = ((one * share).sum(-1) for one in (self.modes.depth, self.modes.spread))
        off = (self.camera.see(points)[..., 2] - self.rest_depth - depth) / spread
        return self.settings.weight * ((1 + off**2).sqrt() - 1).mean()

    def _mixed(self, each: Tensor) -> Tensor:
        """(N,) negative logarithm of the mixture, a frame, of that of each mode (N, M)."""
        return -(self.modes.log_share - INDEPENDENT_FRAMES * each).logsumexp(-1) / INDEPENDENT_FRAMES

    def doubt(self, frames: Tensor, reach: float) -> Tensor:
        """(F, N) in [0, 1]: half where the prior's spread is `reach`."""
        spread = (self.modes.spread * self.modes.log_share.exp()).sum(-1).index_select(0, frames)
        return spread / (spread + reach)


def _believed(depth: Tensor, spread: Tensor, log_share: Tensor) -> float:
    """In [0, 1]: how much of the depth that the prior tells (T, N, M) is believed, by as much as it is more than its own spread.

    Errors of tracks lean a body out of the plane in which it moves. Where all that the prior tells is no more than it may be off by,
    as of one that runs across the picture, it tells little else than these.
    """
    told, doubt = (float((one * log_share.exp()).sum(-1).square().mean()) for one in (depth, spread))
    return 1 / (1 + (doubt / max(told, 1e-12)) ** 4)


def _surer(spread: Tensor, believed: float) -> Tensor:
    """The spread (T, N, M) of what is left of a depth of which so much is believed.

    That a body hardly moves in depth the prior knows better than how it does. Where its spread is large it knows neither.
    """
    share = believed**0.5
    return spread * (share + (1 - share) * spread / (spread + UNSURE))
