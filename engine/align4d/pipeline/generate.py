"""One call from files to a result: what a script or a notebook uses where an artist presses Generate 4D."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..cameras.orbit import Orbit
from ..job.lock import sole_engine
from ..job.make import FurtherClip, make_job
from ..job.reporting import RecordingReporter, Reporter, job_log
from ..protocol import Result
from . import artist
from .request_check import check_request


def generate(
    out: str | os.PathLike[str],
    mesh: str | os.PathLike[str] | None = None,
    video: str | os.PathLike[str] | None = None,
    *,
    prompt: str = "",
    image: str | os.PathLike[str] | None = None,
    camera: Orbit | None = None,
    first: int = 1,
    last: int | None = None,
    fps: float = 0.0,
    preset: str = "artist",
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str = "auto",
    backend: str = "auto",
    gaussians: bool = False,
    clips: Sequence[FurtherClip] = (),
    report: Reporter | None = None,
) -> Result:
    """Animates a mesh from a video, and makes what is missing of the two from a prompt or an image.

    Args:
        out: the job folder, which must not hold a job yet; the result's files lie below it.
        mesh: a mesh file, or a .ply of Gaussians.
        video: a movie, or a folder of images in the order of their names.
        prompt, image: what to make a missing video or asset from.
        camera: about where the video was seen from; the default is the front.
        first, last: frames of the video that are used, both included, counted from 1; None: up to its end.
        fps: frame rate; 0: the movie's own, 24 for images.
        preset: "artist", "draft" or "paper".
        settings: single settings by their dotted names, such as {"tracking.iterations": 40}.
        seed: of everything random; the same seed on the same device gives the same result.
        device: "auto", "cpu" or "cuda".
        backend: of the rasterizer, "auto" for the fastest that works.
        gaussians: write the Gaussians of every frame as .ply files, too.
        clips: further ones of the same motion, from other sides.
        report: is told of stages, progress and notes; by default nobody is.

    Returns:
        The result; paths in it are relative to `out`.

    Raises:
        EngineError: what the user can act on; the folder keeps what was reached, and `align4d resume OUT` goes on there.
        Cancelled: `report` asked for it.
    """
    folder = Path(out)
    report = report or RecordingReporter()
    frames = (first - 1, -1 if last is None else last - 1, fps)
    make_job(
        Path(mesh) if mesh else None,
        Path(video) if video else None,
        folder,
        camera or Orbit(),
        frames,
        check_request,
        clips=clips,
        preset=preset,
        settings=dict(settings or {}),
        seed=seed,
        device=device,
        backend=backend,
        gaussians=gaussians,
        prompt=prompt,
        image=str(Path(image).resolve()) if image else "",
    )
    with job_log(folder), sole_engine(folder, report.check_cancelled):
        return artist.run(folder, report)
