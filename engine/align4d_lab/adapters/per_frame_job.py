"""A job of the preset Paper by the per-frame method in the place of the engine's own optimization: its row in the tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from align4d.bake.binding import bind_points
from align4d.inputs.asset import Asset
from align4d.job.reporting import Reporter
from align4d.pipeline.paper import PaperJob, Shot
from align4d.priors.prior import MultiviewPrior
from align4d.protocol import Result, read_request

from .per_frame import Borrowed, Footage, PerFrameMethod, PerFrameSettings

NEIGHBORS = 4
"""Gaussians whose mean motion a vertex follows."""


def animate_frame_by_frame(folder: Path, report: Reporter, borrowed: Borrowed) -> Result:
    """Runs the job of `folder`, whose mesh, video, camera and prior are read as for the preset Paper.

    Raises:
        EngineError: what the user can act on.
        Cancelled: the user cancelled.
    """
    job = PaperJob(folder, read_request(folder), report)
    with job.stage("reading"):
        asset, clip = job.read_inputs()
        job.settle_budget()
        prior = job.read_prior(online=False)
    job.paper = replace(job.paper, align_distance=borrowed.distances)
    clip, masks, bound, solved = job.up_to_camera(asset, clip)
    with job.stage("distance"):
        shot = job.shot(asset, bound, clip, masks, solved, prior)
        method = method_of(job, shot, prior, borrowed)
    with job.stage("optimizing"):
        method.run()
    with job.stage("baking"):
        positions = bind_points(asset).follow(asset.triangles, followed(asset, method))
        return job.write(asset, clip, positions, solved, method.camera, {"gaussians": float(len(method.asset.means))}, {})


def method_of(job: PaperJob, shot: Shot, prior: MultiviewPrior, borrowed: Borrowed) -> PerFrameMethod:
    """The method as the job's settings have the paper's optimization: as many iterations, views as large, the same lesson."""
    scene, settings = shot.scene, job.paper.optimization
    reference = scene.reference
    own = PerFrameSettings(
        iterations=settings.iterations, novel_size=settings.novel_resolutions[0], unknown=settings.unknown, multiview=job.paper.multiview
    )
    footage = Footage(reference.color, reference.alpha, reference.intrinsics, scene.camera)
    return PerFrameMethod(scene.asset, footage, prior, own, borrowed, job.request.seed)


def followed(asset: Asset, method: PerFrameMethod) -> np.ndarray:
    """(T, V, 3) where the asset's vertices are in each frame: each goes as the Gaussians around it do in the mean."""
    rest = method.asset.means.cpu().numpy()
    distance, nearest = cKDTree(rest).query(asset.vertices, k=min(NEIGHBORS, len(rest)))
    share = 1 / (distance + 1e-4)
    share /= share.sum(1, keepdims=True)
    return np.stack([asset.vertices + np.einsum("vk,vkc->vc", share, _moved(one, method.asset.means)[nearest]) for one in method.centers])


def _moved(centers: Tensor, rest: Tensor) -> np.ndarray:
    with torch.no_grad():
        return (centers - rest).cpu().numpy()
