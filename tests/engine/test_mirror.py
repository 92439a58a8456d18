"""Left and right of a skeleton, and poses with both exchanged."""

from __future__ import annotations

import numpy as np
import torch

from align4d.motion.mirror import find_twins, mirrored
from align4d.motion.skeleton import Skeleton

JOINT = np.array([[0, 0, 0], [0.2, 0, 0.3], [-0.2, 0, 0.3], [0.5, 0, 0.3], [-0.5, 0, 0.3], [0, 0.05, 0.5]])
PARENT = np.array([-1, 0, 0, 1, 2, 0])
NAMES = ("trunk", "left arm", "right arm", "left hand", "right hand", "head")


def body(joint: np.ndarray) -> Skeleton:
    """A trunk with two arms of two parts, and a head."""
    return Skeleton(PARENT, joint, np.full(6, 0.1), np.full(6, 0.1), np.full(6, 0.01), (np.array([0]), np.array([1, 2, 5]), np.array([3, 4])))


def test_twins_are_each_others_image() -> None:
    twins = find_twins(body(JOINT))
    assert twins is not None and twins.other.tolist() == [0, 2, 1, 4, 3, 5] and twins.normal.tolist() == [1, 0, 0]
    turned = JOINT[:, [1, 0, 2]]
    sideways = find_twins(body(turned))
    assert sideways is not None and sideways.normal.tolist() == [0, 1, 0]


def test_a_body_without_two_sides_has_none() -> None:
    crooked = JOINT.copy()
    crooked[4] += [0, 0.3, 0.2]
    assert find_twins(body(crooked)) is None
    assert find_twins(body(JOINT * [0, 0, 1])) is None  # all in the middle


def test_a_mirrored_pose_is_the_image_of_the_pose() -> None:
    skeleton = body(JOINT)
    twins = find_twins(skeleton)
    assert twins is not None
    generator = torch.Generator().manual_seed(0)
    turn, shift = (0.5 * torch.randn(2, 6, 3, generator=generator) for _ in range(2))
    turn[:, [0, 5]], shift[:, [0, 5]] = 0, 0  # what lies in the middle stays as it is
    points = torch.from_numpy(JOINT).float()
    before, after = (skeleton.pose(*pose) for pose in ((turn, shift), mirrored(twins, turn, shift)))

    def places(motion: object) -> torch.Tensor:
        return (motion.rotation @ points[..., None])[..., 0] + motion.offset  # type: ignore[attr-defined]

    image = places(before)[:, twins.other] * torch.tensor([-1.0, 1, 1])
    torch.testing.assert_close(places(after), image, atol=1e-5, rtol=0)
    again = mirrored(twins, *mirrored(twins, turn, shift))
    torch.testing.assert_close(again[0], turn, atol=1e-6, rtol=0)
