"""The artist's hand: a finished motion solved anew around poses that are known, and nothing else touched."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pretend_pipeline
import pytest
import torch
from scipy.spatial import cKDTree
from test_kinematics import TREES
from test_pipeline import FRAMES, Shoot

from align4d import protocol
from align4d.alignment.around_pins import span_of
from align4d.alignment.pinned_pose import fit_joints
from align4d.bake.rigged_gltf import write_rigged
from align4d.cli import main
from align4d.errors import EngineError
from align4d.inputs.asset import load_asset
from align4d.inputs.gaussian_file import read_gaussians
from align4d.job.reporting import RecordingReporter
from align4d.motion.joints import change_between, corrected, joints_of
from align4d.motion.skeleton import Skeleton
from align4d.motion.skinning import Skin
from align4d.pipeline import artist
from align4d.pipeline.first_pose_note import KEEP_A_POSE

PINNED = 2


def skeleton(name: str) -> Skeleton:
    """One of the trees, its joints spread at random."""
    parent = np.array(TREES[name])
    one = np.ones(len(parent))
    return Skeleton(parent, np.random.default_rng(0).normal(size=(len(parent), 3)), one, one, one, (np.flatnonzero(parent < 0),))


@pytest.mark.parametrize("name", TREES)
def test_joints_come_back_from_the_parts(name: str) -> None:
    tree = skeleton(name)
    random = torch.Generator().manual_seed(0)
    turn, shift = (torch.randn(5, tree.count, 3, generator=random, dtype=torch.float64) for _ in range(2))
    turn[:, 0] *= torch.linspace(0, 4, 5)[:, None]  # more than half a turn
    found = joints_of(tree, tree.pose(turn, shift))
    for one, other in zip(dataclasses.astuple(tree.pose(*found)), dataclasses.astuple(tree.pose(turn, shift)), strict=True):
        close = (one - other).abs().amax(-1)
        if one.shape[-1] == 4:  # a quaternion and its negative are one rotation
            close = close.minimum((one + other).abs().amax(-1))
        assert close.max() < 1e-6


def test_a_turn_that_goes_on_does_not_jump() -> None:
    tree = skeleton("one")
    turn = torch.zeros(40, 1, 3, dtype=torch.float64)
    turn[:, 0, 2] = torch.linspace(0, 9, 40)
    found, _ = joints_of(tree, tree.pose(turn, torch.zeros_like(turn)))
    torch.testing.assert_close(found, turn, rtol=0, atol=1e-6)


def test_a_whole_change_leads_from_pose_to_pose() -> None:
    random = torch.Generator().manual_seed(1)
    old, new = ((torch.randn(1, 3, 3, generator=random), torch.randn(1, 3, 3, generator=random)) for _ in range(2))
    tree, change = skeleton("chain"), change_between(old, new)
    tree = dataclasses.replace(tree, parent=np.array([-1, 0, 1]), joint=tree.joint[:3])
    torch.testing.assert_close(tree.pose(*corrected(*old, change, torch.ones(1))).rotation, tree.pose(*new).rotation, rtol=0, atol=1e-5)
    torch.testing.assert_close(tree.pose(*corrected(*old, change, torch.zeros(1))).rotation, tree.pose(*old).rotation, rtol=0, atol=1e-5)


def test_a_pose_is_found_from_where_the_vertices_are() -> None:
    tree = dataclasses.replace(skeleton("chain"), parent=np.array([-1, 0, 1]), joint=np.array([[0.0, 0, 0], [0.3, 0, 0], [0.6, 0, 0]]))
    random = np.random.default_rng(0)
    rest = torch.from_numpy(random.uniform([0, -0.1, -0.1], [0.9, 0.1, 0.1], (300, 3))).float()
    distance = (rest[:, :1] - torch.tensor([[0.15, 0.45, 0.75]])).abs()
    skin = Skin((-distance / 0.03).softmax(1))
    turn, shift = torch.from_numpy(random.normal(0, 0.8, (1, 3, 3))).float(), torch.zeros(1, 3, 3)
    aim = skin.move(tree.pose(turn, shift), rest)[0]
    old = tree.pose(torch.zeros_like(turn), shift)
    found = skin.move(tree.pose(*fit_joints(tree, skin, rest, old, aim)), rest)[0]
    assert (found - aim).norm(dim=1).max() < 2e-3 < 0.05 < (rest - aim).norm(dim=1).max()


def test_frames_between_pins_are_solved_and_no_others() -> None:
    between = span_of([8], [2, 12], 20, 24.0)
    assert between.frames.tolist() == [3, 4, 5, 6, 7, 9, 10, 11]
    assert between.shares[8][5] == 0.5 and between.shares[8][8] == 1 and not between.shares[8][12:].any()
    to_the_end = span_of([8, 14], [0], 20, 24.0)
    assert to_the_end.frames.tolist() == [*range(1, 8), *range(9, 14), *range(15, 20)]
    np.testing.assert_allclose(to_the_end.shares[8][8:15] + to_the_end.shares[14][8:15], 1)
    assert (np.diff(to_the_end.shares[14][14:]) < 0).all() and to_the_end.shares[14][-1] > 0.8


@dataclasses.dataclass(frozen=True)
class Finished:
    """A job of the puppet, done."""

    folder: Path
    result: protocol.Result
    true: np.ndarray

    def motion(self) -> np.ndarray:
        return protocol.read_pc2(self.folder / self.result.objects[0].motion)

    def corrected(self, folder: Path, frame: int, positions: np.ndarray | None = None) -> Finished:
        """The same with a frame pinned, by default as it truly was."""
        protocol.write_correction(self.folder, folder, folder.name, {frame: self.true[frame] if positions is None else positions})
        return Finished(folder, artist.run(folder, RecordingReporter()), self.true)

    def off(self) -> np.ndarray:
        """(T,) mean distance from the truth."""
        found: np.ndarray = np.linalg.norm(self.motion() - self.true, axis=2).mean(1)
        return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    shoot = Shoot(tmp_path_factory.mktemp("shoot"))
    folder = shoot.job(tmp_path_factory.mktemp("whole"))
    return Finished(folder, artist.run(folder, RecordingReporter()), shoot.asset.similarity.invert(shoot.motion))


@pytest.fixture(scope="module")
def pinned(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return finished.corrected(tmp_path_factory.mktemp("once"), PINNED)


def test_a_pinned_frame_is_as_pinned_and_its_neighbors_are_better(finished: Finished, pinned: Finished) -> None:
    old, new = finished.off(), pinned.off()
    assert new[PINNED] < 1e-5 < old[PINNED]
    assert (new[[1, 3]] < old[[1, 3]]).all()
    np.testing.assert_array_equal(pinned.motion()[0], finished.motion()[0])  # shows the rest pose, and stays
    assert dataclasses.replace(protocol.read_result(pinned.folder), seconds={}) == dataclasses.replace(pinned.result, seconds={})
    assert pinned.result.job == pinned.folder.name and pinned.result.camera == finished.result.camera
    before, poses = (protocol.read_arrays(job.folder / protocol.POSES) for job in (finished, pinned))
    assert poses["rotation"].shape[0] == FRAMES and (poses["rotation"] != before["rotation"]).any()
    assert all((poses[name] == before[name]).all() for name in ("point", "part", "weight"))


def test_doubt_is_told_for_every_vertex_and_none_where_the_pose_is_known(finished: Finished, pinned: Finished) -> None:
    for job, certain in ((finished, [0]), (pinned, [0, PINNED])):
        arrays = protocol.read_arrays(job.folder / protocol.CERTAINTY)
        assert {name: array.dtype for name, array in arrays.items()} == {"doubt": np.float32, "seen": bool, "point": np.int32}
        doubt = arrays["doubt"][:, arrays["point"]]
        assert doubt.shape == job.motion().shape[:2]
        known = np.isin(np.arange(FRAMES), certain)
        assert not doubt[known].any() and (doubt[~known] > 0).all()
        seen = arrays["seen"][0, arrays["point"]]
        viewmat = np.linalg.inv(np.array(job.result.camera.matrix_world))
        near = job.true[0] @ viewmat[2, :3]  # Blender's cameras look along -Z
        assert seen[near > np.quantile(near, 0.9)].mean() > 0.8 and seen[near < np.quantile(near, 0.1)].mean() < 0.2


def test_a_second_pin_leaves_what_the_first_one_holds(pinned: Finished, tmp_path: Path) -> None:
    twice = pinned.corrected(tmp_path, 3)
    np.testing.assert_array_equal(twice.motion()[: PINNED + 1], pinned.motion()[: PINNED + 1])
    assert twice.off()[3] < 1e-5


def test_what_joints_cannot_show_is_shown_too(finished: Finished, tmp_path: Path) -> None:
    bump = finished.true[PINNED].copy()
    bump[7] += 0.2
    found = finished.corrected(tmp_path, PINNED, bump).motion()
    np.testing.assert_allclose(found[PINNED], bump, atol=1e-5)
    assert 0.02 < np.linalg.norm(found[1, 7] - finished.motion()[1, 7]) < 0.3  # less of it beside the pin


def test_gaussians_come_again_and_follow_the_pinned_pose(finished: Finished, tmp_path: Path) -> None:
    base = shutil.copytree(finished.folder, tmp_path / "base")
    protocol.write_json(base / "request.json", dataclasses.replace(protocol.read_request(base), gaussians=True))
    new = dataclasses.replace(finished, folder=base).corrected(tmp_path / "new", PINNED, finished.true[PINNED] + [0.3, 0, 0])
    files = sorted((new.folder / new.result.objects[0].gaussians).iterdir())
    assert [file.name for file in files] == [protocol.GAUSSIAN_FRAME.format(frame) for frame in range(FRAMES)]
    places = read_gaussians(files[PINNED]).means.numpy()
    to_new, to_old = (cKDTree(motion[PINNED]).query(places)[0].mean() for motion in (new.motion(), finished.motion()))
    assert to_new < 0.5 * to_old


def test_a_guess_is_followed_anew_from_a_pin(finished: Finished, tmp_path: Path) -> None:
    arrays = protocol.read_arrays(finished.folder / protocol.SOLVED)
    assert not arrays["guessed"]
    half = 0.8 * np.arange(FRAMES)[:, None]
    astray = np.zeros_like(arrays["motion_quaternion"])
    astray[..., 0], astray[..., 3] = np.cos(half), np.sin(half)  # the puppet spins
    off = {}
    for guessed in (False, True):
        base = shutil.copytree(finished.folder, tmp_path / f"base_{guessed}")
        changes = {"motion_quaternion": astray, "known_frame": np.array(-1), "guessed": np.array(guessed)}
        protocol.write_arrays(base / protocol.SOLVED, {**arrays, **changes})
        notes = ("Dark.", f"It is a guess. {KEEP_A_POSE}")
        protocol.write_json(base / "output" / "result.json", dataclasses.replace(finished.result, notes=notes))
        new = dataclasses.replace(finished, folder=base).corrected(tmp_path / f"new_{guessed}", PINNED)
        off[guessed] = new.off()
    assert off[True].max() < 0.1 * off[False].max() and off[True][PINNED] < 1e-5
    assert new.result.notes == ("Dark.",) and not protocol.read_arrays(new.folder / protocol.SOLVED)["guessed"]


def test_bones_that_an_older_version_captured_are_in_no_way(finished: Finished, tmp_path: Path) -> None:
    """Without heads and parents they make no new motion, but a finished one has its joints already."""
    base = shutil.copytree(finished.folder, tmp_path / "base")
    vertices = np.arange(len(finished.true[0]), dtype=np.int32)
    older = {"names": np.array(["Rig/a"]), "vertex": vertices, "bone": 0 * vertices, "weight": np.ones(len(vertices), np.float32)}
    protocol.write_arrays(base / "input" / "bones.npz", older)
    request = protocol.read_request(base)
    rigged = dataclasses.replace(request.objects[0], bones="input/bones.npz")
    protocol.write_json(base / "request.json", dataclasses.replace(request, objects=(rigged,)))
    new = dataclasses.replace(finished, folder=base).corrected(tmp_path / "new", PINNED)
    assert new.off()[PINNED] < 1e-5 and write_rigged(new.folder).is_file()
    with pytest.raises(EngineError, match="bone weights .* come from another version of Align4D") as caught:
        load_asset(protocol.read_request(base), base)
    assert caught.value.advice == "Generate again."


def test_pins_that_do_not_belong_are_refused(finished: Finished, tmp_path: Path) -> None:
    for name, frame, positions, words in (
        ("late", FRAMES, finished.true[0], f"Frame {FRAMES + 1} is pinned, and the motion has {FRAMES} frames"),
        ("few", 1, finished.true[1, :-1], "positions"),
        ("none", 1, np.full_like(finished.true[1], np.nan), "positions"),
    ):
        with pytest.raises(EngineError, match=words) as caught:
            finished.corrected(tmp_path / name, frame, positions)
        assert caught.value.code == "bad_pin" and not (tmp_path / name / "output" / "result.json").exists()


def test_a_motion_without_its_making_cannot_be_corrected(finished: Finished, tmp_path: Path) -> None:
    old = shutil.copytree(finished.folder, tmp_path / "old")
    (old / protocol.SOLVED).write_bytes(b"damaged")
    protocol.write_correction(old, tmp_path / "new", "new", {1: finished.true[1]})
    with pytest.raises(EngineError) as caught:
        artist.run(tmp_path / "new", RecordingReporter())
    assert caught.value.code == "not_correctable"
    (old / protocol.SOLVED).unlink()
    with pytest.raises(protocol.UserError, match="cannot be corrected"):
        protocol.write_correction(old, tmp_path / "newer", "newer", {1: finished.true[1]})
    assert not (tmp_path / "newer").exists()


def test_the_command_makes_the_same_job(finished: Finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "pose.npz", positions=finished.true[PINNED])
    (tmp_path / "nothing.npz").write_bytes(b"")

    def hand(pin: str, out: str) -> int:
        return main.main(["hand", str(finished.folder), "--pin", pin, "--out", str(tmp_path / out)], pretend_pipeline.run)

    assert hand(f"{PINNED + 1}={tmp_path / 'pose.npz'}", "out") == 0
    (pin,) = protocol.read_request(tmp_path / "out").pins
    assert pin.frame == PINNED
    np.testing.assert_array_equal(protocol.read_arrays(tmp_path / "out" / pin.pose)["positions"], finished.true[PINNED].astype(np.float32))
    assert hand(f"1={tmp_path / 'pose.npz'}", "out") == 1 and "holds a job already" in capsys.readouterr().out
    assert hand(f"1={tmp_path / 'nothing.npz'}", "other") == 1 and "cannot be read" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        hand("0=pose.npz", "other")
