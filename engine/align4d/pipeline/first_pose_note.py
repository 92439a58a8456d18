"""What the user should know of a pose that was searched, because the mesh does not stand as in the clip."""

from __future__ import annotations

from ..alignment.first_pose import FirstPose

SURE_APART = 0.03
"""How far the outlines may be apart for a searched pose to count as found, see `outline.apart`."""
SURE_LOSS = 0.2
"""Known-view loss above which it counts as not found: the mesh may not be what the clip shows at all."""


DISTANCE_AT_END = (
    "The camera's distance is a guess: the mesh looks the more like the video's first frame the further the search goes."
    " Check that the camera's focal length is about the video's and that the mesh is in the pose of the first frame."
)

KEEP_A_POSE = "Pose it as in a frame of the clip with Pose by Hand, press Keep This Pose and Solve Around Poses: all is followed anew from there."
"""What helps where nothing of the motion is worth keeping, see `alignment.from_pin`."""


def is_found(first: FirstPose) -> bool:
    """Whether a pose that was searched shows its frame."""
    return first.apart <= SURE_APART and first.loss <= SURE_LOSS


def pose_note(first: FirstPose) -> str:
    """What the user should know of a pose that was searched."""
    advice = "Pose the mesh as in a frame of the clip, or put the camera where the video was taken from, and generate again."
    seen = f"in frame {first.frame + 1} the outlines agree by {first.overlap:.0%}"
    if not is_found(first):
        return f"The pose that the clip shows was not found: {seen}, and the motion is a guess. {KEEP_A_POSE}"
    return f"The mesh does not stand as in the clip's first frame, so its pose was searched: {seen}. If it looks wrong there: {advice}"
