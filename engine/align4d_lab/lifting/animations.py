"""The creatures of a pack on a device: poses of many clips at once, varied, and the surface in them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from align4d.motion.rotations import matrix_from_quaternion, multiply, quaternion_from_vector

from .pack import POSE_RATE, Pack
from .quaternions import mean_and_turns, toward
from .random_curves import Draws

MOST_HANGING = 0.7
"""A bone that bears more of the surface than this is the body, and no limb."""


@dataclass(frozen=True)
class VariationSettings:
    """How far the generator leaves the animations that it was given. Shares are of clips.

    Attributes:
        slowest, fastest: speed over the animation's own.
        reversed: share that runs backwards.
        mixed: share in which a limb plays another action of the same creature.
        amplified: share whose turns are made larger or smaller, by `least_amplitude` to `most_amplitude`.
        swayed: share in which some bones (`swaying_bones` of them) turn by smooth curves of up to `sway` [rad].
        restanced: share in which some bones (`restanced_bones`) are turned for good, standard deviation `restance` [rad].
        reproportioned: share in which some bones (`reproportioned_bones`), with all that hangs on them, are larger or smaller,
            standard deviation of the logarithm `proportion`.
    """

    slowest: float = 0.6
    fastest: float = 2.2
    reversed: float = 0.3
    mixed: float = 0.35
    amplified: float = 0.6
    least_amplitude: float = 0.45
    most_amplitude: float = 1.8
    swayed: float = 0.35
    swaying_bones: float = 0.2
    sway: float = 0.45
    restanced: float = 0.3
    restanced_bones: float = 0.25
    restance: float = 0.25
    reproportioned: float = 0.4
    reproportioned_bones: float = 0.2
    proportion: float = 0.25


@dataclass(frozen=True)
class Posed:
    """B clips of T frames: surface points and bones where the creature's own space has them.

    Attributes:
        creature: (B,) index.
        points, normals: (B, T + 1, N, 3); the last is the bind pose, of the clip's own proportions.
        joints: (B, T + 1, K, 3) where the bones begin.
        hanging: (B, N, K) how much of each point hangs on each bone or below it.
        movable: (B, K) bones that bear some of the points, and not nearly all.
        step: (B,) between frames [s].
    """

    creature: Tensor
    points: Tensor
    normals: Tensor
    joints: Tensor
    hanging: Tensor
    movable: Tensor
    step: Tensor


class Animations:
    """The creatures of `names` of a pack; each is drawn in proportion to the square root of the number of its actions."""

    def __init__(self, pack: Pack, names: Collection[str], device: torch.device | str) -> None:
        """Raises ValueError where none of them is in the pack."""
        self.draws = Draws(device)
        self.names = [str(one) for one in pack.names]
        self.points, self.normals, self.poses, self.bind, weights = (
            torch.from_numpy(one).float().to(device) for one in (pack.points, pack.normals, pack.poses, pack.bind, pack.weights)
        )
        bones, parents, actions = (torch.from_numpy(one).long().to(device) for one in (pack.bones, pack.parents, pack.actions))
        above = _above(parents)
        self.weights = torch.zeros(*bones.shape[:2], parents.shape[1], device=device).scatter_add_(2, bones, weights)
        self.hanging = self.weights @ above.float()
        self.below = above.mT
        self.movable = (self.hanging.sum(1) > 1e-3) & (self.hanging.mean(1) < MOST_HANGING)
        self.parents = torch.where(parents < 0, parents.shape[1], parents)  # past the last bone stands one that never moves
        self.doublings = int(above.sum(-1).max() - 1).bit_length()
        self.unbind = torch.linalg.inv(self._world(torch.arange(len(self.names), device=device), self.bind[:, None]).double()).float()
        self.creature, self.first_pose, self.length = actions.unbind(-1)
        self.actions = torch.bincount(self.creature, minlength=len(self.names))
        self.first_action = self.actions.cumsum(0) - self.actions
        chosen = torch.tensor([one in names for one in self.names], device=device)
        self.chance = (chosen / self.actions.clamp_min(1).sqrt())[self.creature]
        if not self.chance.any():
            raise ValueError(f"none of {sorted(names)} is in the pack")

    def pose(self, clips: int, frames: int, points: int, varied: VariationSettings | None) -> Posed:
        """Draws clips.

        Args:
            points: of each clip, drawn anew from its creature's.
            varied: None for the animations as they are.
        """
        draws = self.draws
        action = torch.multinomial(self.chance, clips, replacement=True)
        creature = self.creature[action]
        stride = draws.log_uniform((clips, 1), varied.slowest, varied.fastest) if varied else torch.ones(clips, 1, device=draws.device)
        poses = self._play(action, frames, stride)
        bind = self.bind[creature][:, None]
        if varied:
            poses = torch.where(draws.chance((clips, 1, 1, 1), varied.reversed) > 0, poses.flip(1), poses)
            poses = self._mix(poses, creature, varied)
            poses = self._turn(poses, varied)
            proportion = self._proportions(clips, varied)
            poses, bind = (torch.cat([one[..., :7], one[..., 7:] * proportion], -1) for one in (poses, bind))
        world = self._world(creature, torch.cat([poses, bind], 1))
        index = draws.uniform((clips, self.points.shape[1])).argsort(1)[:, :points]
        row = creature[:, None]
        blend = (world @ self.unbind[creature])[..., :3, :].transpose(1, 2).flatten(2)
        moved = (self.weights[row, index] @ blend).unflatten(-1, (frames + 1, 3, 4)).transpose(1, 2)
        place = (moved[..., :3] @ self.points[row, index][:, None, :, :, None])[..., 0] + moved[..., 3]
        normal = (moved[..., :3] @ self.normals[row, index][:, None, :, :, None])[..., 0]
        step = stride[:, 0] / POSE_RATE
        return Posed(creature, place, normalize(normal, dim=-1), world[..., :3, 3], self.hanging[row, index], self.movable[creature], step)

    def _play(self, action: Tensor, frames: int, stride: Tensor) -> Tensor:
        """(B, T, K, 10) from a moment drawn anew; back and forth beyond the ends."""
        last = (self.length[action] - 1).clamp_min(1)[:, None]
        time = self.draws.uniform((len(action), 1)) * last + stride * torch.arange(frames, device=stride.device)
        time = torch.remainder(time, 2 * last)
        time = torch.where(time > last, 2 * last - time, time)
        before = time.floor().long().clamp_max(self.length[action][:, None] - 1)
        after = torch.minimum(before + 1, self.length[action][:, None] - 1)
        start, share = self.first_pose[action][:, None], (time - before)[..., None, None]
        first, second = self.poses[start + before], self.poses[start + after]
        turn = normalize(torch.lerp(first[..., :4], toward(second[..., :4], first[..., :4]), share), dim=-1)
        return torch.cat([turn, torch.lerp(first[..., 4:], second[..., 4:], share)], -1)

    def _mix(self, poses: Tensor, creature: Tensor, varied: VariationSettings) -> Tensor:
        """In some clips one bone and all below it play another action."""
        clips, frames = poses.shape[:2]
        draws = self.draws
        other = self.first_action[creature] + (draws.uniform((clips,)) * self.actions[creature]).long()
        others = self._play(other, frames, draws.log_uniform((clips, 1), varied.slowest, varied.fastest))
        bone = torch.multinomial(self.movable[creature].float() + 1e-6, 1)[:, 0]
        limb = self.below[creature, bone][:, None, :, None] & (draws.chance((clips, 1, 1, 1), varied.mixed) > 0)
        return torch.where(limb, others, poses)

    def _turn(self, poses: Tensor, varied: VariationSettings) -> Tensor:
        """Turns made larger or smaller, swaying bones, another stance."""
        clips, frames, bones, _ = poses.shape
        draws = self.draws
        mean, turns = mean_and_turns(poses[..., :4])
        amplitude = draws.uniform((clips, 1, 1, 1), varied.least_amplitude, varied.most_amplitude) * draws.uniform((clips, 1, bones, 1), 0.75, 1.25)
        turns = torch.where(draws.chance((clips, 1, 1, 1), varied.amplified) > 0, turns * amplitude, turns)
        sway = draws.curves(clips, frames, bones * 3).unflatten(-1, (bones, 3)) * draws.uniform((clips, 1, bones, 1), 0, varied.sway)
        swaying = draws.chance((clips, 1, bones, 1), varied.swaying_bones) * draws.chance((clips, 1, 1, 1), varied.swayed)
        stance = draws.normal((clips, 1, bones, 3), varied.restance)
        stance = stance * draws.chance((clips, 1, bones, 1), varied.restanced_bones) * draws.chance((clips, 1, 1, 1), varied.restanced)
        turned = multiply(multiply(mean, quaternion_from_vector(stance)), quaternion_from_vector(turns + sway * swaying))
        return torch.cat([turned, poses[..., 4:]], -1)

    def _proportions(self, clips: int, varied: VariationSettings) -> Tensor:
        """(B, 1, K, 1) factors of the bones' sizes."""
        draws, bones = self.draws, self.parents.shape[1]
        larger = draws.normal((clips, 1, bones, 1), varied.proportion) * draws.chance((clips, 1, bones, 1), varied.reproportioned_bones)
        return (larger * draws.chance((clips, 1, 1, 1), varied.reproportioned)).exp()

    def _world(self, creature: Tensor, poses: Tensor) -> Tensor:
        """(B, T, K, 4, 4) of poses against the parents (B, T, K, 10): each doubling hangs chains on chains."""
        clips, frames, bones, _ = poses.shape
        world = torch.zeros(clips, frames, bones + 1, 4, 4, device=poses.device)
        world[..., :bones, :3, :3] = matrix_from_quaternion(poses[..., :4]) * poses[..., None, 7:]
        world[..., :bones, :3, 3] = poses[..., 4:7]
        world[..., :bones, 3, 3] = 1
        world[..., bones, :, :] = torch.eye(4, device=poses.device)
        above = torch.nn.functional.pad(self.parents[creature], (0, 1), value=bones)
        for _ in range(self.doublings):
            chain = above[:, None, :, None, None].expand_as(world)
            world = world.gather(2, chain) @ world
            above = above.gather(1, above)
        return world[:, :, :bones]


def _above(parents: Tensor) -> Tensor:
    """(A, K, K) bool: [a, k, j] where bone j is k or above it."""
    bones = parents.shape[1]
    above = torch.eye(bones, dtype=torch.bool, device=parents.device).repeat(len(parents), 1, 1)
    for bone in range(bones):  # parents come before their children
        parent = parents[:, bone]
        rows = torch.nonzero(parent >= 0)[:, 0]
        above[rows, bone] |= above[rows, parent[rows]]
    return above
