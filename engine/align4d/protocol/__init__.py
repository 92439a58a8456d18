"""What Blender and the engine say to each other: requests, events, results and the job folder.

Both processes import THIS package; it uses the standard library and numpy only, and imports nothing of the project. numpy is
imported by the functions that use it: Blender imports this package when it starts, and would start a tenth of a second later.

One JSON object a line travels on stdin (commands) and on stdout (events). Arrays never travel that way: they lie in
the job folder as .npz files without pickles. A reader ignores fields that it does not know and refuses a protocol
version that it does not know.

    JOB/request.json        written by `write_request`, read by `read_request`
    JOB/input/              meshes (.npz), textures (.png)
    JOB/work/               the engine's checkpoint
    JOB/output/             motion_000.pc2, ..., gaussians_000/frame_0000.ply, ...; result.json last, so that its presence means complete
    JOB/output/completed.json  the request with what was generated in it, where something was
    JOB/log.txt             the engine's log
    JOB/events.jsonl        events of a job of a batch, see `EVENT_FILE`; JOB/cancel stops it
    JOB/record.json         Blender's own, see `RECORD`
    JOB/*.lock              locked by the process that works on the job, see `hold`
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .errors import FIXES, ProtocolError, UserError, is_full_disk, printable, write_error
from .files import clear_unfinished, hold, inside, is_link, read_arrays, refuse_links, replacing, write_arrays, write_json
from .version import PROTOCOL, check_version

if TYPE_CHECKING:
    from .batch import BATCH_LOCK, CANCEL_FILE, EVENT_FILE
    from .bones import BONE_ARRAYS
    from .correction import can_be_corrected, has_flips, write_correction
    from .flipped_job import read_finished, write_flipped
    from .job import (
        COMPLETED,
        GAUSSIAN_FRAME,
        GENERATED,
        HELD_ARRAYS,
        MESH_ARRAYS,
        POSE_ARRAYS,
        POSES,
        RECORD,
        CameraResult,
        CameraSpec,
        MaterialSpec,
        ObjectResult,
        ObjectSpec,
        Request,
        Result,
        VideoSpec,
        ViewSpec,
        read_completed,
        read_request,
        read_result,
    )
    from .limits import LIMIT_ARRAYS
    from .messages import EVENTS, decode, encode, setting_of
    from .ordering import natural_order
    from .parsing import Matrix4, as_matrix, parsed
    from .pc2 import pc2_shape, read_pc2, write_pc2
    from .pins import BASE, CERTAINTY, CERTAINTY_ARRAYS, FLIPS, PIN_ARRAYS, PINS, SOLVED, FlipSpec, PinSpec
    from .webp import AnimatedWebp, read_webp

__all__ = [
    "BASE",
    "BATCH_LOCK",
    "BONE_ARRAYS",
    "CANCEL_FILE",
    "CERTAINTY",
    "CERTAINTY_ARRAYS",
    "COMPLETED",
    "EVENTS",
    "EVENT_FILE",
    "FIXES",
    "FLIPS",
    "GAUSSIAN_FRAME",
    "GENERATED",
    "HELD_ARRAYS",
    "LIMIT_ARRAYS",
    "MESH_ARRAYS",
    "PINS",
    "PIN_ARRAYS",
    "POSES",
    "POSE_ARRAYS",
    "PROTOCOL",
    "RECORD",
    "SOLVED",
    "AnimatedWebp",
    "CameraResult",
    "CameraSpec",
    "FlipSpec",
    "MaterialSpec",
    "Matrix4",
    "ObjectResult",
    "ObjectSpec",
    "PinSpec",
    "ProtocolError",
    "Request",
    "Result",
    "UserError",
    "VideoSpec",
    "ViewSpec",
    "as_matrix",
    "can_be_corrected",
    "check_version",
    "clear_unfinished",
    "decode",
    "encode",
    "has_flips",
    "hold",
    "inside",
    "is_full_disk",
    "is_link",
    "natural_order",
    "parsed",
    "pc2_shape",
    "printable",
    "read_arrays",
    "read_completed",
    "read_finished",
    "read_pc2",
    "read_request",
    "read_result",
    "read_webp",
    "refuse_links",
    "replacing",
    "setting_of",
    "write_arrays",
    "write_correction",
    "write_error",
    "write_flipped",
    "write_json",
    "write_pc2",
]

_LATER = {
    **dict.fromkeys(("BATCH_LOCK", "CANCEL_FILE", "EVENT_FILE"), ".batch"),
    **dict.fromkeys(("EVENTS", "decode", "encode", "setting_of"), ".messages"),
    **dict.fromkeys(("Matrix4", "as_matrix", "parsed"), ".parsing"),
    **dict.fromkeys(("pc2_shape", "read_pc2", "write_pc2"), ".pc2"),
    **dict.fromkeys(("BASE", "CERTAINTY", "CERTAINTY_ARRAYS", "FLIPS", "PINS", "PIN_ARRAYS", "SOLVED", "FlipSpec", "PinSpec"), ".pins"),
    "AnimatedWebp": ".webp",
    "BONE_ARRAYS": ".bones",
    "LIMIT_ARRAYS": ".limits",
    "can_be_corrected": ".correction",
    "has_flips": ".correction",
    "natural_order": ".ordering",
    "read_finished": ".flipped_job",
    "read_webp": ".webp",
    "write_correction": ".correction",
    "write_flipped": ".flipped_job",
}
"""Homes of what is imported when it is first used; of all else of that kind it is `job`."""


def __getattr__(name: str) -> Any:
    """What a job says, corrections of one, and pictures that move, when they are first used: Blender starts sooner without them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER.get(name, ".job"), __name__), name)
