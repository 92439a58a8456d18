"""How well a mesh agrees with a clip's first frame, before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_clip_quality import clip_of

from align4d.cli.main import main
from align4d.inputs.first_frame_match import first_frame_match
from align4d.inputs.masks import find_masks

HEIGHT, WIDTH = 90, 120


def standing(arm: slice, size: float = 1.0, left: int = 40) -> np.ndarray:
    """(H, W) bool: a body, and to its right an arm at the given rows of it."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[int(10 * size) : int(70 * size), left : left + int(20 * size)] = True
    mask[int(arm.start * size) : int(arm.stop * size), left : left + int(50 * size)] = True
    return mask


def frame(mask: np.ndarray) -> np.ndarray:
    """The object in brown before white, (H, W, 3) uint8."""
    return np.where(mask[..., None], np.uint8([150, 90, 40]), np.uint8([255, 255, 255]))


BLOCKS = [
    (left / HEIGHT - WIDTH / HEIGHT / 2, right / HEIGHT - WIDTH / HEIGHT / 2, 0.5 - low / HEIGHT, 0.5 - high / HEIGHT)
    for left, right, high, low in ((40, 60, 10, 70), (40, 90, 15, 25))
]
"""Body and arm of `UP`: left, right, low, high, in heights of the frame from its middle."""
UP, DOWN = standing(slice(15, 25)), standing(slice(55, 65))


@pytest.mark.parametrize(
    ("mesh", "overlap"),
    [
        (UP, (0.97, 1.0)),
        (standing(slice(15, 25), 0.5, 60), (0.9, 1.0)),  # farther away, and elsewhere: the camera's search finds that
        (DOWN, (0.5, 0.69)),
    ],
)
def test_shapes_are_compared_not_places(mesh: np.ndarray, overlap: tuple[float, float]) -> None:
    found = first_frame_match(find_masks(clip_of(np.stack([frame(UP)] * 3))), mesh)
    assert overlap[0] <= found.overlap <= overlap[1]
    assert found.good == (overlap[0] > 0.7) and ("more surely" in found.sentence) != found.good
    assert f"{found.overlap:.0%}" in found.sentence


def test_a_camera_that_looks_elsewhere_is_said() -> None:
    found = first_frame_match(find_masks(clip_of(np.stack([frame(UP)] * 3))), np.zeros((HEIGHT, WIDTH), bool))
    assert not found.good and found.overlap == 0 and "does not see the mesh" in found.sentence


def test_the_command_answers_other_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = [tmp_path / f"{number:02}.png" for number in range(3)]
    for image, mask in zip(images, (DOWN, UP, UP), strict=True):
        Image.fromarray(frame(mask)).save(image)
    # both blocks of the figure, standing before a camera that looks along +Y and whose frame is one high
    corners = np.array([(x, 0.0, z) for left, right, low, high in BLOCKS for x, z in ((left, low), (right, low), (right, high), (left, high))])
    triangles = np.array([(0, 1, 2), (0, 2, 3), (4, 5, 6), (4, 6, 7)])
    camera = np.array([[1, 0, 0, 0], [0, 0, -1, -2], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    np.savez(tmp_path / "mesh.npz", vertices=corners, triangles=triangles, matrix_world=camera, fovy=np.degrees(2 * np.arctan(0.25)))
    words = ["match", *map(str, images), "--mesh", str(tmp_path / "mesh.npz"), "--out", str(tmp_path / "both.png")]
    overlaps = []
    for first in ("1", "2"):
        assert main([*words, "--first", first]) == 0
        overlaps.append(json.loads(capsys.readouterr().out)["overlap"])
    assert overlaps[0] < 0.7 < overlaps[1]
    with Image.open(tmp_path / "both.png") as picture:
        shown = np.asarray(picture, int)
    assert shown.shape == (HEIGHT, WIDTH, 3) and (shown[0, 0] == 255).all()
    assert abs(shown[40, 50] - [90, 100, 148]).max() < 4, "half the frame, half the tint"
    assert main([*words, "--first", "9"]) == 1
    assert json.loads(capsys.readouterr().out)["event"] == "failed"
