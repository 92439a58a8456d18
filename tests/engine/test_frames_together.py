"""Many frames looked at together: each as if it were alone."""

from __future__ import annotations

import pytest
import torch
from test_tracking import STILL, TRACKING, Show, seen
from test_tracking import show as show  # the fixture

from align4d.alignment import frames_together
from align4d.alignment.frame_step import FrameStep
from align4d.alignment.frames_together import FramesTogether


def test_frames_are_judged_as_each_alone(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames_together, "WINDOW", 3)  # two windows, and the second is not full
    step = FrameStep(show.animated, show.skeleton, seen(show.video([0.0, 12.0, 24.0, 36.0, 48.0])), STILL, TRACKING)
    poses, frames = show.bent([48.0, 0.0, 12.0, 20.0, 36.0]), [1, 4, 0, 2, 3]
    total, known = FramesTogether(step).judge(frames, poses.turn, poses.shift)
    assert total.shape == known.shape == (5,)
    for at, frame in enumerate(frames):
        alone = step.judge(frame, poses.turn[[at]], poses.shift[[at]])
        torch.testing.assert_close(total[[at]], alone[0], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(known[[at]], alone[1], rtol=1e-4, atol=1e-6)
