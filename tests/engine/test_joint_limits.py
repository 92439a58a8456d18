"""Limits of the artist's own bones: no pose of a result is beyond them."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import Job
from puppets import puppet
from test_bones import stored
from test_hand import skeleton
from test_pipeline import Shoot
from test_tracking import BEND, REFINEMENT, Show

from align4d import protocol
from align4d.errors import EngineError
from align4d.inputs.asset import load_asset
from align4d.inputs.bone_limits import BoneLimit, BoneLimits
from align4d.job.reporting import RecordingReporter
from align4d.motion.joint_limits import JointLimits, euler_of, limits_between, matrix_of
from align4d.motion.rotations import quaternion_from_matrix, quaternion_from_vector
from align4d.pipeline import artist
from align4d.pipeline.articulation import joint_limits

FREE = (-math.inf, math.inf)


def limits(above: list[int], *each: tuple[int, int, tuple[tuple[float, float], ...]], axes: tuple[int, ...] = (0, 1, 2)) -> JointLimits:
    """Of (part, against, angles), in the world's axes."""
    part, against, angles = zip(*each, strict=True)
    count, still = len(each), np.broadcast_to(np.eye(3), (len(each), 3, 3))
    low, high = np.radians(np.array(angles, float)).transpose(2, 0, 1)
    order = np.broadcast_to(np.array(axes), (count, 3))
    return limits_between(np.array(above), np.array(part), np.array(against), still, still, order, low, high)


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_angles_are_those_of_the_order(order: tuple[int, int, int]) -> None:
    """A turn about the first axis, then the second, then the third of an order, is within exactly those angles."""
    angles = np.array([25.0, -40.0, 65.0])
    turned = torch.eye(3, dtype=torch.float64)
    for axis, angle in zip(order, np.radians(angles), strict=True):
        vector = torch.zeros(3, dtype=torch.float64)
        vector[axis] = angle
        turned = _matrix(vector) @ turned
    rotation = torch.stack([torch.eye(3, dtype=torch.float64), turned])[None].float()
    for slack, beyond in ((0.5, 0.0), (-1.0, 3 * math.radians(1) ** 2)):
        ends = tuple((min(0.0, angle) - (slack if angle < 0 else 0), max(0.0, angle) + (slack if angle > 0 else 0)) for angle in angles)
        found = limits([2, 0], (1, 0, ends), axes=order).beyond(rotation)
        assert float(found) == pytest.approx(beyond, rel=0.02, abs=1e-9)


def _matrix(vector: torch.Tensor) -> torch.Tensor:
    w, x, y, z = quaternion_from_vector(vector)
    cross = torch.stack([torch.stack([0 * w, -z, y]), torch.stack([z, 0 * w, -x]), torch.stack([-y, x, 0 * w])])
    return torch.eye(3, dtype=vector.dtype) + 2 * w * cross + 2 * cross @ cross


def test_matrices_angles_and_quaternions_agree() -> None:
    random = torch.Generator().manual_seed(0)
    angles = (torch.rand(200, 3, generator=random, dtype=torch.float64) - 0.5) * torch.tensor([6.2, 3.1, 6.2])
    torch.testing.assert_close(euler_of(matrix_of(angles)), angles, rtol=0, atol=1e-6)
    turned = torch.stack([_matrix(one) for one in angles])
    quaternion, other = quaternion_from_matrix(turned), quaternion_from_vector(angles)
    torch.testing.assert_close((quaternion * other).sum(-1).abs(), torch.ones(200, dtype=torch.float64))


@pytest.mark.parametrize("above", [[7, 0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7]], ids=["along the tree", "against it"])
def test_every_pose_is_brought_within_the_limits(above: list[int]) -> None:
    """Whichever end of a chain its bones hang on, and where a part has two limits that do not see the same angles."""
    tree = dataclasses.replace(skeleton("chain"), parent=np.array([-1, 0, 1, 2, 3, 4, 5]), joint=np.random.default_rng(0).normal(size=(7, 3)))
    hinge, twist = ((-10.0, 70.0), (0.0, 0.0), (0.0, 0.0)), ((-20.0, 20.0), FREE, FREE)
    own = [(part, above[part], hinge if part % 2 else twist) for part in range(7) if above[part] < 7]
    every = limits(above, *own, (above.index(7), 7, (FREE, (-30.0, 30.0), FREE)))
    random = torch.Generator().manual_seed(0)
    turn, shift = torch.randn(40, 7, 3, generator=random), 0.1 * torch.randn(40, 7, 3, generator=random)
    turn[0] = 0
    kept = every.kept(tree, turn, shift)
    before, after = (every.beyond(tree.pose(one, shift).rotation) for one in (turn, kept))
    assert before[0] == 0 and (before[1:] > 0.01).all() and after.max() == 0
    assert torch.equal(kept[0], turn[0]), "a pose within its limits stays bit for bit"
    torch.testing.assert_close(every.kept(tree, kept, shift), kept)


def test_the_pose_in_which_the_mesh_was_read_is_allowed() -> None:
    own = limits([2, 0], (1, 0, ((10.0, 30.0), FREE, FREE)))
    still, turned = torch.eye(3).expand(1, 2, 3, 3), torch.eye(3).repeat(1, 2, 1, 1)
    turned[0, 1] = _matrix(torch.tensor([math.radians(-3), 0, 0]))
    assert float(own.beyond(still)) == pytest.approx(0, abs=1e-9) and float(own.beyond(turned)) > 1e-3


def test_a_bone_that_is_no_part_goes_with_the_one_above_it() -> None:
    one = BoneLimit("d", True, np.eye(3), np.eye(3), np.arange(3), np.full(3, -0.1), np.full(3, 0.1))
    above = {"a": (), "b": ("a",), "c": ("b", "a"), "d": ("c", "b", "a"), "e": ("d", "c", "b", "a")}
    found = joint_limits(BoneLimits(above, (one, dataclasses.replace(one, bone="c"))), ["a", "b", "d", "e"])
    assert found is not None and found.above.tolist() == [4, 0, 1, 2] and found.part.tolist() == [2] and found.against.tolist() == [1]
    assert joint_limits(BoneLimits(above, (dataclasses.replace(one, bone="c"),)), ["a", "d"]) is None


def test_tracking_and_refining_stay_within_them(tmp_path: Path) -> None:
    """The clip shows the wing turned by more than it may."""
    show, limit = Show(Job(tmp_path)), 15.0
    body, within = show.skeleton.root, ((-limit, limit),) * 3
    above = [2 if part == body else body for part in range(2)]
    show.animated = dataclasses.replace(show.animated, limits=limits(above, (show.wing, body, within)))
    tracked = show.track(show.video(BEND))
    refined = show.refine(show.video(BEND), tracked, REFINEMENT)
    for motion in (show.skeleton.pose(tracked.turn, tracked.shift), refined.motion):
        angles = torch.rad2deg(euler_of(motion.rotation[:, body].mT @ motion.rotation[:, show.wing]))
        assert angles.abs().max() <= limit
        assert angles[-1, 1].abs() > 0.8 * limit, "it turns as far as it may"


def limit_arrays(degrees: float) -> dict[str, np.ndarray]:
    """The right bone hangs on the left one, and turns by so much about any axis."""
    one = np.eye(3, dtype=np.float32)[None]
    ends = np.full((1, 3), math.radians(degrees), np.float32)
    index = np.array([1], np.int32)
    arrays = {"names": np.array(["Rig/left", "Rig/right"]), "parent": np.array([-1, 0], np.int32), "bone": index, "against_parent": index > 0}
    return {**arrays, "frame": one, "stand": one, "axes": np.arange(3, dtype=np.int32)[None], "low": -ends, "high": ends}


def limited(folder: Path, **others: np.ndarray) -> protocol.Request:
    """A job of the puppet whose wing may turn by two degrees."""
    right = puppet()[0][:, 0] > 0
    protocol.write_arrays(folder / "input" / "bones.npz", stored(["Rig/left", "Rig/right"], np.stack([~right, right], 1).astype(float)))
    protocol.write_arrays(folder / "input" / "limits.npz", {**limit_arrays(2.0), **others})
    request = protocol.read_request(folder)
    rigged = dataclasses.replace(request.objects[0], bones="input/bones.npz", limits="input/limits.npz")
    request = dataclasses.replace(request, objects=(rigged,))
    protocol.write_json(folder / "request.json", request)
    return request


def turned(folder: Path) -> torch.Tensor:
    """(T,) degrees by which the parts of a result turn against each other."""
    quaternion = protocol.read_arrays(folder / protocol.POSES)["rotation"].astype(np.float64)
    return torch.rad2deg(2 * torch.from_numpy(np.abs((quaternion[:, 0] * quaternion[:, 1]).sum(1)).clip(0, 1)).acos())


def test_a_job_and_what_is_solved_around_a_pose_stay_within_them(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    folder = shoot.job(tmp_path / "job")
    free = artist.run(shoot.job(tmp_path / "free"), RecordingReporter())
    limited(folder)
    artist.run(folder, RecordingReporter())
    assert free.poses and turned(folder).max() <= 2.0 * math.sqrt(3)
    true = shoot.asset.similarity.invert(shoot.motion)
    protocol.write_correction(folder, tmp_path / "hand", "hand", {2: true[2]})
    artist.run(tmp_path / "hand", RecordingReporter())
    around = turned(tmp_path / "hand")
    assert around[2] > 2.0 * math.sqrt(3), "what the artist poses is as the artist poses it"
    assert np.delete(around.numpy(), 2).max() <= 2.0 * math.sqrt(3)


@pytest.mark.parametrize(
    "wrong", [{"parent": np.array([0, 0], np.int32)}, {"low": np.ones((1, 3), np.float32)}, {"axes": np.zeros((1, 3), np.int32)}]
)
def test_other_arrays_are_refused(tmp_path: Path, wrong: dict[str, np.ndarray]) -> None:
    folder = Shoot(tmp_path).job(tmp_path / "job")
    assert load_asset(limited(folder), folder).limits is not None
    with pytest.raises(EngineError, match="bone limits"):
        load_asset(limited(folder, **wrong), folder)


def test_limits_of_a_mesh_that_is_hardly_rigged_are_not_kept_and_it_is_said(tmp_path: Path) -> None:
    folder = Shoot(tmp_path).job(tmp_path / "job")
    limited(folder)
    corner = np.zeros((len(puppet()[0]), 2))
    corner[0] = 1
    protocol.write_arrays(folder / "input" / "bones.npz", stored(["Rig/left", "Rig/right"], corner))
    job = artist.ArtistJob(folder, protocol.read_request(folder), RecordingReporter())
    assert job.articulation(load_asset(job.request, folder)).limits is None
    assert len(job.notes) == 1 and job.notes[0].startswith("The limits of the bones are not kept")
