"""Procedural objects that move: parts stay joined and whole, and little or much of the object moves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from align4d_lab.datasets.procedural import layout as at
from align4d_lab.datasets.procedural import make_moving_objects, make_objects, render_objects
from align4d_lab.datasets.procedural.articulation import STANDING, tree
from align4d_lab.datasets.procedural.bounds import CUBE_BALL

COUNT = 200


@pytest.fixture(scope="module")
def moving() -> np.ndarray:
    """(COUNT, 2, ROWS, ROW_FLOATS)"""
    return make_moving_objects(7, COUNT).reshape(COUNT, 2, at.ROWS, at.ROW_FLOATS)


def test_the_same_seeds_move_the_same_way(moving: np.ndarray) -> None:
    assert np.array_equal(make_moving_objects(7, 3), moving[:3].reshape(3, 2, -1))


def test_a_part_of_them_stands_as_it_was_made(moving: np.ndarray) -> None:
    made = make_objects(7, COUNT).reshape(COUNT, at.ROWS, at.ROW_FLOATS)
    standing = np.abs(moving[:, 0, 1:] - made[:, 1:]).max((1, 2)) < 1e-5
    assert standing.mean() == pytest.approx(STANDING, abs=0.1)
    paint = slice(at.COLOR, at.REACH)
    assert np.array_equal(moving[:, :, 1:, paint], made[:, None, 1:, paint].repeat(2, 1)), "a pose changes no color"


def test_moves_are_small_and_large(moving: np.ndarray) -> None:
    way = np.linalg.norm(moving[:, 1, 1:, at.CENTER : at.CENTER + 3] - moving[:, 0, 1:, at.CENTER : at.CENTER + 3], axis=-1).max(1)
    assert 0.02 < np.quantile(way, 0.2) < 0.2 < np.quantile(way, 0.9) < 2


def test_axes_stay_axes(moving: np.ndarray) -> None:
    for rows in moving[:50].reshape(-1, at.ROWS, at.ROW_FLOATS):
        axes = rows[1 : 1 + int(rows[0, at.COUNT]), at.ROTATION : at.ROTATION + 9].reshape(-1, 3, 3)
        assert np.allclose(axes @ axes.transpose(0, 2, 1), np.eye(3), atol=1e-4)


def test_what_hangs_together_stays_together(moving: np.ndarray) -> None:
    """Where a part hangs is one place of the part and of what carries it, before the move and after."""
    for before, after in moving[:50]:
        parent, order, joint = np.zeros(at.ROWS, np.int64), np.zeros(at.ROWS, np.int64), np.zeros((at.ROWS, 3))
        used = tree(before, parent, joint, order, np.zeros(at.ROWS))
        for part in order[1:used]:
            one, other = before[part], after[part]
            if one[at.SIZE + 2] != pytest.approx(other[at.SIZE + 2]):
                continue  # it has become longer
            # a child moves with its parent: the joint keeps its place in the parent's frame
            carrier, carried = before[parent[part]], after[parent[part]]
            if carrier[at.SIZE + 2] != pytest.approx(carried[at.SIZE + 2]):
                continue
            here = _place(carried, _local(carrier, joint[part]))
            assert np.abs(here - _place(other, _local(one, joint[part]))).max() < 1e-3


def test_the_ball_holds_what_has_moved(moving: np.ndarray) -> None:
    """Drawn with a larger ball, the pictures are the same: rays miss nothing but a few grazed pixels."""
    objects = moving[:40, 1].copy()
    assert (objects[:, 0, at.BALL] >= CUBE_BALL).all()
    cameras = torch.tensor([[[0.2, 0.7, 2.2]]]).expand(40, 1, 3)
    pictures = render_objects(torch.from_numpy(objects.reshape(40, -1)), cameras, 32, 1)
    objects[:, 0, at.BALL] = 2.0
    larger = render_objects(torch.from_numpy(objects.reshape(40, -1)), cameras, 32, 1)
    assert ((pictures - larger).abs().amax((1, 2)) > 0.02).sum((1, 2)).max() <= 4


def _axes(row: np.ndarray) -> np.ndarray:
    return row[at.ROTATION : at.ROTATION + 9].reshape(3, 3).astype(float)


def _local(row: np.ndarray, place: np.ndarray) -> np.ndarray:
    return _axes(row) @ (place - row[at.CENTER : at.CENTER + 3])


def _place(row: np.ndarray, local: np.ndarray) -> np.ndarray:
    return _axes(row).T @ local + row[at.CENTER : at.CENTER + 3]
