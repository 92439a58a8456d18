"""One pose of a frame by the processor's kernels alone: what it costs, the gradient by its joints, and how that curves.

`FrameStep.look` has the same as tensors, for GPUs, for several clips, and as what this is tested against. There a look is a hundred
small operations, each of which goes through Python, and on two cores they take longer than all kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..gaussians.fused import Ridden
from ..gaussians.surface_bound import LOW_PASS
from ..motion.kinematics import build_tree
from ..motion.skeleton import Motion, Skeleton
from ..motion.tree_kernels import pose_parts, pose_parts_backward
from ..rendering.cpu.drawing import Drawing, Lens
from ..rendering.types import Cameras, check_finite
from .animated_asset import AnimatedAsset
from .compared_pictures import compared
from .frame_view import FrameView
from .look_kernels import add_drift, add_of_squares, curve_pixels, curve_places, in_squares
from .pose_cost import PoseCost

Array = np.ndarray
NOTHING = np.empty((0, 0, 3), np.float32)
"""In the place of a background that is white, and of Gaussians' own motion."""


class DirectLook:
    """What all poses of all frames share.

    Args:
        lever: (K, 6) of a joint's scaled turn and shift.
        felt_by_joints: see `FrameStep`.
    """

    def __init__(
        self, animated: AnimatedAsset, skeleton: Skeleton, view: FrameView, cost: PoseCost, lever: Tensor, felt_by_joints: Callable[..., Tensor]
    ) -> None:
        self.animated, self.view, self.cost, self.felt_by_joints = animated, view, cost, felt_by_joints
        self.walk = build_tree(skeleton.parent, skeleton.joint, lever).walk
        self.lever, self.neutral, self.rest = lever.numpy(), cost.neutral[0].numpy(), cost.rest.contiguous().numpy()
        self.resistance, self.firmness = (one.numpy()[:, None] for one in (cost.resistance, cost.firmness))
        self.light = animated.albedo.contiguous().numpy(), animated.lighting.coefficients.contiguous().numpy()
        bound = animated.bound
        self.shape = bound.scales[None].contiguous().numpy(), bound.opacities[None].contiguous().numpy()
        self.weights = animated.rest.vertex_weights
        self.white = np.ones(3, np.float32)
        known = view.known.settings
        self.loss = known.color, known.mask, known.robust, known.camouflage
        self.lens: Lens
        self.frame = 0

    def show(self, frame: int) -> None:
        """This frame from now on; the view shows it already."""
        self.frame = frame
        view = self.view
        self.lens = Lens.of(Cameras(view.viewmat, view.every.Ks[:1], view.every.near), view.view.size, LOW_PASS)
        self.seen = float(view.weight)
        self.axis, self.open = self.cost.depth_axes[frame].numpy(), float(self.cost.open_depth[frame])
        pictures = view.behind, view.color, view.alpha, *view.blurred
        self.behind, self.target, self.target_alpha, *self.blurred = (NOTHING if one is None else one[0].numpy() for one in pictures)
        height, width = (side // view.blur for side in view.view.size)
        self.small_behind = NOTHING
        if len(self.behind):
            self.small_behind = np.empty((3, height, width), np.float32)
            in_squares(self.behind, self.small_behind)

    def drift(self) -> tuple[Array, Array, float, float, bool]:
        """Where places rest, along which axis they cost, how much at most, how far they go for half of that, and whether only beside the whole."""
        settings = self.cost.settings
        return self.rest, self.axis, settings.depth_drift * self.open, settings.depth_reach, self.cost.afloat


@dataclass(frozen=True)
class _Pictures:
    """Of one pose, (3, H, W) and (1, H, W), as they are and in squares; with the gradients of the loss in all of them, and the object's areas."""

    shown: Array
    small_shown: Array
    small_alpha: Array
    g_color: Array
    g_alpha: Array
    area: np.float32
    small_area: np.float32
    known: float
    blurred: float


class DirectPoint:
    """Scaled joints (6K,) of the frame at hand, looked at; see `polishing.Point`."""

    def __init__(self, look: DirectLook, joints: Tensor) -> None:
        self.look, self.parameters = look, joints
        if not bool(torch.isfinite(joints).all()):
            check_finite({"joints": joints})
        scaled = joints.detach().view(-1, 6).numpy() * look.lever
        self.turn, self.shift = (np.ascontiguousarray(one)[None] for one in (scaled[:, :3], scaled[:, 3:]))
        count = len(scaled)
        self.motion = [np.empty((1, count, *shape), np.float32) for shape in ((4,), (3, 3), (3,))]
        pose_parts(*look.walk, self.turn, self.shift, *self.motion)
        quaternion, rotation, offset = self.motion
        parts = np.concatenate([rotation.reshape(count, 9), offset[0]], 1)
        affine = (look.weights @ _aligned(parts)).numpy()[:, None]
        self.ridden = Ridden.of(look.animated.rest.rider, affine, rotation, quaternion, NOTHING, *look.light)
        ridden, scales, opacities = self.ridden, *look.shape
        self.drawing = Drawing.of([ridden.means, ridden.quats, scales, opacities, ridden.colors], look.lens, look.white)
        self.pictures = self._compared()
        self.known = look.seen * self.pictures.known
        self.g_means = np.zeros_like(ridden.means)
        self.cost = self.known + look.seen * self.pictures.blurred + self._own_cost()

    def _compared(self) -> _Pictures:
        """With the losses; see `FrameView.look`."""
        look, color, alpha = self.look, self.drawing.color[0], self.drawing.alpha[0]
        shown = color - (1 - alpha) * (1 - look.behind) if len(look.behind) else color
        height, width = look.blurred[0].shape[1:]
        small = np.empty((3, height, width), np.float32), np.empty((1, height, width), np.float32)
        for one, into in zip((shown, alpha), small, strict=True):
            in_squares(one, into)
        losses, area, g_color, g_alpha = compared([one[None] for one in (shown, alpha, look.target, look.target_alpha)], look.loss)
        blurred, small_area, *g_small = compared([one[None] for one in (*small, *look.blurred)], look.loss)
        side = look.view.blur
        for whole, part in zip((g_color, g_alpha), g_small, strict=True):
            add_of_squares(part[0], side, np.float32(look.seen / small_area[0] / side**2), np.float32(look.seen / area[0]), whole[0])
        if len(look.behind):
            g_alpha[0] += (g_color[0] * (1 - look.behind)).sum(0)
        areas = np.float32(area[0]), np.float32(small_area[0])
        return _Pictures(shown, *small, g_color, g_alpha, *areas, float(losses[0] / area[0]), float(blurred[0] / small_area[0]))

    def _own_cost(self) -> float:
        """What the pose costs itself, see `PoseCost`; leaves the gradients of what is not joints in `g_means` and `g_rotation`."""
        look, cost, settings = self.look, self.look.cost, self.look.cost.settings
        self.bend = self.turn[0] - look.neutral
        joints = settings.bend * float((self.bend**2 * look.resistance).sum()) + settings.slack * float((self.shift[0] ** 2 * look.firmness).sum())
        found = joints + settings.stretch * float(self.ridden.stretch[0]) + float(add_drift(self.ridden.means[0], *look.drift(), self.g_means[0]))
        self.g_rotation = np.zeros_like(self.motion[1])
        if cost.held is not None:
            found += self._felt(cost.holding, self.ridden.means, self.g_means)
        limits = cost.limits
        if limits is not None:
            found += self._felt(lambda rotation: settings.limits * limits.beyond(rotation), self.motion[1], self.g_rotation)
        return found

    @staticmethod
    def _felt(price: Callable[[Tensor], Tensor], at: Array, into: Array) -> float:
        """A cost (1,) of tensors, at an array, whose gradient is added."""
        with torch.enable_grad():
            place = torch.from_numpy(at).requires_grad_()
            paid = price(place).sum()
            into += torch.autograd.grad(paid, place)[0].numpy()
        return float(paid.detach())

    @cached_property
    def gradient(self) -> Tensor:
        """(6K,); nobody asks for it where a step to this point gained nothing, or where it is the last."""
        look, settings = self.look, self.look.cost.settings
        g_means, g_quats, _, _, g_colors = self.drawing.gradients(self.pictures.g_color, self.pictures.g_alpha, coloring=False, moving=True)
        g_stretch = np.full(1, settings.stretch, np.float32)
        g_affine, g_rotation, g_turn, *_ = self.ridden.gradients(g_means + self.g_means, g_quats, g_colors, g_stretch, moving=True, learning=False)
        parts = (look.weights.T @ _aligned(g_affine[:, 0])).numpy()
        g_rotation = g_rotation + self.g_rotation + parts[None, :, :9].reshape(g_rotation.shape)
        g_offset = np.ascontiguousarray(parts[None, :, 9:])
        load, turned, moved = np.empty((len(parts), 6)), np.empty_like(self.turn), np.empty_like(self.shift)
        pose_parts_backward(*look.walk, self.turn, *self.motion, np.ascontiguousarray(g_turn), g_rotation, g_offset, load, turned, moved)
        turned[0] += 2 * settings.bend * look.resistance * self.bend
        moved[0] += 2 * settings.slack * look.firmness * self.shift[0]
        return _aligned((np.concatenate([turned[0], moved[0]], 1) * look.lever).astype(np.float32).reshape(-1))

    def curvature(self) -> Tensor:
        """(6K, 6K)"""
        means = torch.from_numpy(self.ridden.means[0])
        return self.look.felt_by_joints(means, self._of_places(), _aligned(self.turn), Motion(*map(_aligned, self.motion)))

    def _of_places(self) -> Tensor:
        """(N, 3, 3) by how much the cost curves as the Gaussians move; see `FrameView.curvature`."""
        look, means = self.look, self.ridden.means[0]
        per_pixel = self._per_pixel()[None]
        across = self.drawing.gradients(per_pixel, np.zeros_like(self.drawing.alpha), coloring=True, moving=False)[4][0]
        curved = np.empty((len(means), 3, 3), np.float32)
        curve_places(means, across, look.lens.poses[0], look.lens.intrinsics[0], *look.drift(), curved)
        found = torch.from_numpy(curved)
        if look.cost.held is not None:
            found += 2 * look.cost.settings.held * look.cost.held.curvature()
        return found

    def _per_pixel(self) -> Array:
        """(3, H, W) by how much the losses curve as what each pixel shows moves."""
        look, pictures, color, alpha = self.look, self.pictures, self.drawing.color[0], self.drawing.alpha[0]
        weights = tuple(map(np.float32, look.loss))
        curved, small = np.empty_like(color), np.empty_like(pictures.small_shown)
        curve_pixels(color, alpha[0], pictures.shown, look.target, pictures.area, look.behind, *weights, curved)
        small_color = pictures.small_shown
        if len(look.behind):
            small_color = np.empty_like(small)
            in_squares(color, small_color)
        given = small_color, pictures.small_alpha[0], pictures.small_shown, look.blurred[0], pictures.small_area
        curve_pixels(*given, look.small_behind, *weights, small)
        # a square of blur x blur pixels moves by 1 / blur of its side when they move by one, and each has its part of it
        add_of_squares(small, look.view.blur, np.float32(look.seen / look.view.blur**4), np.float32(look.seen), curved)
        return curved


def _aligned(array: Array) -> Tensor:
    """A copy where torch puts its tensors: a product of matrices may have other bits where they begin elsewhere in memory."""
    return torch.from_numpy(array).clone()
