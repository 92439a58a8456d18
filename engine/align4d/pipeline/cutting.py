"""Where the object is in a video: by the masks or the box that somebody gave, else by itself."""

from __future__ import annotations

from pathlib import Path

from ..inputs.masks import Masks, find_masks, masks_of_pictures
from ..inputs.video import Clip
from ..job.checkpoint import Checkpoint
from ..job.reporting import Reporter
from ..protocol import Request, VideoSpec
from .box_cutting import BoxCutting
from .mask_pictures import MaskPictures


def given_masks(video: VideoSpec) -> object:
    """What somebody said of where the object is, for the digest of what a job is made of."""
    return video.box, [Path(one).read_bytes() for one in video.masks if Path(one).is_file()]


def boxed(request: Request, clip: Clip) -> bool:
    """Whether a box says where the object is: one is given, and nothing better is."""
    return bool(request.video.box) and not request.video.masks and clip.alpha is None


def cut_clip(folder: Path, request: Request, clip: Clip, checkpoint: Checkpoint, report: Reporter) -> tuple[Masks, BoxCutting | None]:
    """Masks of a clip; with them what goes on improving them, where a box was given and is needed.

    Args:
        folder: of the job.
        checkpoint: of the clip and of `given_masks`.

    Raises:
        EngineError: as `masks_of_pictures`, `find_masks` and `BoxCutting.by_box`.
    """
    if request.video.masks:
        return masks_of_pictures(clip, request.video.masks), None
    if boxed(request, clip):
        cutting = BoxCutting(folder, request, checkpoint, report, clip)
        return cutting.by_box(), cutting
    return find_masks(clip, watch=MaskPictures(folder, report)), None
