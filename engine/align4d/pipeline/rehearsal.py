"""A job of next to nothing: what is compiled at first use is compiled by it, and no artist's first job has to wait for that."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import torch
import trimesh
from PIL import Image

from ..alignment import nearest
from ..cameras.orbit import Orbit
from ..gaussians import fused
from ..job.make import make_job
from ..job.reporting import RecordingReporter
from ..kernels.compiled import folder_of, state_of
from ..kernels.folder import kernel_folder
from ..motion import surface_graph
from ..rendering import cpu, zbuffer
from ..rendering.choose import choose
from ..rendering.recorded_steps import RECORDABLE
from . import artist

KERNELS = (nearest, fused, surface_graph, cpu, zbuffer)
"""Modules beside which all kernels lie."""

ENGINE = Path(__file__).parents[1]

SIDE, FRAMES = 48, 3
"""Of the clip's pictures [px], and how many there are."""

SETTINGS = {
    "video_side": SIDE,
    "gaussians.count": 300,
    "gaussians.fit_size": 32,
    "gaussians.fit_views": 4,
    "gaussians.fit_iterations": 1,
    "pose.resolution": 32,
    "pose.candidates": 1,
    "pose.iterations": 1,
    "search.starts": 3,
    "search.iterations": 1,
    "search.near": 1,
    "search.frames": 2,
    "search.anchors": 1,
    "search.kept": 1,
    "tracking.resolution": 32,
    "tracking.iterations": 1,
    "tracking.polishing": 2,
    "refinement.resolution": 32,
    "refinement.iterations": 2,
    "refinement.trial": 1,
    "refinement.lifted.points": 16,
    "refinement.lifted.fit_iterations": 1,
}


GPU_KERNELS = tuple(f"{package}/cuda" for package in ("alignment", "gaussians", "motion", "rendering"))
"""Folders in which all kernels for GPUs lie."""


def is_compiled() -> bool:
    """Whether machine code of the kernels as they are now lies on the disk."""
    on_processor = all(any(folder_of(Path(str(module.__file__)).parent).glob("*.nbi")) for module in KERNELS)
    return on_processor and (not torch.cuda.is_available() or _on_gpu().exists())


def _on_gpu() -> Path:
    """A file that tells that the kernels for GPUs, as they are now, have been compiled: Triton keeps what it made of them by itself."""
    states = "".join(state_of(ENGINE / folder) for folder in GPU_KERNELS)
    return kernel_folder() / f"triton-{hashlib.sha256(states.encode()).hexdigest()[:16]}"


def rehearse_once() -> None:
    """See `rehearse`; nothing where all is compiled. With a GPU on both: an artist may choose the processor."""
    if is_compiled():
        return
    rehearse("cpu")
    if torch.cuda.is_available():
        rehearse("cuda")
        if choose("cuda").backend == RECORDABLE:
            from ..rendering.cuda.binning import compile_sorting  # it needs Triton

            compile_sorting(torch.device("cuda"))
        _on_gpu().touch()


def rehearse(device: str) -> None:
    """Animates a box by a clip of a square that moves to the side, on "cpu" or "cuda". Raises what a job raises."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        trimesh.creation.box(extents=(1.0, 0.5, 1.0)).export(place / "box.obj")
        clip = place / "clip"
        clip.mkdir()
        for frame in range(FRAMES):
            picture = np.full((SIDE, SIDE, 3), 255, np.uint8)
            picture[13:35, 13 + frame : 35 + frame] = (150, 110, 90)
            Image.fromarray(picture).save(clip / f"{frame:04}.png")
        job = place / "job"
        make_job(place / "box.obj", clip, job, Orbit(0.0, 0.0, 2.7), (0, -1, 24.0), preset="draft", settings=SETTINGS, device=device)
        artist.run(job, RecordingReporter())
    corner, color = np.zeros((1, 2), np.float32), np.zeros((1, 3), np.float32)
    nearest.nearest_points(corner, color, corner[None], color[None], np.zeros((1, 1), np.float32), 1.0)  # no frame was searched far and wide
