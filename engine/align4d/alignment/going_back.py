"""Back a few frames and on again another way, where a frame is shown clearly worse than those before it.

What leads a limb into the place of another one comes frames before it shows, and hardly costs anything there. Frames that are solved again
from less of the last frame's motion come out a little otherwise, and may pass where the ways part on the other side.
"""

from __future__ import annotations

from dataclasses import replace

from ..job.reporting import Reporter
from .frame_step import FrameStep
from .track import Track

BACK = 4
"""So many frames are solved again at most, the one at hand among them."""
RISEN = 1.25
"""Known-view loss, in the highest of the frames that are gone back over, from which a frame is shown clearly worse."""
MOMENTUM = 0.5
"""How much of the last frame's change the next frame starts with on the other way, see `TrackingSettings.momentum`."""
ASTRAY = 1.1
"""The other way is left where it costs more than this share of the first one so far."""
PAYS = 0.97
"""It is taken where all of its frames together cost less than this share."""


class GoingBack:
    """Looks for other ways of a track.

    Args:
        step: finds and judges poses.
        report: asked whether the user has cancelled.
    """

    def __init__(self, step: FrameStep, report: Reporter) -> None:
        self.step, self.report = step, report

    def gone_again(self, track: Track, frame: int) -> Track:
        """The track, whose last found pose is of `frame`, with its last frames on another way where that is better."""
        if frame == track.end - 1:
            return self._better(track, range(track.first, track.end))
        went = track.backwards()
        return replace(self._better(went, range(track.end - 1, track.first - 1, -1)).backwards(), first=track.first)

    def _better(self, went: Track, frames: range) -> Track:
        """`went` is in the order of going, of `frames`."""
        count = self._back(went)
        if count == 0:
            return went
        last = list(enumerate(frames))[-count:]
        costs = [float(self.step.judge(frame, went.turn[[at]], went.shift[[at]])[0]) for at, frame in last]
        return self._other_way(went.without_last(count), [frame for _, frame in last], costs) or went

    def _back(self, went: Track) -> int:
        """How many frames to go back over; 0 where the last one is shown no worse than they are."""
        found = went.loss[-BACK:].tolist()
        while 0 in found:  # of the pose that tracking began with, and of frames that it skipped
            found = found[found.index(0) + 1 :]
        usual = self.step.settings.usual
        return len(found) if len(found) > 1 and found[-1] > max(usual, RISEN * max(found[:-1])) else 0

    def _other_way(self, way: Track, frames: list[int], costs: list[float]) -> Track | None:
        """From `way` on over these frames; None where that costs no less than the first way's frames did."""
        cost = 0.0
        for number, frame in enumerate(frames, 1):
            self.report.check_cancelled()
            turn, shift, known = self.step.solve(frame, *way.carried(MOMENTUM), self.report)
            way = way.with_frame(way.end, turn, shift, known)
            cost += float(self.step.judge(frame, turn, shift)[0])
            if cost > (ASTRAY if number < len(frames) else PAYS) * sum(costs[:number]):
                return None
        return way
