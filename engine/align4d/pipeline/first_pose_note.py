"""What the user should know of a pose that was searched, because the mesh does not stand as in the clip."""

from __future__ import annotations

from ..alignment.first_pose import FirstPose

SURE_APART = 0.03
"""How far the outlines may be apart for a searched pose to count as found, see `outline.apart`."""
SURE_LOSS = 0.2
"""Known-view loss above which it counts as not found: the mesh may not be what the clip shows at all."""


def pose_note(first: FirstPose) -> str:
    """What the user should know of a pose that was searched."""
    advice = "Pose the mesh as in a frame of the clip, or put the camera where the video was taken from, and generate again."
    seen = f"in frame {first.frame + 1} the outlines agree by {first.overlap:.0%}"
    if first.apart > SURE_APART or first.loss > SURE_LOSS:
        return f"The pose that the clip shows was not found: {seen}, and the motion is a guess. {advice}"
    return f"The mesh does not stand as in the clip's first frame, so its pose was searched: {seen}. If it looks wrong there: {advice}"
