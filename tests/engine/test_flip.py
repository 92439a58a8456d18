"""The other way: a limb's mirror image in depth looks the same to the camera, keeps its lengths, and eases in and out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pretend_pipeline
import pytest
from test_hand import Finished, finished  # noqa: F401  the fixture

from align4d import protocol
from align4d.alignment.flipped import joints_around
from align4d.cli import main
from align4d.job.reporting import RecordingReporter
from align4d.pipeline import artist
from align4d.protocol import FlipSpec
from align4d.protocol.flip import PartMotion, bone_ends, flip, shares
from align4d.protocol.flipped_job import matrices, quaternions, read_finished, write_flipped

FRAMES = 12
EYE = np.array([0.0, -1e4, 0.0])
"""So far off that it sees no perspective; it looks along +Y."""
JOINTS = np.array([[0.0, 0, 0], [0.3, 0, 0], [0.6, 0, 0], [0.9, 0, 0]])


def arm(bends: tuple[float, ...] = (0.1, 0.5, 0.4, -0.3)) -> PartMotion:
    """Four bones in a row, of which each bends about the upright axis against the one before, in all frames alike."""
    above, place = np.eye(3), np.zeros(3)
    rotation, offset = [], []
    for part, angle in enumerate(bends):
        if part:
            place = above @ JOINTS[part] + offset[-1]
        sine, cosine = np.sin(angle), np.cos(angle)
        above = above @ np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
        rotation.append(above)
        offset.append(place - above @ JOINTS[part])
    return PartMotion(np.arange(-1, 3), JOINTS, np.tile(rotation, (FRAMES, 1, 1, 1)), np.tile(offset, (FRAMES, 1, 1)))


def tips(motion: PartMotion) -> np.ndarray:
    """(T, 5, 3) joints and the end of the last bone."""
    last = motion.rotation[:, 3] @ np.array([1.2, 0, 0]) + motion.offset[:, 3]
    return np.concatenate([motion.places(), last[:, None]], 1)


ENDS = np.array([[0.3, 0, 0], [0.6, 0, 0], [0.9, 0, 0], [1.2, 0, 0]])


def test_a_limb_goes_the_other_way_and_looks_the_same() -> None:
    old = arm()
    new = flip(old, ENDS, EYE, [FlipSpec(1, 0, FRAMES - 1)])
    before, after = tips(old), tips(new)
    np.testing.assert_allclose(after[..., [0, 2]], before[..., [0, 2]], atol=1e-4)  # in the picture
    np.testing.assert_allclose(after[..., 1] - before[:, 1:2, 1], np.where(np.arange(5) > 1, -1, 1) * (before[..., 1] - before[:, 1:2, 1]), atol=1e-4)
    np.testing.assert_array_equal(new.rotation[:, 0], old.rotation[:, 0])
    np.testing.assert_allclose(new.rotation @ new.rotation.swapaxes(-1, -2), np.broadcast_to(np.eye(3), new.rotation.shape), atol=1e-9)
    again = flip(new, ENDS, EYE, [FlipSpec(1, 0, FRAMES - 1)])
    np.testing.assert_allclose(again.rotation, old.rotation, atol=1e-6)
    np.testing.assert_allclose(again.offset, old.offset, atol=1e-6)


def test_a_flip_eases_in_and_out_within_its_frames() -> None:
    old = arm()
    new = flip(old, ENDS, EYE, [FlipSpec(2, 2, 10)])
    for outside in (0, 1, 11):
        np.testing.assert_array_equal(new.rotation[outside], old.rotation[outside])
    depth = tips(new)[:, 4, 1]
    whole = tips(flip(old, ENDS, EYE, [FlipSpec(2, 0, FRAMES - 1)]))[0, 4, 1]
    np.testing.assert_allclose(depth[4:9], whole, atol=1e-9)
    assert (np.abs(np.diff(depth)).max() < 0.75 * abs(whole - depth[0])) and depth[0] == depth[11]
    lengths = np.linalg.norm(np.diff(tips(new), axis=1), axis=-1)
    np.testing.assert_allclose(lengths, 0.3, atol=1e-9)


def test_a_flip_to_the_end_of_the_clip_needs_no_way_back() -> None:
    assert shares(FlipSpec(1, 0, 11), 12).tolist() == [1.0] * 12
    part = shares(FlipSpec(1, 6, 11), 12)
    assert not part[:6].any() and 0 < part[6] < 1 and part[7:].all() and part[-1] == 1
    assert shares(FlipSpec(1, 5, 5), 12).tolist() == [0.0] * 5 + [1.0] + [0.0] * 6  # one frame is wholly flipped


def test_a_bone_ends_at_its_heaviest_child_or_in_the_middle_of_what_it_moves() -> None:
    parts = PartMotion(np.array([-1, 0, 0]), np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), np.tile(np.eye(3), (1, 3, 1, 1)), np.zeros((1, 3, 3)))
    rest = np.array([[0.5, 0, 0], [1.5, 0, 0], [2.5, 0, 0], [0, 1.5, 0]])
    weights = np.eye(3)[[0, 1, 1, 2]]
    np.testing.assert_allclose(bone_ends(parts, rest, weights), [[1, 0, 0], [2, 0, 0], [0, 1.5, 0]])


def test_quaternions_of_any_rotation() -> None:
    given = np.random.default_rng(0).normal(size=(50, 4))
    given[0], given[1] = (0, 1, 0, 0), (0, 0, 0.6, 0.8)  # half turns
    np.testing.assert_allclose(matrices(quaternions(matrices(given))), matrices(given), atol=1e-9)


def wing(job: Finished) -> int:
    """The part that is not the root."""
    return int(np.flatnonzero(read_finished(job.folder).parts.parent >= 0)[0])


def test_a_finished_motion_flips_at_once_and_back(finished: Finished, tmp_path: Path) -> None:  # noqa: F811
    limb = wing(finished)
    result = write_flipped(finished.folder, tmp_path / "other", "other", [FlipSpec(limb, 2, 3)])
    assert protocol.read_result(tmp_path / "other") == result and result.job == "other"
    old, new = finished.motion(), protocol.read_pc2(tmp_path / "other" / result.objects[0].motion)
    weights = read_finished(finished.folder).weights
    np.testing.assert_array_equal(new[:2], old[:2])
    np.testing.assert_array_equal(new[:, weights[:, limb] == 0], old[:, weights[:, limb] == 0])
    held = weights[:, limb] > 0.9
    assert np.linalg.norm(new[3, held] - old[3, held], axis=1).mean() > 0.01
    assert protocol.read_request(tmp_path / "other").flips == (FlipSpec(limb, 2, 3),)
    back = write_flipped(tmp_path / "other", tmp_path / "back", "back", [FlipSpec(limb, 2, 3)])
    np.testing.assert_allclose(protocol.read_pc2(tmp_path / "back" / back.objects[0].motion)[3, held], old[3, held], atol=2e-3)


def test_pins_go_on_from_a_flip(finished: Finished, tmp_path: Path) -> None:  # noqa: F811
    write_flipped(finished.folder, tmp_path / "other", "other", [FlipSpec(wing(finished), 1, 3)])
    flipped = Finished(tmp_path / "other", protocol.read_result(tmp_path / "other"), finished.true)
    np.testing.assert_allclose(flipped.corrected(tmp_path / "kept", 3, flipped.motion()[3]).motion()[3], flipped.motion()[3], atol=1e-5)
    assert not np.allclose(protocol.read_arrays(tmp_path / "kept" / protocol.POSES)["rotation"][3, wing(finished)], [1, 0, 0, 0], atol=1e-3)


def test_what_is_no_limb_or_no_frame_is_refused(finished: Finished, tmp_path: Path) -> None:  # noqa: F811
    root = 1 - wing(finished)
    for spec in (FlipSpec(root, 0, 1), FlipSpec(9, 0, 1), FlipSpec(wing(finished), 2, 1), FlipSpec(wing(finished), 0, 4)):
        with pytest.raises(protocol.UserError) as caught:
            write_flipped(finished.folder, tmp_path / "never", "never", [spec])
        assert caught.value.code == "bad_flip" and not (tmp_path / "never").exists()


def test_the_command_flips_and_pins(finished: Finished, tmp_path: Path) -> None:  # noqa: F811
    np.savez(tmp_path / "pose.npz", positions=finished.true[2])
    arguments = ["hand", str(finished.folder), "--flip", f"{wing(finished)}=2-4"]
    assert main.main([*arguments, "--out", str(tmp_path / "flipped")]) == 0
    assert (tmp_path / "flipped" / "output" / "result.json").is_file()
    assert main.main([*arguments, "--pin", f"3={tmp_path / 'pose.npz'}", "--out", str(tmp_path / "both")], pretend_pipeline.run) == 0
    assert not protocol.read_request(tmp_path / "both").flips  # they are solved with the pins
    artist.run(tmp_path / "both", RecordingReporter())
    np.testing.assert_allclose(protocol.read_pc2(tmp_path / "both" / "output" / "motion_000.pc2")[2], finished.true[2], atol=1e-5)


def test_a_flip_is_solved_with_the_frames_beside_it(finished: Finished, tmp_path: Path) -> None:  # noqa: F811
    limb = wing(finished)
    write_flipped(finished.folder, tmp_path / "other", "other", [FlipSpec(limb, 2, 2)])
    assert protocol.has_flips(tmp_path / "other") and not protocol.has_flips(finished.folder)
    assert main.main(["hand", str(tmp_path / "other"), "--out", str(tmp_path / "solved")], pretend_pipeline.run) == 0
    request = protocol.read_request(tmp_path / "solved")
    assert not request.pins and not request.flips and request.corrects == "other"
    artist.run(tmp_path / "solved", RecordingReporter())
    old, at_once, new = (read_finished(folder) for folder in (finished.folder, tmp_path / "other", tmp_path / "solved"))
    held = old.weights[:, limb] > 0.9

    def jerk(motion: np.ndarray) -> float:
        return float(np.linalg.norm(np.diff(motion[:, held], n=2, axis=0), axis=-1).mean())

    before, flipped, found = (one.motions[0].astype(float) for one in (old, at_once, new))
    assert jerk(found) < jerk(flipped)
    assert np.linalg.norm(found - flipped, axis=-1)[2, held].mean() < np.linalg.norm(found - before, axis=-1)[2, held].mean()  # still the other way
    np.testing.assert_array_equal(found[0], before[0])  # shows the rest pose, and stays
    with pytest.raises(protocol.UserError, match="No pose is pinned"):
        protocol.write_correction(tmp_path / "solved", tmp_path / "never", "never", {})


def test_a_limb_alone_is_solved_in_the_frames_of_its_flip_and_beside_them() -> None:
    moving = joints_around([FlipSpec(1, 10, 12), FlipSpec(3, 0, 0)], 20, np.array([-1, 0, 1, 0]))
    assert not moving[:, 0].any() and np.flatnonzero(moving[:, 3]).tolist() == [*range(5)]
    assert np.flatnonzero(moving[:, 1]).tolist() == np.flatnonzero(moving[:, 2]).tolist() == [*range(6, 17)]
