"""The kernels, one after the other."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import torch
import triton
from torch import Tensor

from ...gaussians.cuda.function import RIDING, move_corners, surface_gradient
from ...gaussians.cuda.gather import gather_kernel
from ...gaussians.cuda.seats import ENTRIES, Pairs
from ...gaussians.cuda.surface import ride_kernel, shade_kernel
from ...gaussians.cuda.surface_gradient import shade_backward_kernel
from ...gaussians.surface_bound import LOW_PASS
from ...kernels.launch import launch
from ...motion.cuda.tree import pose_kernel
from ...motion.kinematics import build_tree
from ...motion.skeleton import Motion, Skeleton
from ...rendering.cuda.binning import Bins, Lists, bin_gaussians, is_listed
from ...rendering.cuda.function import BLOCK, TILE_X, TILE_Y
from ...rendering.cuda.geometry import SHARED_WIDTH, SLOT_WIDTH, SPLAT_WIDTH, project_kernel
from ...rendering.cuda.geometry_gradient import project_backward_kernel
from ...rendering.cuda.tiles import blend_backward_kernel, blend_kernel
from ...rendering.deferral import current
from ..animated_asset import AnimatedAsset
from ..frame_view import FrameView
from ..optimizer import LeveredAdam
from ..pose_cost import PoseCost
from .adam import adam_kernel
from .curvature import UNIQUE, pair_kernel, part_kernel, place_kernel, twist_kernel
from .joints import feel_kernel
from .pictures import KEPT, compare_kernel, curve_kernel
from .prepared import felt, packed, table_of

SQUARES = 16
"""Squares of the picture that one program compares."""
UNBOUNDED = 1 << 30
"""Room for slots where nobody writes any."""


class FusedLook:
    """Poses of frames, as many as there are `slots`, in tensors that stay where they are.

    Args:
        view: the one clip, in the light of the asset.
        lever: (K, 6) of a joint's scaled turn and shift.
        slots: B.

    Attributes:
        joints: (B, 6K), scaled; what all else is computed of.
        gradient: (B, 6K) of the cost.
        told: (B, 2), the cost and the known-view loss in it.
        steps, counts: (B,) of `descend`: how many were made, and of how many.
    """

    def __init__(self, animated: AnimatedAsset, skeleton: Skeleton, view: FrameView, cost: PoseCost, lever: Tensor, slots: int) -> None:
        self.animated, self.view, self.cost, self.slots = animated, view, cost, slots
        self.device, self.count, self.number = lever.device, animated.bound.count, skeleton.count
        self.seats, self.settings = animated.rest.seats, cost.settings
        tree = build_tree(skeleton.parent, skeleton.joint, lever)
        self.place, self.below, self.lever = tree.joint.contiguous(), tree.below.contiguous(), lever.contiguous()
        self.jumps, self.parent, self.depth = tree.steps, tree.steps[-1], len(tree.jumps)
        self.lanes = max(64, triton.next_power_of_2(self.number))
        self._rooms()
        self.frames, self.cameras = self._ints(slots), self._floats(slots, 16)
        self.views, self.every_camera = table_of(view, cost), packed(view)
        self.light = animated.albedo.contiguous(), animated.lighting.coefficients.contiguous()
        self.shape = animated.bound.scales.contiguous(), animated.bound.opacities.contiguous()
        _, alpha, _, color, *behind = (one.contiguous() for one in view.all[:-2])
        self.targets = color, alpha, behind[0] if behind else color
        self.at_rest, self.neutral = cost.rest.contiguous(), cost.neutral.contiguous()
        self.matrix = self._floats(slots, 6 * self.number, 6 * self.number)

    def _floats(self, *shape: int) -> Tensor:
        return torch.zeros(shape, device=self.device)

    def _ints(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=torch.int32, device=self.device)

    def _rooms(self) -> None:
        slots, number, count = self.slots, self.number, self.count
        self.height, self.width = self.view.view.size
        side = self.view.blur
        self.squares_x, self.squares_y = triton.cdiv(self.width, side), triton.cdiv(self.height, side)
        self.groups, self.blocks = triton.cdiv(self.squares_x * self.squares_y, SQUARES), triton.cdiv(count, RIDING)
        self.joints, self.gradient, self.first, self.second = (self._floats(slots, 6 * number) for _ in range(4))
        self.told, self.steps, self.counts = self._floats(slots, 2), self._floats(slots), self._floats(slots)
        self.parts, self.between = self._floats(slots, number, 16), self._floats(slots, 2, number, 16)
        self.corners = self._floats(slots, 9, count)
        self.means, self.quats, self.colors = (self._floats(slots, count, width) for width in (3, 4, 3))
        self.of_surface, self.of_pictures = self._floats(slots, self.blocks, 2), self._floats(slots, self.groups, 2)
        self.color, self.alpha = self._floats(slots, 3, self.height, self.width), self._floats(slots, 1, self.height, self.width)
        self.final, self.closed = self._floats(slots, self.height, self.width), self._ints(slots, self.height, self.width)
        self.splats, self.depths = self._floats(slots * count, SPLAT_WIDTH), self._floats(slots * count)
        self.rects, self.pairs = self._ints(4, slots * count), self._ints(slots * count)
        self.tiles_x, tiles_y = triton.cdiv(self.width, TILE_X), triton.cdiv(self.height, TILE_Y)
        self.tiles = self.tiles_x * tiles_y
        self.lists = Lists(slots, count, self.tiles_x, self.tiles, self.device) if is_listed(slots, count, self.tiles) else None
        self.white = torch.ones(3, device=self.device)
        self.noted = torch.zeros(2, dtype=torch.int64, device=self.device)

    @cached_property
    def _back(self) -> dict[str, Tensor]:
        """Room for gradients."""
        slots, count = self.slots, self.count
        shapes = {"means": 3, "quats": 4, "scales": 3, "opacities": 1, "colors": 3, "shares": 3}
        room = {name: self._floats(slots, count, width) for name, width in shapes.items()}
        room |= {"color": torch.zeros_like(self.color), "alpha": torch.zeros_like(self.alpha), "curved": torch.zeros_like(self.color)}
        room |= {"normals": self._floats(slots, 3, count)}
        room |= {"pulls": self._floats(slots, len(self.seats.table), 6), "kept": self._floats(slots, KEPT, self.squares_x * self.squares_y)}
        room |= {"stretch": torch.full((slots,), self.settings.stretch, device=self.device)}
        room |= {"torque": self._floats(slots, self.number, 3), "cost": self._floats(slots)}
        return room

    @cached_property
    def _curving(self) -> tuple[Pairs, dict[str, Tensor]]:
        """The pairs of parts, and room for how the cost curves."""
        pairs = Pairs.of(self.animated.weights.cpu().numpy(), self.device)
        size = 6 * self.number
        room = {name: self._floats(self.slots, size, size) for name in ("of_edges", "of_parts", "twists")}
        room |= {"each": self._floats(self.slots, UNIQUE, self.count), "sums": self._floats(self.slots, len(pairs.table), UNIQUE)}
        return pairs, room

    @torch.no_grad()
    def show(self, frame: int) -> None:
        """This frame of the clip from now on, in all slots."""
        self.frames.fill_(frame)
        torch.index_select(self.every_camera, 0, self.frames, out=self.cameras)

    @torch.no_grad()
    def look(self, keep: bool = False, gradient: bool = True) -> None:
        """From `joints` to pictures and what they cost; `keep` what `feel` has to know to share, and room for its `gradient`."""
        self._pose()
        self._ride()
        self.bins = self._draw(gradient)
        self._compare(keep)

    def judge(self) -> None:
        """From `joints` to `told` alone."""
        self.look(gradient=False)
        self._feel_extra()
        self._tell(len(self.seats.table))

    def _pose(self) -> None:
        launch(
            pose_kernel, self.slots, self.device,
            self.joints, self.lever, self.place, self.jumps, self.between, self.parts, self.number, self.depth, BLOCK=self.lanes, warps=2,
        )  # fmt: skip

    def _surface(self) -> tuple[Tensor | float, ...]:
        """What both passes over the surface are given."""
        moved = self.parts, self.corners, self.seats.rest, self.seats.holder
        return *moved, self.at_rest, self.frames, self.views, float(self.settings.depth_reach), self.means

    def _ride(self) -> None:
        move_corners(self.seats, self.parts, None, self.corners)
        launch(
            ride_kernel, self.slots * self.blocks, self.device,
            *self._surface(), self.quats, self.of_surface, 1, self.number, self.count, self.blocks, BLOCK=RIDING, warps=2,
        )  # fmt: skip
        launch(
            shade_kernel, self.slots * self.blocks, self.device,
            self.corners, self.seats.rest, *self.light, self.colors, self.count, self.blocks, BLOCK=RIDING, warps=2,
        )  # fmt: skip

    def _draw(self, bounded: bool) -> Bins:
        total = self.slots * self.count
        launch(
            project_kernel, triton.cdiv(total, BLOCK), self.device,
            self.means, self.quats, *self.shape, self.colors, self.cameras, self.splats, self.depths, self.rects, self.pairs,
            total, self.count, self.height, self.width, float(self.view.every.near), LOW_PASS, 1, 1, self.slots, self.slots, 1,
            TILE_X=TILE_X, TILE_Y=TILE_Y, BLOCK=BLOCK,
        )  # fmt: skip
        bins = self._binned(bounded)
        launch(
            blend_kernel, self.slots * self.tiles, self.device,
            bins.owners, bins.starts, bins.ends, self.splats, self.white, self.color, self.alpha, self.final, self.closed,
            self.height, self.width, self.tiles_x, self.tiles, TILE_X=TILE_X, TILE_Y=TILE_Y, warps=1,
        )  # fmt: skip
        return bins

    def _binned(self, bounded: bool) -> Bins:
        if self.lists is None:
            return bin_gaussians(self.depths, self.rects, self.pairs, self.slots, self.tiles_x, self.tiles)
        noted = self._noted()
        self.lists.rank(self.depths, self.pairs, self.rects, noted)
        return self.lists.fill(self._room(noted) if bounded else UNBOUNDED)

    def _noted(self) -> Tensor:
        deferral = current()
        return self.noted if deferral is None else deferral.noted

    def _room(self, noted: Tensor) -> int:
        deferral = current()
        return int(noted[0]) if deferral is None or deferral.room is None else deferral.room

    def _weights(self) -> tuple[float, float, float, float]:
        known = self.view.known.settings
        return float(known.color), float(known.mask), float(known.robust), float(known.camouflage)

    def _constants(self) -> dict[str, int]:
        return {"SQUARES": SQUARES, "PIXELS": max(16, triton.next_power_of_2(self.view.blur**2))}

    def _compare(self, keep: bool) -> None:
        back, (color, alpha, behind) = self._back, self.targets
        launch(
            compare_kernel, self.slots * self.groups, self.device,
            self.color, self.alpha, color, alpha, behind, self.frames, self.views, back["color"], back["alpha"], back["kept"], self.of_pictures,
            self.height, self.width, self.view.blur, self.squares_x, self.squares_y, self.groups, *self._weights(),
            int(self.view.behind is not None), int(keep), **self._constants(), warps=2,
        )  # fmt: skip

    @torch.no_grad()
    def feel(self, share: bool = False) -> None:
        """From the pictures back to `gradient` and `told`; where it is to `share`, also how the cost curves by the Gaussians' places."""
        back, bins, total = self._back, self.bins, self.slots * self.count
        width = SHARED_WIDTH if share else SLOT_WIDTH
        if share:
            self._curve()
        slots = torch.zeros(bins.room, width, device=self.device)
        launch(
            blend_backward_kernel, self.slots * self.tiles, self.device,
            bins.slots, bins.owners, bins.starts, bins.ends, self.splats, self.color, self.final, self.closed, back["color"], back["alpha"],
            back["curved"], slots, width, self.height, self.width, self.tiles_x, self.tiles,
            TILE_X=TILE_X, TILE_Y=TILE_Y, warps=1,
        )  # fmt: skip
        launch(
            project_backward_kernel, triton.cdiv(total, BLOCK), self.device,
            self.means, self.quats, *self.shape, self.cameras, slots, bins.first_slot, self.pairs,
            *(back[name] for name in ("means", "quats", "scales", "opacities", "colors", "shares")), bins.room, width,
            total, self.count, self.height, self.width, LOW_PASS, 1, 1, self.slots, self.slots,
            BLOCK=BLOCK,
        )  # fmt: skip
        self._feel_extra()
        launch(
            shade_backward_kernel, self.slots * self.blocks, self.device,
            self.corners, self.seats.rest, *self.light, self.colors, back["colors"], back["normals"], back["normals"], back["normals"],
            self.count, self.blocks, BLOCK=RIDING, LEARNING=0, warps=2,
        )  # fmt: skip
        pulls = back["means"], back["quats"], back["normals"], back["stretch"]
        corners, holder = surface_gradient(self.seats, self._surface(), pulls, self.slots, drift=True)
        chunks = len(self.seats.table)
        launch(
            gather_kernel, self.slots * chunks, self.device,
            self.parts, self.means, self.seats.rest, corners, holder, self.seats.table, self.seats.entries, self.seats.by,
            back["pulls"], 0, self.number, self.count, chunks, BLOCK=ENTRIES,
        )  # fmt: skip
        self._tell(chunks)

    @property
    def _is_extra(self) -> bool:
        return self.cost.limits is not None or self.cost.held is not None

    def _feel_extra(self) -> None:
        """What few assets have: places that are held, and limits of joints."""
        if not self._is_extra:
            return
        back, cost = self._back, self.cost
        back["cost"].zero_()
        if cost.held is not None:
            paid, pull = felt(cost.holding, self.means)
            back["cost"].add_(paid)
            back["means"].add_(pull)
        if cost.limits is not None:
            motion = self.motion()
            rotation = motion.rotation
            paid, pull = felt(lambda turned: cost.beyond(replace(motion, rotation=turned)), rotation)
            back["cost"].add_(paid)
            back["torque"].copy_(torch.linalg.cross(rotation, pull, dim=-2).sum(-1))

    def _tell(self, chunks: int) -> None:
        back, cost, settings = self._back, self.cost, self.settings
        launch(
            feel_kernel, self.slots, self.device,
            self.joints, self.lever, self.place, self.parent, self.below, self.parts, back["pulls"], self.seats.chunks, self.between,
            self.neutral, cost.resistance, cost.firmness, back["torque"], back["cost"], self.of_surface, self.of_pictures,
            self.frames, self.views, self.gradient, self.told, self._noted(), float(settings.bend), float(settings.slack), float(settings.stretch),
            int(self._is_extra), self.number, chunks, self.blocks, self.groups, BLOCK=self.lanes, warps=2,
        )  # fmt: skip

    def descend(self) -> None:
        """A step of `LeveredAdam` down `gradient`."""
        settings, (fast, slow) = self.settings, LeveredAdam.betas
        launch(
            adam_kernel, self.slots, self.device,
            self.joints, self.gradient, self.first, self.second, self.steps, self.counts, 6 * self.number, float(settings.floor) ** 2,
            float(settings.rate), float(settings.last_rate), fast, slow, BLOCK=8 * self.lanes,
        )  # fmt: skip

    def _curve(self) -> None:
        back, (color, _, behind) = self._back, self.targets
        launch(
            curve_kernel, self.slots * self.groups, self.device,
            self.color, self.alpha, color, behind, self.frames, self.views, back["kept"], back["curved"],
            self.height, self.width, self.view.blur, self.squares_x, self.squares_y, self.groups, *self._weights(),
            int(self.view.behind is not None), **self._constants(), warps=2,
        )  # fmt: skip

    @torch.no_grad()
    def keep_edges(self, of_edges: Tensor) -> None:
        """That edges are stretched curves the cost of each pose by (B, K, K, 6, 6) of the parts' twists, from now on."""
        self._curving[1]["of_edges"].copy_(of_edges.transpose(2, 3).reshape(self.slots, 6 * self.number, -1))

    @torch.no_grad()
    def curvature(self, own: Tensor) -> Tensor:
        """(B, 6K, 6K) of all that is made small, after `feel` has shared; `own` (6K, 6K) of what the joints cost themselves."""
        (pairs, room), number, held = self._curving, self.number, self.cost.held
        launch(
            place_kernel, self.slots * self.blocks, self.device,
            self.means, self._back["shares"], self.cameras, self.at_rest, self.at_rest if held is None else held.weight,
            self.frames, self.views, float(self.settings.depth_reach), float(self.settings.held), int(held is not None), room["each"], self.count,
            self.blocks, BLOCK=RIDING, warps=2,
        )  # fmt: skip
        launch(
            pair_kernel, self.slots * len(pairs.table), self.device,
            room["each"], pairs.table, pairs.entries, pairs.by, room["sums"], self.count, len(pairs.table), BLOCK=ENTRIES,
        )  # fmt: skip
        launch(
            part_kernel, self.slots * len(pairs.pairs), self.device,
            room["sums"], pairs.first, pairs.pairs, room["of_edges"], room["of_parts"], len(pairs.pairs), len(pairs.table), 6 * number,
            BLOCK=64, warps=2,
        )  # fmt: skip
        launch(
            twist_kernel, self.slots * number, self.device,
            self.joints, self.lever, self.place, self.parent, self.below, self.parts, room["twists"], number, BLOCK=self.lanes, warps=2,
        )  # fmt: skip
        return torch.baddbmm(own.expand_as(self.matrix), room["twists"].mT, torch.bmm(room["of_parts"], room["twists"]))

    def motion(self) -> Motion:
        """The poses, as they were looked at."""
        return Motion(self.parts[..., :4], self.parts[..., 4:13].unflatten(-1, (3, 3)), self.parts[..., 13:])
