"""Whether distillation, as the method uses it, moves a wrong pose towards the true one where the video does not see it.

The experiment: Gaussians that are fitted to an asset at rest are moved as the true mesh of some frames of the clip, and bent
at random. A lattice for each frame, which could unbend it, is optimized: by the video's own view alone (eq. 6), or with
the unknown views beside it (eq. 10) as the engine has them by default. The Gaussians themselves stay the asset's. The measure
is how true four held-out views and the depth then are. Only the score and the random start know the true motion.

The video's own view is that of the Gaussians in the true pose: so few of them have other outlines than the mesh, and a body that is
moved until its outlines are the mesh's leaves its true depth without any prior. What the prior is shown is the video of the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from align4d.alignment.guidance import GuidanceSettings
from align4d.alignment.known_views import PAPER, KnownViewLoss
from align4d.alignment.motion_geometry import MotionGeometryLoss, MotionGeometrySettings
from align4d.alignment.novel_views import NovelDistances, NovelViews, NovelViewSettings
from align4d.alignment.video_conditions import FramedVideo, frame_video
from align4d.cameras.orbit import Orbit, intrinsics_for
from align4d.pipeline.settings import TEACHABLE
from align4d.priors.prior import MultiviewPrior

from . import cameras
from .cloud import Clouds, bend, fit_clouds, lattice_weights, views_of
from .judge import batch_size, psnr
from .subjects import AssetSubjects, Case, as_tensor

FRAMES = (1, 3, 5)
"""Of the case's eight; the first is the asset at rest."""

BENDS = 2
"""Random starts of each frame."""

STEPS, VIEWS, RATE = 60, 2, 4e-3
REFRAME = 10
"""Steps from one look at where the bent object's middle is to the next."""

METHOD = TEACHABLE.unknown
WAYS: dict[str, MotionGeometrySettings | None] = {
    "video": None,
    "motion": replace(METHOD, against="noise"),
    "published": MotionGeometrySettings(),
    "method": METHOD,
    "steady": replace(METHOD, falls=0.0),
    "light": replace(METHOD, falls=0.0, weight=0.1),
    "little noise": replace(METHOD, falls=0.0, guidance=GuidanceSettings(first_timestep=500, last_timestep=100)),
}
"""By the video alone; with the plain motion term (eq. 7) as well; with eqs. 7-9 as two terms; as the engine has it; the same with a weight
that does not fall, with a smaller one, and at less noise."""

NEIGHBORS = 4
"""Vertices whose mean motion a Gaussian follows."""

WANTED_GAIN = 0.5
"""Of the held-out views [dB]."""


@dataclass(frozen=True)
class Bent:
    """Gaussians of n frames in their true poses, to be bent by lattices.

    Attributes:
        clouds: in the true poses; rest: the same Gaussians at rest.
        frames: (n,) int64, which of the case's frames each is.
        weights: (n, N, points) of the lattices.
        start: (n, points, 3) the random lattices.
    """

    clouds: Clouds
    rest: Clouds
    frames: Tensor
    weights: Tensor
    start: Tensor

    def means(self, lattice: Tensor) -> Tensor:
        """(n, N, 3) bent by lattices (n, points, 3)."""
        return self.clouds.means + self.weights @ lattice


def perturbed(prior: MultiviewPrior, assets: AssetSubjects) -> dict[str, Any]:
    """Per case the figures of the start ("bent") and of each of WAYS, see `case_perturbed`; in how many cases `better` holds."""
    clouds = fit_clouds(assets)
    cases = {case.name: case_perturbed(prior, case, clouds.some(slice(index, index + 1))) for index, case in enumerate(assets.cases)}
    return {"better": sum(better(case) for case in cases.values()), "cases": cases}


def better(ways: dict[str, dict[str, float]]) -> bool:
    """Whether the method's held-out views are better than the video's own by WANTED_GAIN, and its depth by anything."""
    method, video = ways["method"], ways["video"]
    return method["psnr"] - video["psnr"] >= WANTED_GAIN and method["depth"] < video["depth"]


def case_perturbed(prior: MultiviewPrior, case: Case, cloud: Clouds) -> dict[str, dict[str, float]]:
    """Means over frames and starts: `psnr` of four held-out views [dB]; `depth`, by how much Gaussians are too near or far for the video [%]."""
    bent = bent_frames(case, cloud)
    held_out = views_of(cameras.around(case.camera, cameras.HELD_OUT_AZIMUTHS).repeat(len(bent.frames), 0).reshape(-1, 3), prior.device)
    forward = views_of(case.camera[None], prior.device).cameras(cameras.FOVY, prior.facts.size).viewmats[0, 2, :3]

    @torch.no_grad()
    def score(lattice: Tensor) -> dict[str, float]:
        shown, true = (bent.clouds.render(means, held_out, prior.facts.size) for means in (bent.means(lattice), bent.clouds.means))
        depth = ((bent.weights @ lattice) @ forward).abs().mean()
        return {"psnr": float(psnr(shown, true).mean()), "depth": 100 * float(depth)}

    return {"bent": score(bent.start), **{way: score(unbent(prior, case, bent, settings)) for way, settings in WAYS.items()}}


def bent_frames(case: Case, cloud: Clouds) -> Bent:
    """FRAMES of a case, each BENDS times, from the asset's Gaussians `cloud` (one object)."""
    rest = cloud.means[0].cpu().numpy()
    distance, nearest = cKDTree(case.vertices[0]).query(rest, k=NEIGHBORS)
    share = 1 / (distance + 1e-4)
    moved = ((case.vertices - case.vertices[0])[:, nearest] * (share / share.sum(1, keepdims=True))[..., None]).sum(2)
    frames = torch.tensor(FRAMES).repeat(BENDS)
    means = torch.from_numpy((rest + moved)[frames.numpy()].astype(np.float32)).to(cloud.means)
    still = cloud.repeat(len(frames))
    weights = lattice_weights(means)
    return Bent(Clouds(means, still.scales, still.opacities, still.colors), still, frames.to(means.device), weights, bend(weights, 0))


def unbent(prior: MultiviewPrior, case: Case, bent: Bent, settings: MotionGeometrySettings | None) -> Tensor:
    """The lattices (n, points, 3) after optimization."""
    device, size, count = prior.device, prior.facts.size, len(bent.frames)
    known, own = KnownViewLoss(PAPER), views_of(np.repeat(case.camera[None], count, axis=0), device)
    with torch.no_grad():
        video = bent.clouds.rendering(bent.clouds.means, own, size)
    unknown = None if settings is None else unknown_views(prior, case, bent.frames, settings)
    generator, each = torch.Generator(device).manual_seed(0), torch.arange(count, device=device)
    lattice = bent.start.clone().requires_grad_()
    optimizer = torch.optim.Adam([lattice], lr=RATE)
    for step in range(STEPS):
        means = bent.means(lattice)
        picture = bent.clouds.rendering(means, own, size)
        loss = (step + 1) / STEPS * known(picture.color, picture.alpha, video.color, video.alpha)
        if unknown is not None:
            if step % REFRAME == 0:
                unknown.video = framed_video(prior, case, bent.frames, middle(means.detach()))
            views = unknown.draw(each, generator)
            asset = still_pictures(bent, views, size) if unknown.settings.needs_asset else None
            loss = loss + unknown(bent.clouds.render(means, views, size), asset, each, views, step / STEPS, generator).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return lattice.detach()


def unknown_views(prior: MultiviewPrior, case: Case, frames: Tensor, settings: MotionGeometrySettings) -> MotionGeometryLoss:
    """The engine's loss of the n `frames`, with novel views from the distance of the video's camera."""
    guidance = replace(settings.guidance, batch=batch_size(prior.device))
    few = replace(settings, views=NovelViewSettings(count=VIEWS), guidance=guidance)
    at_rest = torch.zeros(len(frames), 3, device=prior.device)
    # the clip begins with the asset at rest
    rest = framed_video(prior, case, torch.zeros_like(frames[:1]), at_rest[:1])
    return MotionGeometryLoss(prior, framed_video(prior, case, frames, at_rest), NovelDistances(), few, rest)


def framed_video(prior: MultiviewPrior, case: Case, frames: Tensor, middles: Tensor) -> FramedVideo:
    """The case's `frames` (n,) as the prior sees them about `middles` (n, 3)."""
    size = case.frames.shape[1]
    intrinsics = intrinsics_for(cameras.FOVY, size, size)
    elevation, azimuth, distance = (float(value) for value in case.camera)
    color, alpha = as_tensor(case.frames, prior.device)[frames], (torch.from_numpy(case.coverage).to(prior.device) / 255)[frames, None]
    return frame_video(prior, color, alpha, intrinsics, Orbit(azimuth, elevation, distance, fovy=cameras.FOVY), middles)


def middle(means: Tensor) -> Tensor:
    """(n, 3) of the boxes around means (n, N, 3)."""
    return (means.amax(1) + means.amin(1)) / 2


@torch.no_grad()
def still_pictures(bent: Bent, views: NovelViews, size: int) -> Tensor:
    """The asset at rest from the views' sides, about its own middle."""
    return bent.rest.render(bent.rest.means, views.at(torch.zeros_like(views.target[0])), size)
