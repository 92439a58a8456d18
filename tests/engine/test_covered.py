"""An object that is covered for a while: tracking holds its pose until it is seen again, and confidence falls meanwhile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from test_tracking import BEND, Show, show  # noqa: F401

from align4d.alignment.certainty import unwatched


def test_tracking_holds_over_the_gap_and_finds_it_again(show: Show) -> None:  # noqa: F811
    whole = show.video(BEND)
    there = torch.tensor([True, False, False, True])
    alpha, color = torch.where(there[:, None, None, None], whole.alpha, 0.0), torch.where(there[:, None, None, None], whole.color, 1.0)
    found = show.track(replace(whole, alpha=alpha, color=color, usable=there.numpy()))
    assert torch.equal(found.turn[1:3], found.turn[:1].expand(2, -1, -1)) and not found.loss[1:3].any()
    true = show.vertices(show.bent(BEND))[3:]
    error, lost = (show.in_view(vertices[None], true).mean() for vertices in (show.vertices(found)[3], show.vertices(found)[2]))
    assert error < 0.3 * lost


def test_doubt_grows_by_what_a_place_usually_goes_with_every_frame_that_shows_nothing() -> None:
    places = np.zeros((7, 2, 3))
    places[:, 0, 0] = 0.01 * np.arange(7)  # the other place stands still
    shown = np.array([True, True, False, False, False, True, True])
    np.testing.assert_allclose(unwatched(places, shown)[:, 0], [0, 0, 0.01, 0.02, 0.01, 0, 0], atol=1e-6)
    assert not unwatched(places, shown)[:, 1].any()
    assert not unwatched(places, np.array([True, False, True, False, False, False, True])).any()  # nobody knows how fast it goes
