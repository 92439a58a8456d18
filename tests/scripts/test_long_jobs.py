"""Long clips for measurements: made of short ones, in 1080p."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from benchmarks.speed.long_jobs import SIZE, to_and_fro, widened


def test_a_short_clip_goes_to_and_fro() -> None:
    shown = [to_and_fro(index, 4) for index in range(9)]
    assert shown == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert all(abs(one - other) == 1 for one, other in pairwise(shown))


def test_pictures_are_filled_up_or_cut_at_both_sides() -> None:
    square, wide = np.zeros((64, 64, 3), np.uint8), np.zeros((32, 128, 3), np.uint8)
    square[:, :8], square[:, 56:] = 200, 100
    wide[:, 40:88] = 255
    filled, cut = widened(square), widened(wide)
    assert filled.shape == cut.shape == (SIZE[1], SIZE[0], 3)
    assert (filled[:, 100] == 200).all() and (filled[:, -100] == 100).all() and (filled[:, 960] == 0).all()
    assert (cut[:, 960] == 255).all()
