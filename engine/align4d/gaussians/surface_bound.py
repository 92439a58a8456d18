"""Gaussians bound to the artist's mesh: flat samples of its surface, fitted so that their outline is the mesh's own.

A splat is blurred, so a cloud of splats is fatter than the mesh that it samples. An optimizer would pay for that with
depth (a wider object is a nearer one). So before anything moves, each Gaussian is moved inwards, resized and given an
opacity so that the renders agree with exact renders of the mesh.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..cameras.orbit import Orbit
from ..inputs.asset import Asset, weld
from ..inputs.colors import colors_at
from ..inputs.sampling import SurfaceSamples, sample_surface
from ..job.reporting import Reporter
from ..motion.rotations import quaternion_to_normal
from ..rendering import Cameras, Gaussians, rasterize
from ..rendering.cpu.threads import beside_each_other
from ..rendering.recorded_steps import RecordedSteps
from ..rendering.shares import summed
from ..rendering.zbuffer import render_surface
from .adam import Adam, Group

LOW_PASS = 0.1
"""Blur of the rasterizer [px^2]; less than the usual 0.3, so that outlines at small sizes stay where they are."""

WIDTH, FLATNESS, OPACITY = 0.5, 0.15, 0.95
"""Of a Gaussian on a surface: standard deviation along it in spacings of the samples, across it over that along it; opacity at first."""

BORDER = 0.08
"""Free space around the mesh in the views that it is fitted in, of its longer side there."""


@dataclass(frozen=True)
class GaussianSettings:
    """Attributes:
    count: number of Gaussians.
    fit_iterations: Adam steps when fitting to the mesh.
    fit_views: how many views are looked at meanwhile.
    fit_size: side of these views [px].
    """

    count: int = 8000
    fit_iterations: int = 60
    fit_views: int = 16
    fit_size: int = 160


@dataclass(frozen=True)
class BoundGaussians:
    """Gaussians in the rest pose.

    Attributes:
        means: (N, 3), normalized space.
        quats: (N, 4), wxyz; +Z is the face's normal.
        scales: (N, 3).
        opacities: (N,).
        normals: (N, 3) shading normals.
        albedo: (N, 3) sRGB color of the asset's material.
        corners: (N, 3, 3) corners of the triangle that each lies on.
        barycentric: (N, 3) place on it.
        triangle: (N,) int32, its index in the asset.
    """

    means: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    normals: Tensor
    albedo: Tensor
    corners: Tensor
    barycentric: Tensor
    triangle: Tensor

    def to(self, device: str) -> BoundGaussians:
        """The same on `device`."""
        return BoundGaussians(**{name: tensor.to(device) for name, tensor in vars(self).items()})

    @property
    def count(self) -> int:
        """Number of Gaussians N."""
        return len(self.opacities)

    def colored(self, colors: Tensor) -> Gaussians:
        """As they are rendered, in `colors` (N, 3) sRGB."""
        return Gaussians(self.means, self.quats, self.scales, self.opacities, colors)


def bind_gaussians(
    asset: Asset, settings: GaussianSettings, seed: int, device: str, backend: str, report: Reporter, samples: SurfaceSamples | None = None
) -> BoundGaussians:
    """Samples the surface, unless `sample_surface` has done so already, and fits the samples to the mesh, on `device`."""
    samples = samples or sample_surface(asset, settings.count, seed)
    spacing = np.sqrt(samples.area.mean())
    width = WIDTH * spacing
    start = BoundGaussians(
        means=torch.from_numpy(samples.position),
        quats=quaternion_to_normal(torch.from_numpy(samples.face_normal)),
        scales=torch.tensor([width, width, width * FLATNESS], dtype=torch.float32).repeat(len(samples), 1),
        opacities=torch.full((len(samples),), OPACITY),
        normals=torch.from_numpy(samples.normal),
        albedo=torch.from_numpy(samples.color),
        corners=torch.from_numpy(asset.vertices[asset.triangles[samples.triangle]]),
        barycentric=torch.from_numpy(samples.barycentric),
        triangle=torch.from_numpy(samples.triangle),
    )
    inwards = -_smooth_normals(asset, samples.triangle, samples.barycentric)
    return _fit_to_mesh(asset, start.to(device), torch.from_numpy(inwards).to(device), settings, seed, backend, report)


def _smooth_normals(asset: Asset, triangle: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
    """(N, 3) float32 unit normals that are continuous over hard edges: angle-weighted means at the welded vertices, interpolated."""
    welded = weld(asset)
    vertices, triangles = welded.vertices.astype(np.float64), welded.triangles
    corners = vertices[triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    unit = cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-20)
    normal = np.zeros_like(vertices)
    for corner in range(3):
        one = corners[:, (corner + 1) % 3] - corners[:, corner]
        two = corners[:, (corner + 2) % 3] - corners[:, corner]
        length = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
        angle = np.arccos(np.clip((one * two).sum(axis=1) / np.maximum(length, 1e-20), -1, 1))
        np.add.at(normal, triangles[:, corner], unit * angle[:, None])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    blended = np.einsum("nkc,nk->nc", normal[triangles[triangle]], barycentric)
    return (blended / np.maximum(np.linalg.norm(blended, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def _fit_to_mesh(
    asset: Asset, start: BoundGaussians, inwards: Tensor, settings: GaussianSettings, seed: int, backend: str, report: Reporter
) -> BoundGaussians:
    """Adam over how far each Gaussian sits below the surface, its two widths and its opacity; colors are the material's."""
    fit = _Fit(start, inwards, _exact_views(asset, settings, str(inwards.device)), backend)
    generator, total = torch.Generator().manual_seed(seed), settings.fit_iterations
    looked_at = min(4, settings.fit_views)
    drawn = [torch.randperm(settings.fit_views, generator=generator)[:looked_at] for _ in range(total)]
    left: Iterator[tuple[int, Tensor]] = iter(())

    def begin() -> None:
        nonlocal left
        fit.begin()
        left = enumerate(drawn)

    def each() -> int:
        report.check_cancelled()
        number, views = next(left)
        report.progress(number, total)
        fit.views[:looked_at] = views
        return looked_at

    RecordedSteps(fit.step, inwards.device, backend).run(begin, total, each)
    report.progress(total, total)
    final = fit.gaussians()
    return replace(final, means=final.means.detach(), scales=final.scales.detach(), opacities=final.opacities.detach())


class _Fit:
    """Gaussians on their way to the mesh's pictures.

    Args:
        start, inwards: the samples, and the direction (N, 3) into the body at each.
        pictures: see `_exact_views`.

    Attributes:
        views: which of the pictures the next step looks at, in its first places.
    """

    def __init__(self, start: BoundGaussians, inwards: Tensor, pictures: tuple[Cameras, Tensor, Tensor], backend: str) -> None:
        self.start, self.inwards, self.backend = start, inwards, backend
        self.cameras, self.colors, self.alphas = pictures
        self.depth = (0.5 * start.scales[:, :1]).clone().requires_grad_()
        self.log_width = start.scales[:, :2].log().requires_grad_()
        self.logit = torch.full_like(start.opacities, 3.0).requires_grad_()
        self.first_width = self.log_width.detach().clone()
        self.optimizer = Adam([Group([self.depth], 2e-4), Group([self.log_width], 0.02), Group([self.logit], 0.05)])
        self.begun = [one.detach().clone() for one in self.optimizer.tensors()]
        self.views = torch.arange(len(self.alphas), device=inwards.device)

    @torch.no_grad()
    def begin(self) -> None:
        """From the start."""
        for one, value in zip(self.optimizer.tensors(), self.begun, strict=True):
            one.copy_(value)

    def gaussians(self) -> BoundGaussians:
        """As they are now."""
        scales = torch.cat([self.log_width.exp(), self.start.scales[:, 2:]], 1)
        return replace(self.start, means=self.start.means + self.depth * self.inwards, scales=scales, opacities=torch.sigmoid(self.logit))

    def step(self, count: int) -> None:
        """One step, by so many of `views`."""
        now, views = self.gaussians(), self.views[:count]
        covered = self.alphas.index_select(0, views).sum()

        def look(chosen: Tensor) -> Tensor:
            cameras = Cameras(self.cameras.viewmats.index_select(0, chosen), self.cameras.Ks.index_select(0, chosen), self.cameras.near)
            color, alpha = self.colors.index_select(0, chosen), self.alphas.index_select(0, chosen)
            picture = rasterize(now.colored(now.albedo), cameras, (color.shape[-2], color.shape[-1]), backend=self.backend, low_pass=LOW_PASS)
            loss = ((picture.alpha - alpha) ** 2).sum() / covered + 0.3 * ((picture.color - color) ** 2).sum() / covered
            return loss[None]

        self.optimizer.zero_grad()
        summed(look, views.split(count if views.is_cuda else 1), [now.means, now.scales, now.opacities])
        (1e-5 * ((self.log_width - self.first_width) ** 2).sum()).backward()
        self.optimizer.step()


def _exact_views(asset: Asset, settings: GaussianSettings, device: str) -> tuple[Cameras, Tensor, Tensor]:
    """Renders of the mesh from all around, as large as the picture: cameras, colors (C, 3, H, W) on white and alphas (C, 1, H, W), anti-aliased."""
    size, finer = settings.fit_size, 3
    views = [Orbit(azimuth=i * 360 / settings.fit_views + 7, elevation=(-20, 10, 40, 0)[i % 4]) for i in range(settings.fit_views)]
    poses = np.stack([view.world_to_camera() for view in views])
    intrinsics = np.stack([_closeup(asset.vertices, pose, size) for pose in poses])

    def picture(view: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        pose, one = view
        seen = render_surface(asset.vertices, asset.triangles, pose, np.diag([finer, finer, 1]) @ one, (finer * size, finer * size))
        covered = seen.triangle >= 0
        color = np.ones((*covered.shape, 3), np.float32)
        color[covered] = colors_at(asset, seen.triangle[covered], seen.barycentric[covered])
        color = color.reshape(size, finer, size, finer, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
        return color, covered.reshape(size, finer, size, finer).mean(axis=(1, 3))[None]

    colors, alphas = zip(*beside_each_other(picture, zip(poses, intrinsics, strict=True)), strict=True)
    viewmats, matrices = (torch.from_numpy(one).float().to(device) for one in (poses, intrinsics))
    return Cameras(viewmats, matrices), torch.from_numpy(np.stack(colors)).to(device), torch.from_numpy(np.stack(alphas)).float().to(device)


def _closeup(vertices: np.ndarray, world_to_camera: np.ndarray, size: int) -> np.ndarray:
    """(3, 3) intrinsics [px] with which the camera's square picture holds the mesh and no more: videos are looked at so."""
    local = vertices @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    places = local[:, :2] / local[:, 2:]
    low, high = places.min(0), places.max(0)
    focal = size / ((1 + 2 * BORDER) * (high - low).max())
    x, y = size / 2 - focal * (low + high) / 2
    return np.array([[focal, 0, x], [0, focal, y], [0, 0, 1]])
