"""A box that leans to its side, filmed, as jobs of the paper's method; with a prior that is known in closed form."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from analytic_priors import MixturePrior, believed
from builders import Job
from PIL import Image
from puppets import Mesh, Studio, add_mesh, block, request_for

from align4d import protocol
from align4d.cameras.orbit import Orbit, blender_from_normalized
from align4d.inputs.asset import load_asset
from align4d.job.reporting import RecordingReporter
from align4d.pipeline import artist, paper

CAMERA = Orbit(20.0, 12.0, 1.9)
FRAMES = 4
TINY: dict[str, object] = {
    "gaussians.count": 500,
    "gaussians.fit_iterations": 8,
    "gaussians.fit_views": 4,
    "gaussians.fit_size": 48,
    "pose.resolution": 48,
    "pose.distance.step": 0.1,
    "paper.multiview.step": 0.2,
    "paper.multiview.timesteps": [700],
    "paper.multiview_size": 16,
    "paper.cpu_frames": 0,
    "paper.optimization.iterations": 12,
    "paper.optimization.resolution": 48,
    "paper.optimization.novel_resolutions": [16, 24, 32],
    "paper.optimization.frames": 2,
    "paper.optimization.unknown.views.count": 1,
    "paper.optimization.hexplane.resolution": 8,
    "paper.optimization.keep_every": 5,
    "paper.optimization.read_every": 4,
}


@contextmanager
def known_prior() -> Iterator[MixturePrior]:
    """Every job gets this prior."""
    known = MixturePrior(believed, 16, 0.2, distances=(1.0, 4.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paper, "load_prior", lambda spec, device, online: known)
        yield known


def figure() -> Mesh:
    return block((1.0, 0.4, 0.7), (0.0, 0.0, 0.0), edge=0.12)


class Shoot:
    """A box that leans to its side, filmed."""

    def __init__(self, folder: Path) -> None:
        job = Job(folder / "original")
        add_mesh(job, figure())
        self.asset = load_asset(job.request(), job.folder)
        rest = self.asset.vertices
        lean = np.linspace(0, 0.25, FRAMES)[:, None] * (rest[:, 2] - rest[:, 2].min())
        self.motion = np.repeat(rest[None], FRAMES, axis=0)
        self.motion[..., 0] += lean
        names = []
        for index, pixels in enumerate(Studio(CAMERA, (96, 128)).film(self.asset, self.motion)):
            names.append(str(folder / f"frame_{index}.png"))
            Image.fromarray(pixels).save(names[-1])
        self.images = tuple(names)

    def job(self, folder: Path, settings: dict[str, object] | None = None, **changes: object) -> Path:
        job = Job(folder)
        add_mesh(job, figure())
        matrix = blender_from_normalized(CAMERA.world_to_camera(), self.asset.similarity.center, self.asset.similarity.size)
        request = request_for(job, self.images, {**TINY, **(settings or {})}, matrix)
        camera = dataclasses.replace(request.camera, solve=False)
        request = dataclasses.replace(request, preset="paper", camera=camera, **changes)  # type: ignore[arg-type]
        protocol.write_json(folder / "request.json", request)
        return folder


def run(folder: Path, report: RecordingReporter | None = None) -> tuple[protocol.Result, bytes]:
    result = artist.run(folder, report or RecordingReporter())
    return result, (folder / result.objects[0].motion).read_bytes()


@dataclasses.dataclass(frozen=True)
class Whole:
    """A job that was run without a break."""

    folder: Path
    result: protocol.Result
    motion: bytes

    @classmethod
    def of(cls, folder: Path) -> Whole:
        return cls(folder, *run(folder))


def timeless(result: protocol.Result) -> protocol.Result:
    return dataclasses.replace(result, seconds={}, figures={**result.figures, "peak_memory_gb": 0.0})
