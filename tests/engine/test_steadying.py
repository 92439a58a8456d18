"""What glides does not tremble in the result, and what is fast stays fast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from test_tracking import BEND, REFINEMENT, Show
from test_tracking import show as show  # the fixture

from align4d.alignment.pose_levers import levers
from align4d.alignment.steadying import steadied
from align4d.alignment.track import Track

FRAMES = 24


def trembling(show: Show, degrees: list[float]) -> Track:
    """The wing so in each frame, and all of the puppet off by a little."""
    poses, random = show.bent(degrees), torch.Generator().manual_seed(0)
    off = [0.0008 * torch.randn(poses.turn.shape, generator=random) * lever for lever in levers(show.skeleton, poses.turn)]
    return replace(poses, turn=poses.turn + off[0], shift=poses.shift + off[1])


def steady(show: Show, poses: Track, known_frame: int | None = None) -> Track:
    turn, shift = steadied(poses.turn, poses.shift, levers(show.skeleton, poses.turn), known_frame)
    return replace(poses, turn=turn, shift=shift)


def jerk(places: np.ndarray) -> float:
    """Of places (T, V, 3) [longest sides]."""
    return float(np.linalg.norm(np.diff(places, n=3, axis=0), axis=-1).mean())


def off(places: np.ndarray, true: np.ndarray) -> float:
    """Mean distance of places (T, V, 3) [longest sides]."""
    return float(np.linalg.norm(places - true, axis=-1).mean())


def test_what_glides_does_not_tremble(show: Show) -> None:
    glide = [15 * np.sin(2 * np.pi * frame / FRAMES) for frame in range(FRAMES)]
    true, found = show.vertices(show.bent(glide)), show.vertices(trembling(show, glide))
    steadier = show.vertices(steady(show, trembling(show, glide)))
    assert jerk(found) > 5 * jerk(true)
    assert jerk(steadier) < 0.2 * jerk(found)
    assert off(steadier, true) < 0.7 * off(found, true)


def test_a_kick_is_as_quick_as_it_was_found(show: Show) -> None:
    kick = [0.0] * 10 + [40.0, 80.0, 30.0] + [0.0] * 11
    poses = trembling(show, kick)
    found, steadier = show.vertices(poses), show.vertices(steady(show, poses))
    assert off(steadier, found) < 0.001
    assert np.ptp(steadier, axis=0).max() > 0.99 * np.ptp(found, axis=0).max()


def test_the_known_frame_keeps_its_pose(show: Show) -> None:
    glide = [float(frame) for frame in range(FRAMES)]
    poses = trembling(show, glide)
    found, steadier = show.vertices(poses), show.vertices(steady(show, poses, 5))
    moved = np.linalg.norm(steadier - found, axis=-1).max(1)
    assert moved[5] < 1e-5 < 1e-3 < moved.max()


def test_few_frames_are_left_as_they_are(show: Show) -> None:
    poses = trembling(show, BEND)
    assert torch.equal(steady(show, poses).turn, poses.turn)


def test_a_refined_motion_is_steady(show: Show) -> None:
    glide = [1.5 * frame for frame in range(8)]
    hardly = replace(REFINEMENT, iterations=1, rate=1e-6, last_rate=1e-6)
    start = trembling(show, glide)
    refined = show.refine(show.video(glide), start, hardly)
    places = show.vertex_skin.move(refined.motion, show.rest).numpy()
    assert jerk(places) < 0.5 * jerk(show.vertices(start))
