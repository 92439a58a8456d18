"""The asset's Gaussians in the poses of a motion and in the light of the video.

Gaussians ride on the artist's own triangles: the corners are moved as the artist's vertices will be, and everything on a
triangle follows from them. On a coarse mesh, whose triangles reach over several parts, this is what makes the pictures
that are compared with the video pictures of what the artist gets.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..gaussians.cuda.seats import Seats
from ..gaussians.fused import Rider, ride
from ..gaussians.riding import Seat
from ..gaussians.surface_bound import LOW_PASS, BoundGaussians
from ..kernels.gpu import by_triton
from ..motion.joint_limits import JointLimits
from ..motion.rotations import multiply, small_quaternion
from ..motion.skeleton import Motion
from ..motion.skinning import Skin, rotate
from ..motion.triangles import edge_lengths, triangle_frames
from ..rendering import Cameras, Gaussians, Rendering, rasterize
from .held import Held
from .lighting import Lighting


class RestSurface(Seat):
    """What of the Gaussians and their triangles does not change while they move.

    Attributes:
        normal: (N, 3) shading normals in the triangle's frame.
        edges: (N, 3) lengths of the triangles' edges.
        yardstick: (N, 3) the same, of slivers at least a hundredth of the longest, so that they do not rule.
        holder: (N, K) 1 for the part that holds the Gaussian's triangle most: a product with it picks.
        rider, seats: the same for the processor's kernels, and for a GPU's.
    """

    def __init__(self, bound: BoundGaussians, skin: Skin) -> None:
        super().__init__(bound)
        self.bound, self.skin = bound, skin
        self.normal = rotate(self.frames.mT, bound.normals)
        self.edges = edge_lengths(bound.corners)
        self.yardstick = self.edges.maximum(self.edges.amax(-1, keepdim=True) / 100)
        most = skin.weights.unflatten(0, (-1, 3)).sum(1).argmax(1)
        self.holder = torch.nn.functional.one_hot(most, skin.weights.shape[1]).to(bound.means)

    @cached_property
    def rider(self) -> Rider:
        """Of float32 tensors on the processor."""
        corner = self.vertices[1].reshape(-1, 3).astype(np.int32)
        return Rider(self._rows(), self.holder.argmax(1).to(torch.int32).numpy(), corner)

    @cached_property
    def seats(self) -> Seats:
        """Where the tensors are."""
        holder, device = self.holder.argmax(1).cpu().numpy(), self.bound.means.device
        return Seats.of(self._rows(), self.vertices[1].ravel(), holder, self.vertex_weights.cpu().numpy(), device)

    def _rows(self) -> np.ndarray:
        bound = self.bound
        rows = [
            bound.corners.flatten(1),
            bound.barycentric,
            self.inset,
            self.normal,
            self.frames.mT.flatten(1),
            self.edges,
            self.yardstick,
            bound.quats,
        ]
        return torch.cat(rows, 1).cpu().numpy()

    @cached_property
    def vertices(self) -> tuple[np.ndarray, np.ndarray]:
        """Of all corners one (V,) for each vertex, and of which vertex each corner (3N,) is: Gaussians share triangles, and these vertices."""
        rows = torch.cat([self.bound.corners.flatten(0, 1), self.skin.weights], 1).contiguous().cpu().numpy()
        as_bytes = rows.view(np.dtype((np.void, rows.strides[0]))).ravel()
        return np.unique(as_bytes, return_index=True, return_inverse=True)[1:]

    @cached_property
    def vertex_weights(self) -> Tensor:
        """(V, K) of the vertices, see `vertices`."""
        return self.skin.weights[torch.from_numpy(self.vertices[0]).to(self.skin.weights.device)]


@dataclass(frozen=True)
class AnimatedAsset:
    """Attributes:
    bound: Gaussians in the rest pose.
    skin: how the corners of their triangles follow the parts, 3N points.
    albedo: (N, 3) linear RGB.
    lighting: of the video.
    backend: of the rasterizer.
    rest: made of `bound` and `skin`; a copy in other colors or light shares it.
    held: what the artist holds of it; None where everything may move.
    limits: how far its joints may turn; None where they may as they like.
    """

    bound: BoundGaussians
    skin: Skin
    albedo: Tensor
    lighting: Lighting
    backend: str
    rest: RestSurface = None  # type: ignore[assignment]  # __post_init__ makes it
    held: Held | None = None
    limits: JointLimits | None = None

    def __post_init__(self) -> None:
        # here and not in every step: a copy to the GPU makes the processor wait, and cannot be recorded
        object.__setattr__(self, "lighting", self.lighting.to(self.albedo.device))
        if self.limits is not None:
            object.__setattr__(self, "limits", self.limits.to(self.albedo))
        if self.rest is None:
            object.__setattr__(self, "rest", RestSurface(self.bound, self.skin))

    def corners(self, motion: Motion, offset: Tensor | None = None) -> Tensor:
        """(T, N, 3, 3) corners of the Gaussians' triangles in each frame of `motion`.

        Args:
            offset: (T, N, 3), moves a Gaussian's triangle in the rest pose.
        """
        corners = self.bound.corners if offset is None else self.bound.corners + offset[..., None, :]
        return self.skin.move(motion, corners.flatten(-3, -2)).unflatten(-2, (-1, 3))

    def stretch(self, corners: Tensor) -> Tensor:
        """(T,) mean squared relative change of the edges' lengths; `corners` as in `corners`."""
        change = (edge_lengths(corners) - self.rest.edges) / self.rest.yardstick
        return (change**2).mean((-2, -1))

    def perform(self, motion: Motion, offset: Tensor | None = None) -> Gaussians:
        """Gaussians of each of T frames of `motion`: moved, turned and shaded by the way they now face. `offset` as in `corners`."""
        return self.stretched(motion, offset)[0]

    def stretched(self, motion: Motion, offset: Tensor | None = None) -> tuple[Gaussians, Tensor]:
        """The same, and the stretch (T,) of the surface."""
        if self._on_gpu:
            return self._ridden_on_gpu(motion, offset)
        if not self._by_kernels:
            corners = self.corners(motion, offset)
            return self.on_corners(motion, corners), self.stretch(corners)
        affine = self.rest.vertex_weights @ torch.cat([motion.rotation.flatten(-2), motion.offset], -1).transpose(0, 1).flatten(1)
        affine = affine.unflatten(-1, (-1, 12))
        light = self.lighting.coefficients
        means, quats, colors, stretch = ride(self.rest.rider, affine, motion.rotation, motion.quaternion, offset, self.albedo, light)
        return Gaussians(means, quats, self.bound.scales, self.bound.opacities, colors), stretch

    def placed(self, motion: Motion) -> tuple[Tensor, Tensor]:
        """The places (T, N, 3) of the Gaussians alone, and the stretch (T,) of the surface."""
        if self._by_kernels or self._on_gpu:
            shown, stretch = self.stretched(motion)
            return shown.means, stretch
        corners = self.corners(motion)
        return self.rest.places(corners, triangle_frames(corners)), self.stretch(corners)

    @property
    def _by_kernels(self) -> bool:
        return self.albedo.device.type == "cpu" and self.albedo.dtype == torch.float32

    @property
    def _on_gpu(self) -> bool:
        return by_triton(self.albedo) and self.lighting.coefficients.dim() == 2

    def _ridden_on_gpu(self, motion: Motion, offset: Tensor | None) -> tuple[Gaussians, Tensor]:
        from ..gaussians.cuda.function import ride as ride_on_gpu  # it needs Triton

        light = self.lighting.coefficients
        moved = motion.quaternion, motion.rotation, motion.offset
        means, quats, colors, stretch = ride_on_gpu(self.rest.seats, *moved, offset, self.albedo, light)
        return Gaussians(means, quats, self.bound.scales, self.bound.opacities, colors), stretch

    def on_corners(self, motion: Motion, corners: Tensor) -> Gaussians:
        """Gaussians whose triangles' corners (T, N, 3, 3) are known; `motion` tells which way around a triangle is turned."""
        frames = triangle_frames(corners)
        colors = self.lighting.shade(self.albedo, self.normals(frames))
        return Gaussians(self.rest.places(corners, frames), self._turned(motion, frames), self.bound.scales, self.bound.opacities, colors)

    def lit(self, shown: Gaussians, motion: Motion, offset: Tensor | None, lighting: Lighting | None) -> Gaussians:
        """What `perform` made of these, in the light of another clip; as it is where that is None."""
        if lighting is None:
            return shown
        return replace(shown, colors=lighting.shade(self.albedo, self.normals(triangle_frames(self.corners(motion, offset)))))

    def normals(self, frames: Tensor) -> Tensor:
        """(T, N, 3) shading normals of Gaussians whose triangles' frames (T, N, 3, 3) are these."""
        return rotate(frames, self.rest.normal)

    @property
    def corner_weights(self) -> Tensor:
        """(N, 3, K) how the corners of each Gaussian's triangle follow the parts."""
        return self.skin.weights.unflatten(0, (-1, 3))

    @property
    def weights(self) -> Tensor:
        """(N, K) how the place of each Gaussian on its triangle does."""
        return (self.corner_weights * self.bound.barycentric[..., None]).sum(1)

    def part(self, index: Tensor) -> AnimatedAsset:
        """Some of its Gaussians (M,) int64, as an asset of their own."""
        bound = BoundGaussians(*(getattr(self.bound, one.name)[index] for one in fields(BoundGaussians)))
        skin = Skin(self.corner_weights[index].flatten(0, 1))
        return AnimatedAsset(bound, skin, self.albedo[index], self.lighting, self.backend)

    def thinned(self, factor: int) -> AnimatedAsset:
        """One of `factor` of its Gaussians, so much wider that they cover the same surface."""
        index = torch.arange(0, self.bound.count, factor, device=self.albedo.device)
        part, held = self.part(index), self.held and self.held.part(index)
        wider = part.bound.scales * part.bound.scales.new_tensor([factor**0.5, factor**0.5, 1])
        bound = replace(part.bound, scales=wider)
        return AnimatedAsset(bound, part.skin, part.albedo, self.lighting, self.backend, held=held, limits=self.limits)

    def _turned(self, motion: Motion, frames: Tensor) -> Tensor:
        """(T, N, 4): each turns with its triangle. What the part that holds it most turns by is left out and put back as a
        quaternion, since the small rest of a rotation is a quaternion without a case for every side of a half turn."""
        held = self.rest.holder @ torch.cat([motion.rotation.flatten(-2), motion.quaternion], -1)
        left = frames @ self.rest.frames.mT @ held[..., :9].unflatten(-1, (3, 3)).mT
        return multiply(multiply(small_quaternion(left), held[..., 9:]), self.bound.quats)

    def render(self, gaussians: Gaussians, cameras: Cameras, size: tuple[int, int]) -> Rendering:
        """Pictures of the frames, one camera each, on white."""
        return rasterize(gaussians, cameras, size, backend=self.backend, low_pass=LOW_PASS)
