"""The skeleton and the skin: a tree whose joints move what hangs on them, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from puppets import TWO_PARTS, Mesh, block, joined, puppet
from scipy.spatial.transform import Rotation

from align4d.motion.parts import Parts, PartSettings, find_parts
from align4d.motion.skeleton import Skeleton, build_skeleton
from align4d.motion.skinning import Skin, skin_points
from align4d.motion.surface_graph import SurfaceGraph, build_surface_graph

RNG = np.random.default_rng(0)


class Figure:
    """A mesh with its parts and skeleton."""

    def __init__(self, mesh: Mesh, settings: PartSettings | None = None) -> None:
        self.vertices = mesh[0]
        self.surface: SurfaceGraph = build_surface_graph(*mesh)
        self.parts: Parts = find_parts(self.surface, settings or PartSettings())
        self.skeleton: Skeleton = build_skeleton(self.surface, self.parts)

    def skin(self) -> Skin:
        """How the vertices follow."""
        return skin_points(self.surface, self.parts, self.vertices, "cpu")

    def part_at(self, *place: float) -> int:
        return int(self.parts.label[self.surface.nearest(np.array([place]))[0]])

    def below(self, part: int) -> set[int]:
        """The part and its descendants."""
        found = {part}
        for level in self.skeleton.levels:
            found |= {int(one) for one in level if int(self.skeleton.parent[one]) in found}
        return found


@pytest.fixture(scope="module")
def walker() -> Figure:
    """A trunk, a long arm of several slices to the right, and a head on top."""
    trunk, arm = block((0.32, 0.3, 0.34), (0, 0, 0)), block((0.6, 0.05, 0.05), (0.47, 0, 0))
    return Figure(joined(trunk, arm, block((0.2, 0.2, 0.2), (0, 0, 0.28))))


def still(figure: Figure, frames: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(frames, figure.skeleton.count, 3), torch.zeros(frames, figure.skeleton.count, 3)


def test_it_is_a_tree_rooted_in_the_mass(walker: Figure) -> None:
    skeleton = walker.skeleton
    assert skeleton.count == walker.parts.count >= 5
    assert (skeleton.parent < 0).sum() == 1 and skeleton.parent[skeleton.root] == -1
    assert skeleton.root == walker.part_at(0, -0.15, 0)  # the trunk is the heaviest
    assert walker.below(skeleton.root) == set(range(skeleton.count))
    assert sorted(np.concatenate(skeleton.levels)) == list(range(skeleton.count))
    assert skeleton.mass[skeleton.root] == pytest.approx(1) and (skeleton.mass[1:] > 0).all()


def test_the_arm_is_a_chain_that_starts_at_the_trunk(walker: Figure) -> None:
    chain = [walker.part_at(0.76, 0, 0.025)]
    while walker.skeleton.parent[chain[-1]] >= 0:
        chain.append(int(walker.skeleton.parent[chain[-1]]))
    assert len(chain) >= 4 and chain[-1] == walker.skeleton.root
    assert walker.part_at(0, 0, 0.37) not in chain
    places = walker.skeleton.joint[chain[:-1], 0]
    assert (np.diff(places) < 0).all()  # the joints come nearer to the trunk
    assert places[-1] == pytest.approx(0.16, abs=0.03)  # where the arm touches it
    masses = walker.skeleton.mass[chain]
    assert (np.diff(masses) > 0).all()


def test_no_pose_is_exactly_the_rest_pose(walker: Figure) -> None:
    motion = walker.skeleton.pose(*still(walker, 2))
    assert torch.equal(motion.rotation, torch.eye(3).expand(2, walker.skeleton.count, 3, 3))
    torch.testing.assert_close(motion.offset, torch.zeros_like(motion.offset), rtol=0, atol=1e-7)
    skin = walker.skin()
    rest = torch.from_numpy(walker.vertices).float()
    torch.testing.assert_close(skin.move(motion, rest), rest.expand(2, -1, -1), rtol=0, atol=1e-6)


def test_a_joint_moves_its_descendants_only_and_stays_in_its_place(walker: Figure) -> None:
    skeleton = walker.skeleton
    for part in range(skeleton.count):
        turn, shift = still(walker)
        turn[0, part] = torch.tensor([0.3, -0.5, 0.2])
        motion = skeleton.pose(turn, shift)
        moved = {one for one in range(skeleton.count) if not torch.allclose(motion.rotation[0, one], torch.eye(3), atol=1e-6)}
        assert moved == walker.below(part)
        rest = [one for one in range(skeleton.count) if one not in moved]
        assert motion.offset[0, rest].abs().max() < 1e-6 if rest else part == skeleton.root
        joint = torch.from_numpy(skeleton.joint[part]).float()
        for one in moved:
            torch.testing.assert_close(motion.rotation[0, one] @ joint + motion.offset[0, one], joint, rtol=0, atol=1e-6)


def test_turns_add_up_along_the_chain(walker: Figure) -> None:
    """Forward kinematics against scipy, by walking up the tree."""
    skeleton = walker.skeleton
    turn, shift = torch.from_numpy(RNG.normal(0, 0.5, (3, skeleton.count, 3))), torch.from_numpy(RNG.normal(0, 0.1, (3, skeleton.count, 3)))
    motion = skeleton.pose(turn, shift)
    point = np.array([0.1, 0.2, -0.3])
    for frame in range(3):
        for part in range(skeleton.count):
            place, one = point, part
            while one >= 0:
                local = Rotation.from_rotvec(turn[frame, one].numpy())
                place = local.apply(place - skeleton.joint[one]) + skeleton.joint[one] + shift[frame, one].numpy()
                one = int(skeleton.parent[one])
            found = motion.rotation[frame, part].numpy() @ point + motion.offset[frame, part].numpy()
            np.testing.assert_allclose(found, place, atol=1e-9)


def test_frames_are_picked_in_order(walker: Figure) -> None:
    turn, shift = torch.randn(4, walker.skeleton.count, 3, generator=torch.Generator().manual_seed(0)), still(walker, 4)[1]
    motion = walker.skeleton.pose(turn, shift)
    assert torch.equal(motion.frames(torch.tensor([2, 0])).rotation, motion.rotation[[2, 0]])
    assert torch.equal(motion.frame(3).offset, motion.offset[3:])


def test_moving_the_root_moves_everything_rigidly(walker: Figure) -> None:
    turn, shift = still(walker)
    turn[0, walker.skeleton.root], shift[0, walker.skeleton.root] = torch.tensor([0.1, 0.7, -0.4]), torch.tensor([0.2, 0.0, -0.1])
    skin = walker.skin()
    moved = skin.move(walker.skeleton.pose(turn, shift), torch.from_numpy(walker.vertices).float())[0].numpy()
    before, after = (np.linalg.norm(points[:50, None] - points[None, -50:], axis=2) for points in (walker.vertices, moved))
    np.testing.assert_allclose(before, after, atol=1e-5)


def test_weights_of_points_sum_to_one_and_stay_in_their_shell() -> None:
    figure = Figure(puppet(), TWO_PARTS)
    skin = figure.skin()
    torch.testing.assert_close(skin.weights.sum(1), torch.ones(len(figure.vertices)))
    left, right = figure.part_at(-0.5, 0, 0), figure.part_at(0.46, -0.05, 0.06)
    wing = figure.vertices[:, 0] > 0.02
    assert (skin.weights[wing][:, right] == 1).all() and (skin.weights[~wing & (figure.vertices[:, 0] < -0.01)][:, left] == 1).all()
    turn, shift = still(figure)
    turn[0, right if right != figure.skeleton.root else left] = torch.tensor([0.0, 0.4, 0.0])
    moved = skin.move(figure.skeleton.pose(turn, shift), torch.from_numpy(figure.vertices).float())[0].numpy()
    distance = np.linalg.norm(moved - figure.vertices, axis=1)
    assert distance[~wing & (figure.vertices[:, 0] < -0.01)].max() < 1e-6 and distance[wing].max() > 0.1


def test_parts_that_touch_nothing_are_tied_to_the_nearest() -> None:
    """Three blocks in a row, apart: the outer ones hang on the middle one, not on each other."""
    row = [block((0.2, 0.2, 0.2), (x, 0, 0)) for x in (-0.4, 0.0, 0.4)]
    figure = Figure(joined(*row))
    middle = figure.part_at(0, -0.1, 0)
    assert figure.skeleton.root == middle
    assert [int(figure.skeleton.parent[figure.part_at(x, -0.1, 0)]) for x in (-0.4, 0.4)] == [middle, middle]
    assert figure.skeleton.joint[figure.part_at(0.4, -0.1, 0), 0] == pytest.approx(0.2, abs=0.11)


def test_one_part_is_a_tree_too() -> None:
    figure = Figure(block((0.4, 0.35, 0.3), (0.1, 0, 0)))
    assert figure.skeleton.parent.tolist() == [-1] and figure.skeleton.root == 0
    np.testing.assert_allclose(figure.skeleton.joint[0], [0.1, 0, 0], atol=0.01)
    turn, shift = still(figure)
    shift[0, 0] = torch.tensor([1.0, 2.0, 3.0])
    torch.testing.assert_close(figure.skeleton.pose(turn, shift).offset[0, 0], shift[0, 0])
