"""Gaussians ride on the artist's triangles: wherever the vertices go, the pictures show what the artist gets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from builders import Job
from puppets import TWO_PARTS, asset_of, bound, puppet
from scipy.spatial.transform import Rotation

from align4d.alignment.animated_asset import AnimatedAsset
from align4d.alignment.lighting import Lighting, to_linear, unlit
from align4d.gaussians.fused import compile_kernels
from align4d.gaussians.fused.backward import ride_backward
from align4d.gaussians.fused.forward import ride_kernel
from align4d.inputs.asset import weld
from align4d.motion.parts import find_parts
from align4d.motion.rotations import matrix_from_quaternion
from align4d.motion.skeleton import Motion, build_skeleton
from align4d.motion.skinning import Skin, skin_points
from align4d.motion.surface_graph import build_surface_graph
from align4d.motion.triangles import edge_lengths, triangle_frames


class Stage:
    """The two-part puppet with a random smooth mixture of its parts' weights, as a coarse mesh would have."""

    def __init__(self, job: Job) -> None:
        asset = asset_of(job, puppet())
        welded = weld(asset)
        surface = build_surface_graph(welded.vertices, welded.triangles)
        parts = find_parts(surface, TWO_PARTS)
        self.skeleton = build_skeleton(surface, parts)
        self.gaussians = bound(asset, 500, 5)
        corners = self.gaussians.corners.reshape(-1, 3)
        rigid = skin_points(surface, parts, corners.numpy(), "cpu")
        share = (corners[:, :1] + 0.5).clamp(0, 1)
        self.rigid = self.animated(rigid)
        self.mixed = self.animated(Skin(torch.cat([share, 1 - share], 1)))

    def animated(self, skin: Skin) -> AnimatedAsset:
        return AnimatedAsset(self.gaussians, skin, to_linear(self.gaussians.albedo), unlit(), "cpu")

    def pose(self, root: tuple[float, ...], wing: tuple[float, ...]) -> Motion:
        turn = torch.zeros(1, 2, 3)
        turn[0, self.skeleton.root], turn[0, 1 - self.skeleton.root] = torch.tensor(root), torch.tensor(wing)
        return self.skeleton.pose(turn, torch.zeros(1, 2, 3))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(Job(tmp_path_factory.mktemp("stage")))


NO_TURN = (0.0, 0.0, 0.0)


def test_at_rest_nothing_moves(stage: Stage) -> None:
    shown = stage.mixed.perform(stage.pose(NO_TURN, NO_TURN))
    torch.testing.assert_close(shown.means[0], stage.gaussians.means, atol=1e-6, rtol=0)
    same = (shown.quats[0] * stage.gaussians.quats).sum(-1).abs()
    torch.testing.assert_close(same, torch.ones(500), atol=1e-5, rtol=0)


@pytest.mark.parametrize("angle", [0.4, 2.0, 3.1])
def test_turned_as_a_whole_everything_turns(stage: Stage, angle: float) -> None:
    """Also past the angle at which a matrix is no longer read off by its trace."""
    motion = stage.pose((0.0, 0.0, angle), NO_TURN)
    shown = stage.rigid.perform(motion)
    turn = torch.from_numpy(Rotation.from_rotvec([0, 0, angle]).as_matrix()).float()
    expected = turn @ matrix_from_quaternion(stage.gaussians.quats)
    torch.testing.assert_close(matrix_from_quaternion(shown.quats[0]), expected, atol=1e-4, rtol=0)
    moved = stage.gaussians.means @ motion.rotation[0, stage.skeleton.root].T + motion.offset[0, stage.skeleton.root]
    torch.testing.assert_close(shown.means[0], moved, atol=1e-5, rtol=0)
    assert float(stage.rigid.stretch(stage.rigid.corners(motion))) < 1e-9


def test_between_parts_gaussians_stay_on_their_flat_triangles(stage: Stage) -> None:
    """Skinned one by one they would leave the triangles that the artist's mesh has there."""
    motion = stage.pose(NO_TURN, (0.0, 1.2, 0.0))
    corners = stage.mixed.corners(motion)
    shown = stage.mixed.perform(motion)
    frames = triangle_frames(corners)[0]
    rest = triangle_frames(stage.gaussians.corners)
    surface = (stage.gaussians.barycentric[..., None] * stage.gaussians.corners).sum(-2)
    depth = ((stage.gaussians.means - surface) * rest[..., 2]).sum(-1)
    above = ((shown.means[0] - corners[0, :, 0]) * frames[..., 2]).sum(-1)
    torch.testing.assert_close(above, depth, atol=1e-5, rtol=0)
    # +Z of a Gaussian is its face's normal
    normals = matrix_from_quaternion(shown.quats[0])[..., 2]
    torch.testing.assert_close((normals * frames[..., 2]).sum(-1), torch.ones(500), atol=1e-3, rtol=0)
    assert float(stage.mixed.stretch(corners)) > 1e-4


def test_the_surface_moves_with_an_offset(stage: Stage) -> None:
    offset = torch.tensor([0.1, -0.2, 0.3]).expand(1, 500, 3)
    motion = stage.pose(NO_TURN, NO_TURN)
    shown = stage.rigid.perform(motion, offset)
    torch.testing.assert_close(shown.means - stage.gaussians.means, offset, atol=1e-5, rtol=0)


def test_gradients_reach_the_motion(stage: Stage) -> None:
    turn = (0.1 * torch.ones(1, 2, 3)).requires_grad_()
    motion = stage.skeleton.pose(turn, torch.zeros(1, 2, 3))
    shown = stage.mixed.perform(motion)
    (shown.means.sum() + (shown.quats**3).sum() + (shown.colors**2).sum() + stage.mixed.stretch(stage.mixed.corners(motion)).sum()).backward()
    assert turn.grad is not None and torch.isfinite(turn.grad).all() and (turn.grad.abs() > 0).any(-1).all()


def test_the_kernels_are_the_tensors(stage: Stage) -> None:
    """What runs on the processor against what runs on a GPU: values, and gradients in everything that learns."""
    generator = torch.Generator().manual_seed(3)
    leaves = {
        "turn": 0.8 * torch.randn(3, 2, 3, generator=generator),
        "shift": 0.1 * torch.randn(3, 2, 3, generator=generator),
        "offset": 0.02 * torch.randn(3, 500, 3, generator=generator),
        "albedo": torch.rand(500, 3, generator=generator),
        "light": torch.randn(13, 3, generator=generator) * 0.2 + torch.eye(13)[:, :1],
    }
    pull = [torch.randn(3, 500, width, generator=generator) for width in (3, 4, 3)]
    found = []
    for as_tensors in (False, True):
        for leaf in leaves.values():
            leaf.requires_grad_().grad = None
        animated = replace(stage.mixed, albedo=leaves["albedo"], lighting=Lighting(leaves["light"]))
        motion = stage.skeleton.pose(leaves["turn"], leaves["shift"])
        if as_tensors:
            corners = animated.corners(motion, leaves["offset"])
            shown, stretch = animated.on_corners(motion, corners), animated.stretch(corners)
        else:
            shown, stretch = animated.stretched(motion, leaves["offset"])
        values = shown.means, shown.quats, shown.colors, stretch
        (sum((value * by).sum() for value, by in zip(values[:3], pull, strict=True)) + 50 * stretch.sum()).backward()
        found.append((*values, *(leaf.grad for leaf in leaves.values())))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=2e-4 * float(theirs.detach().abs().max()))


def test_the_kernels_give_the_same_bits_with_any_number_of_threads(stage: Stage) -> None:
    def gradient() -> torch.Tensor:
        turn = (0.1 * torch.ones(16, 2, 3)).requires_grad_()
        shown = stage.mixed.perform(stage.skeleton.pose(turn, torch.zeros(16, 2, 3)))
        ((shown.means**2).sum() + (shown.quats**3).sum() + (shown.colors**2).sum()).backward()
        assert turn.grad is not None
        return turn.grad

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = gradient()
        torch.set_num_threads(2)
        assert torch.equal(alone, gradient())
    finally:
        torch.set_num_threads(before)


def test_what_was_compiled_beforehand_is_what_a_job_runs(stage: Stage) -> None:
    compile_kernels()
    turn = torch.zeros(2, 2, 3, requires_grad=True)
    shown = stage.mixed.perform(stage.skeleton.pose(turn, torch.zeros(2, 2, 3)))
    shown.means.sum().backward()
    assert len(ride_kernel.signatures) == len(ride_backward.signatures) == 1


def test_a_collapsed_triangle_gives_numbers() -> None:
    corners = torch.zeros(1, 3, 3, requires_grad=True)
    (triangle_frames(corners).sum() + edge_lengths(corners).sum()).backward()
    assert torch.isfinite(corners.grad).all()


def test_edges_are_in_order() -> None:
    corners = torch.tensor([[0.0, 0, 0], [3, 0, 0], [3, 4, 0]])
    np.testing.assert_allclose(edge_lengths(corners), [3, 4, 5], rtol=1e-5)
