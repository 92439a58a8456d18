"""From one pose to a far one: many starts at once are drawn towards a frame's outline, then the best are compared with its picture."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import normalize

from ..gaussians.fused import Points
from ..motion.kinematics import Tree, build_tree
from ..motion.skeleton import Motion, Skeleton
from ..motion.skinning import Skin, rotate
from ..rendering.recorded_steps import Dial, RecordedSteps
from .animated_asset import AnimatedAsset
from .drawn_poses import SeenOutline, drawn
from .lighting import Lighting
from .optimizer import LeveredAdam
from .outline import Outline, spread_out
from .pose_levers import firmness, levers, stiffness
from .view import View


@dataclass(frozen=True)
class PoseSearchSettings:
    """Attributes:
    points, samples: points of the surface, and pixels of the object, that are matched.
    color_weight: see `Outline`.
    starts: poses that the wide search starts from.
    spread: standard deviation of the large joints' angles in the picture's plane among these [rad].
    depth_spread: the same about any other axis: outlines say little of it, so it had better not begin far off.
    turn: how far the whole body is turned to either side among these [degrees].
    large: least inertia of what hangs on a joint for it to count as large, see `Skeleton.inertia`.
    iterations: steps towards the outline in the wide search.
    near: the same for a frame whose neighbor is known.
    rate, last_rate: norm of a step at first and at last, as root mean square motion of the whole surface.
    bend, slack: as in `TrackingSettings`.
    turned: cost of the whole body having turned by 1 rad from where the start has it, squared: the artist's camera is believed.
    kept: starts that are compared with the picture.
    frames: of the clip, evenly, among which the search picks those that it looks at.
    anchors: how many these are.
    aim: how far the artist's camera may miss the object and still be believed, see `first_pose.sighted` [longest sides].
    exact: overlap of the masks from which the mesh as it stands tells where the camera is.
    matching: how far the outlines may be apart for the mesh to count as standing as in the clip's first frame, see `outline.apart`.
    standing: the same where it does so beyond doubt, in pixels of the pictures that the camera is found by: thin limbs overlap little even
        then, and an outline is not known better than that.
    posed_share: a pose that was searched is believed where it has less than this share of the loss of the mesh as it stands.
    doubted: known-view loss of a pose above which the body may lie otherwise than the mesh.
    turned_share: a pose that lies otherwise than the mesh is believed where it has less than this share of the loss of the best that does not.
    """

    points: int = 500
    samples: int = 300
    color_weight: float = 0.1
    starts: int = 16
    spread: float = 0.4
    depth_spread: float = 0.1
    turn: float = 25.0
    large: float = 0.002
    iterations: int = 80
    near: int = 20
    rate: float = 0.02
    last_rate: float = 0.004
    bend: float = 0.002
    slack: float = 0.5
    turned: float = 0.1
    kept: int = 4
    frames: int = 8
    anchors: int = 3
    aim: float = 0.15
    exact: float = 0.955
    matching: float = 0.02
    standing: float = 1.5
    posed_share: float = 0.4
    doubted: float = 0.1
    turned_share: float = 0.7


class PoseSearch:
    """Draws poses towards outlines.

    Args:
        animated: the asset in the light of the video.
        skeleton: of it.
        views: the clip, and further ones.
        settings: weights and numbers.
        joint_radius: up to which a joint is thin, see `TrackingSettings`.
    """

    def __init__(
        self,
        animated: AnimatedAsset,
        skeleton: Skeleton,
        views: tuple[View, ...],
        settings: PoseSearchSettings,
        joint_radius: float,
    ) -> None:
        self.skeleton, self.views, self.settings = skeleton, views, settings
        self.surface = _SurfacePoints(animated, settings.points)
        like = views[0].reference.color
        self.turn_lever, self.shift_lever = levers(skeleton, like)
        self.resistance = stiffness(skeleton, joint_radius).to(like)
        self.firmness = firmness(skeleton).to(like)
        self.tree = build_tree(skeleton.parent, skeleton.joint, like)
        self.by_kernels = like.device.type == "cpu" and like.dtype == torch.float32
        self._drawings: dict[object, _Drawing] = {}
        self._outlines: dict[int, tuple[int, _DrawnView]] = {}

    def around(self, turn: Tensor, shift: Tensor, frame: int, seed: int) -> tuple[Tensor, Tensor]:
        """Turns and shifts (B, K, 3) of a wide search in a frame: the pose (1, K, 3), turned to both sides, and with large joints bent at random."""
        settings, count = self.settings, self.settings.starts
        generator = torch.Generator().manual_seed(seed)
        large = torch.from_numpy(self.skeleton.inertia > settings.large)
        large[self.skeleton.root] = False
        in_picture, about_any = (torch.randn(count, self.skeleton.count, axes, generator=generator) for axes in (1, 3))
        ahead = torch.from_numpy(self.views[0].viewmats[frame, 2, :3]).float()
        change = (settings.spread * in_picture * ahead + settings.depth_spread * about_any) * large[:, None]
        change[:3] = 0
        change[1:3, self.skeleton.root, 2] = math.radians(settings.turn) * torch.tensor([1.0, -1.0])
        return turn + change.to(turn), shift.expand(count, -1, -1)

    def draw(self, frame: int, turn: Tensor, shift: Tensor, neutral: Tensor, iterations: int) -> tuple[Tensor, Tensor, Tensor]:
        """Poses (B, K, 3) drawn towards the outline of a frame, and the cost (B,) of each.

        Args:
            neutral: (1, K, 3) turns that cost nothing.
            iterations: steps.
        """
        there = [number for number, view in enumerate(self.views) if view.reference.usable[frame]]
        drawn = [self._outline(number, frame) for number in there]
        shape = len(turn), tuple((number, one.outline.shape) for number, one in zip(there, drawn, strict=True))
        if shape not in self._drawings:
            self._drawings[shape] = _Drawing(self, drawn, turn)
        drawing = self._drawings[shape]
        drawing.show(drawn, neutral)
        return drawing.drawn(turn, shift, iterations)

    def _outline(self, number: int, frame: int) -> _DrawnView:
        """Of a view; a frame is drawn to several times in a row."""
        last = self._outlines.get(number)
        if last is None or last[0] != frame:
            last = self._outlines[number] = frame, _DrawnView(self.views[number], frame, self.settings)
        return last[1]

    def cost(self, drawn: list[_DrawnView], turn: Tensor, shift: Tensor, neutral: Tensor) -> Tensor:
        """(B,) of the outlines in the mean, and of the pose itself."""
        outlines = (self._drawn if self.by_kernels else self.as_tensors)(drawn, turn, shift)
        bend = (((turn - neutral) ** 2).sum(-1) * self.resistance).sum(-1)
        slack = ((shift**2).sum(-1) * self.firmness).sum(-1)
        turned = ((turn - neutral)[:, self.skeleton.root] ** 2).sum(-1)
        pose = self.settings.bend * bend + self.settings.slack * slack + self.settings.turned * turned
        return outlines + pose

    def as_tensors(self, drawn: list[_DrawnView], turn: Tensor, shift: Tensor) -> Tensor:
        """(B,) of the outlines in the mean."""
        places, normals = self.surface.at(self.skeleton.pose(turn, shift))
        return torch.stack([view.cost(places, self.surface.colors(normals, view.lighting)) for view in drawn]).mean(0)

    def _drawn(self, views: list[_DrawnView], turn: Tensor, shift: Tensor) -> Tensor:
        """The same by kernels."""
        seen = [view.seen(self.surface.animated.lighting) for view in views]
        outlines: Tensor = _Drawn.apply(self.surface.points, self.tree, seen, turn, shift)
        return outlines


class _Drawing:
    """Poses on their way to outlines, in tensors that all frames share, so that a step can be recorded.

    Args:
        drawn: outlines of the shape of those that are to be shown.
        turn: (B, K, 3) of as many poses.
    """

    def __init__(self, search: PoseSearch, drawn: list[_DrawnView], turn: Tensor) -> None:
        self.search = search
        self.turns, self.shifts = (torch.zeros_like(turn).requires_grad_() for _ in range(2))
        self.neutral, self.rate = torch.zeros_like(turn[:1]), Dial(turn.device)
        self.optimizer = LeveredAdam([self.turns, self.shifts], floor=0.3)
        self.steps: RecordedSteps[None] = RecordedSteps(self._step, turn.device, search.surface.animated.backend)
        # what is recorded reads these, whichever are shown
        self.views = copy.deepcopy(drawn) if self.steps.recordable else drawn

    def show(self, drawn: list[_DrawnView], neutral: Tensor) -> None:
        """From now on these outlines, and turns (1, K, 3) that cost nothing."""
        self.neutral.copy_(neutral)
        if not self.steps.recordable:
            self.views = drawn
            return
        for one, other in zip(self.views, drawn, strict=True):
            for tensor, value in zip(one.tensors(), other.tensors(), strict=True):
                tensor.copy_(value)

    def drawn(self, turn: Tensor, shift: Tensor, iterations: int) -> tuple[Tensor, Tensor, Tensor]:
        """Poses after so many steps from (B, K, 3), and the cost (B,) of each."""
        settings, number = self.search.settings, 0

        @torch.no_grad()
        def begin() -> None:
            nonlocal number
            self.turns.copy_(turn / self.search.turn_lever)
            self.shifts.copy_(shift / self.search.shift_lever)
            self.optimizer.reset()
            number = 0

        def each() -> None:
            nonlocal number
            rate = settings.rate + (settings.last_rate - settings.rate) * number / iterations
            self.rate.set(rate * len(turn) ** 0.5)
            number += 1

        self.steps.run(begin, iterations, each)
        with torch.no_grad():
            found = self.turns * self.search.turn_lever, self.shifts * self.search.shift_lever
            return *found, self.search.cost(self.views, *found, self.neutral)

    def _step(self, _: None) -> None:
        poses = self.turns * self.search.turn_lever, self.shifts * self.search.shift_lever
        self.search.cost(self.views, *poses, self.neutral).sum().backward()
        self.optimizer.step(self.rate.value)


class _DrawnView:
    """The outline of a frame of a view."""

    def __init__(self, view: View, frame: int, settings: PoseSearchSettings) -> None:
        reference = view.reference
        self.lighting = view.lighting and view.lighting.to(reference.color.device)
        self.outline = Outline(reference.color[frame], reference.alpha[frame], settings.samples, settings.color_weight)
        self.viewmat, self.K = (torch.from_numpy(one).to(reference.color, copy=True) for one in (view.viewmats[frame], reference.intrinsics))

    def tensors(self) -> list[Tensor]:
        """What a frame's outline says."""
        return [self.viewmat, self.K, *self.outline.tensors()]

    def seen(self, lighting: Lighting) -> SeenOutline:
        """For the kernels; `lighting` of the asset."""
        pose, intrinsics = (one.double().numpy() for one in (self.viewmat, self.K))
        return SeenOutline(self.outline, pose, intrinsics, (self.lighting or lighting).coefficients.numpy())

    def cost(self, places: Tensor, colors: Tensor) -> Tensor:
        """(B,) of points at places, in colors (B, N, 3)."""
        local = places @ self.viewmat[:3, :3].T + self.viewmat[:3, 3]
        depth = local[..., 2].clamp_min(0.05)
        pixels = (local / depth[..., None] @ self.K.T)[..., :2]
        return self.outline.cost(pixels, depth.detach(), colors)


class _SurfacePoints:
    """A few points, evenly over the surface, in many poses at once."""

    def __init__(self, animated: AnimatedAsset, count: int) -> None:
        chosen = spread_out(animated.bound.means, count)
        self.animated, self.means, self.normals = animated, animated.bound.means[chosen], animated.bound.normals[chosen]
        self.albedo = animated.albedo[chosen]
        self.skin = Skin(animated.corner_weights[chosen].mean(1))

    @cached_property
    def points(self) -> Points:
        """For the processor's kernels."""
        return Points.of(*(one.contiguous().numpy() for one in (self.skin.weights, self.means, self.normals, self.albedo)))

    def at(self, motion: Motion) -> tuple[Tensor, Tensor]:
        """Places and normals (B, N, 3) in each pose of `motion`."""
        matrices, offsets = self.skin.blend(motion)
        with torch.no_grad():
            normals = normalize(rotate(matrices, self.normals), dim=-1)
        return rotate(matrices, self.means) + offsets, normals

    @torch.no_grad()
    def colors(self, normals: Tensor, lighting: Lighting | None) -> Tensor:
        """(B, N, 3) in a light, or in that of the asset."""
        return (lighting or self.animated.lighting).shade(self.albedo, normals)


class _Drawn(torch.autograd.Function):
    """`drawn` for torch, of float32 tensors on the processor; the kernels know the gradient with the cost."""

    @staticmethod
    def forward(ctx: Any, points: Points, tree: Tree, views: list[SeenOutline], turn: Tensor, shift: Tensor) -> Tensor:
        cost, *gradients = drawn(points, tree, views, *(one.detach().contiguous().numpy() for one in (turn, shift)))
        ctx.gradients = [torch.from_numpy(one) for one in gradients]
        return torch.from_numpy(cost.astype(np.float32))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, None, *(by[:, None, None] * one for one in ctx.gradients)
