"""One job of the command line, from its options to what lies in its folder."""

from __future__ import annotations

import argparse
import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .. import protocol
from ..cameras.orbit import Orbit
from ..errors import Cancelled, EngineError
from ..job.lock import sole_engine
from ..job.reporting import Reporter, job_log

if TYPE_CHECKING:
    from ..job.make import FurtherClip

INTERRUPTED = 130
"""What shells expect of a program that Ctrl+C ended."""

_CLIP = ("azimuth", "elevation", "distance", "fovy", "first", "last", "fps", "masks", "offset")

Run = Callable[[Path, Reporter], protocol.Result]

log = logging.getLogger(__name__)


def make(options: argparse.Namespace, out: Path) -> None:
    """Writes the job folder of `align4d generate`. Raises EngineError, see `make_job`."""
    from ..job.make import make_job  # imports trimesh and scipy: not for --help
    from ..pipeline.request_check import check_request

    orbit = Orbit(options.azimuth, options.elevation, options.distance, fovy=options.fovy)
    make_job(
        options.mesh,
        options.video,
        out,
        orbit,
        (options.first - 1, options.last - 1, options.fps),
        check_request,
        box=options.box or (),
        masks=options.masks,
        clips=[further_clip(words) for words in options.clip],
        path=options.camera_path,
        preset=options.preset,
        settings=dict(options.set),
        seed=options.seed,
        device=options.device,
        backend=options.backend,
        gaussians=options.gaussians,
        prompt=options.prompt,
        image=str(options.image.resolve()) if options.image else "",
    )


def further_clip(words: list[str]) -> FurtherClip:
    """One `--clip`. Raises EngineError "bad_clip" for a word that is none of its own."""
    from ..job.make import FurtherClip  # as above

    given: dict[str, str] = {}
    for word in words[1:]:
        key, _, value = word.partition("=")
        if key not in _CLIP or not value:
            raise EngineError(
                "bad_clip", f"{word!r} says nothing of a clip.", f"Give these after the video: {', '.join(f'{name}=' for name in _CLIP)}."
            )
        given[key] = value
    masks = Path(given.pop("masks")) if "masks" in given else None
    try:
        numbers = {key: float(value) for key, value in given.items()}
    except ValueError as error:
        raise EngineError("bad_clip", f"A number of the clip {words[0]} is none: {error}.", "Give numbers such as azimuth=90.") from error
    orbit = Orbit(**{name: numbers[name] for name in ("azimuth", "elevation", "distance", "fovy") if name in numbers})
    frames = int(numbers.get("first", 1)) - 1, int(numbers.get("last", 0)) - 1, numbers.get("fps", 0.0)
    return FurtherClip(Path(words[0]), orbit, numbers.get("offset"), frames, masks)


def work(folder: Path, options: argparse.Namespace, report: Reporter, run: Run | None = None) -> protocol.Result:
    """Runs the job of a folder, or what is left of it, and writes what the options ask for beside its motion.

    Args:
        run: stands in for the pipeline in tests.

    Raises:
        Exception: whatever ends the job; the log in its folder has the traceback.
    """
    run = run or functools.partial(_pipeline, online=options.online)
    with job_log(folder):
        try:
            with sole_engine(folder, report.check_cancelled):
                result = run(folder, report)
        except (Cancelled, EngineError):
            raise
        except Exception:
            log.exception("failed")  # the log has the traceback, the terminal a sentence
            raise
    if options.rigged:
        from ..bake.rigged_gltf import write_rigged  # imports the engine: not for --help

        write_rigged(folder)
    return result


def _pipeline(folder: Path, report: Reporter, online: bool) -> protocol.Result:
    from ..pipeline import artist  # imports torch: not for --help

    return artist.run(folder, report, online)
