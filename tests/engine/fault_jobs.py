"""Small jobs of every kind, as work that must survive any fault (see `faults`)."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import trimesh
from analytic_priors import MixturePrior, believed
from faults import Work
from test_gaussian_input import write as write_gaussians
from theatre import GENERATORS, Actor, Theatre, job_of

from align4d import protocol
from align4d.errors import EngineError, as_engine_error
from align4d.generators import catalog
from align4d.generators.interfaces import GeneratedAsset, TexturedMesh
from align4d.job.fingerprint import digest
from align4d.job.lock import sole_engine
from align4d.job.reporting import RecordingReporter, job_log
from align4d.pipeline import artist, pair, paper, stages

PAPER: dict[str, object] = {
    "gaussians.count": 400,
    "gaussians.fit_iterations": 4,
    "gaussians.fit_views": 4,
    "gaussians.fit_size": 48,
    "pose.resolution": 48,
    "pose.grid": 3,
    "pose.candidates": 1,
    "pose.iterations": 4,
    "paper.multiview.step": 0.4,
    "paper.multiview.timesteps": [700],
    "paper.multiview_size": 16,
    "paper.optimization.iterations": 4,
    "paper.optimization.resolution": 48,
    "paper.optimization.novel_resolutions": [16, 24, 32],
    "paper.optimization.frames": 2,
    "paper.optimization.unknown.views.count": 1,
    "paper.optimization.hexplane.resolution": 8,
    "paper.optimization.keep_every": 2,
    "paper.optimization.read_every": 2,
}


class Jobs:
    """The jobs, made once each and copied for every trial.

    Args:
        folder: empty; the inputs lie in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "puppet").mkdir(parents=True)
        Actor.theatre = self.theatre = Theatre(folder / "puppet")

    def all(self) -> tuple[Work, ...]:
        """Every kind."""
        return self.artist(), self.paper(), self.generated("video"), self.generated("image"), self.gaussians()

    def artist(self) -> Work:
        """A mesh and a video, and the Gaussians of every frame come back."""
        return self._work("artist", "mesh video", lambda request: dataclasses.replace(request, gaussians=True))

    def paper(self) -> Work:
        """The published method, with a prior that is known in closed form."""
        return self._work("paper", "mesh video", lambda request: dataclasses.replace(request, preset="paper", settings=PAPER, gaussians=True))

    def generated(self, given: str) -> Work:
        """What is missing of "video" or "image" is generated."""
        return self._work(f"{given} only", given, lambda request: request)

    def gaussians(self) -> Work:
        """A file of Gaussians in the place of a mesh."""
        means = self.theatre.gaussians.means.numpy()
        count = len(means)
        names = ("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3")
        values = [*means.T, *np.zeros((3, count)), np.full(count, 6.0), *np.full((3, count), -2.8), np.ones(count), *np.zeros((3, count))]
        path = write_gaussians(self.folder / "doll.ply", dict(zip(names, values, strict=True)))
        return self._work("Gaussians", "video", lambda request: dataclasses.replace(request, gaussian_asset=str(path)))

    def _work(self, name: str, given: str, change: Callable[[protocol.Request], protocol.Request]) -> Work:
        (self.folder / name).mkdir()
        template = job_of(self.theatre, self.folder / name, given)
        protocol.write_json(template / "request.json", change(protocol.read_request(template)))
        return Work(name, lambda folder: _copy(template, folder), go_on, outcome, told)


def remembered(function: Callable[..., Any], known: int) -> Callable[..., Any]:
    """The same function, which computes once for equal contents of its first `known` arguments: a sweep asks it hundreds of times."""
    answers: dict[str, Any] = {}

    def ask(*arguments: Any) -> Any:
        key = digest(arguments[:known])
        if key not in answers:
            answers[key] = function(*arguments)
        return answers[key]

    return ask


def hull(asset: GeneratedAsset, _report: object) -> TexturedMesh:
    """In the place of a mesh extracted of Gaussians, which takes half a minute."""
    found = trimesh.convex.convex_hull(asset.gaussians.means.numpy())
    count = len(found.faces)
    return TexturedMesh(np.float32(found.vertices), np.int32(found.faces), np.zeros((count, 3, 2), np.float32), np.full((4, 4, 3), 200, np.uint8))


QUICK = (
    (stages, "solve_pose", remembered(stages.solve_pose, 7)),
    (artist, "Articulation", remembered(artist.Articulation, 2)),
    (pair, "extract_mesh", hull),
    (catalog, "GENERATORS", GENERATORS),
    (paper, "load_prior", lambda *_: MixturePrior(believed, 16, 0.2, distances=(1.0, 4.0))),
)
"""What stands in for what takes long; nothing of it touches a file."""


def go_on(folder: Path) -> None:
    """The engine, as its server runs a job. Raises EngineError."""
    report = RecordingReporter()
    torch.manual_seed(99)  # what other jobs of this process have drawn does not matter
    with ExitStack() as stack:
        for module, name, quick in QUICK:
            stack.enter_context(mock.patch.object(module, name, quick))
        try:
            with job_log(folder), sole_engine(folder, report.check_cancelled):
                artist.run(folder, report)
        except Exception as error:
            raise as_engine_error(error) from error


def told(error: BaseException) -> bool:
    """Whether the artist is told what a failed write was."""
    return isinstance(error, EngineError) and error.code in ("disk_full", "cannot_write")


def outcome(folder: Path) -> dict[str, bytes]:
    """Every file of the result, byte for byte; but for seconds, memory and the folder's own path. And nothing is left unfinished."""
    assert not list(folder.rglob("*.part")), "something unfinished was left"
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in (folder / "output").rglob("*") if path.is_file()}
    result = json.loads(found["output/result.json"])
    result["seconds"], result["figures"]["peak_memory_gb"] = {}, 0.0
    found["output/result.json"] = json.dumps(result).encode()
    if protocol.COMPLETED in found:
        found[protocol.COMPLETED] = found[protocol.COMPLETED].replace(str(folder.resolve()).encode(), b"")
    return found


def _copy(template: Path, folder: Path) -> None:
    shutil.copytree(template, folder, dirs_exist_ok=True)
