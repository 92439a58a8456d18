"""A second look at a track: a limb that went astray is found again by a pose that the body had in another frame."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from test_tracking import STILL, TRACKING, Show, seen
from test_tracking import show as show  # the fixture

from align4d.alignment.reference import Reference
from align4d.alignment.second_look import look_again
from align4d.alignment.track import Track
from align4d.errors import Cancelled
from align4d.job.reporting import RecordingReporter

SWING = [0.0, 12.0, 24.0, 24.0, 12.0, 0.0]
"""The wing comes back to where it was at first."""


@pytest.fixture(scope="module")
def swinging(show: Show) -> Reference:
    return show.video(SWING)


@pytest.fixture(scope="module")
def right(show: Show, swinging: Reference) -> Track:
    """What tracking finds."""
    return show.track(swinging)


def astray(show: Show, right: Track, degrees: list[float]) -> Track:
    """The last frames by so much, as if tracking had lost the wing there."""
    last, wrong = slice(len(SWING) - len(degrees), None), show.bent(degrees)
    turn, shift = right.turn.clone(), right.shift.clone()
    turn[last], shift[last] = wrong.turn, wrong.shift
    return replace(right, turn=turn, shift=shift)


def again(show: Show, video: Reference, track: Track) -> Track:
    return look_again(show.animated, show.skeleton, seen(video), track, STILL, TRACKING, RecordingReporter())


def off(show: Show, track: Track) -> list[float]:
    """By how much the wing is wrong in each frame [degrees]."""
    rotation = show.skeleton.pose(track.turn, track.shift).rotation[:, show.wing]
    found = torch.rad2deg(torch.atan2(rotation[:, 0, 2], rotation[:, 0, 0]))
    return (found - torch.tensor(SWING)).abs().tolist()


def test_what_went_astray_is_found_from_the_clips_beginning_and_goes_back(show: Show, swinging: Reference, right: Track) -> None:
    """From frame 3 on the wing went on upwards; the last frame looks like the first one."""
    lost = astray(show, right, [60.0, 85.0, 110.0])
    assert max(off(show, lost)[3:]) > 60
    found = again(show, swinging, lost)
    assert max(off(show, found)) < 7
    assert torch.equal(found.turn[:3], right.turn[:3]), "what was right is left alone"
    assert (found.loss[1:] > 0).all() and found.loss[0] == 0


def test_a_track_that_is_right_stays_as_it_is(show: Show, swinging: Reference, right: Track) -> None:
    found = again(show, swinging, right)
    assert torch.equal(found.turn, right.turn) and torch.equal(found.loss, right.loss)


def test_frames_without_the_object_stay(show: Show, swinging: Reference, right: Track) -> None:
    usable = swinging.usable.copy()
    usable[4] = False
    lost = astray(show, right, [60.0, 60.0, 110.0])
    lost.loss[4] = 0
    found = again(show, replace(swinging, usable=usable), lost)
    assert torch.equal(found.turn[[0, 4]], lost.turn[[0, 4]]) and found.loss[4] == 0
    assert off(show, found)[5] < 7


def test_a_cancel_is_noticed(show: Show, swinging: Reference, right: Track) -> None:
    report = RecordingReporter()
    report.cancelled.set()
    with pytest.raises(Cancelled):
        look_again(show.animated, show.skeleton, seen(swinging), right, STILL, TRACKING, report)
