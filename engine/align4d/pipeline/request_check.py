"""Everything that can be known of a request before a folder is made and before anything is computed."""

from __future__ import annotations

import dataclasses
import importlib.util
import math

from ..cameras.orbit import Orbit
from ..errors import EngineError
from ..inputs.video import check_video
from ..machine.device import choose_device
from ..models.store import ModelStore
from ..protocol import CameraSpec, Request
from ..rendering.backends import NAMES as BACKENDS
from ..rendering.choose import CUDA_CANDIDATES, REMEDIES
from .pair import given_by
from .route import plan, require_ready
from .setting_values import Range
from .settings import settings_for

RANGES: dict[str, Range] = {
    "azimuth": (-360, 360),
    "elevation": (-90, 90),
    "distance": (0.1, 1000),
    "fovy": (0.5, 175),
    "fps": (0, 1000),
    "first": (0, 10_000_000),
    "last": (-1, 10_000_000),
    "offset": (-100_000, 100_000),
    "seed": (0, (1 << 63) - 1),
}
"""Of a request's numbers, and of the orbit that its camera is made of. A distance is in longest sides of the asset."""


def check_request(request: Request, orbit: Orbit, mesh: bool) -> None:
    """What a new job is to be made of.

    Args:
        request: without objects; `mesh` says whether they are still to come.
        orbit: that the request's camera will be made of.

    Raises:
        EngineError: "bad_request" naming the field and its range; as `settings_for`, `choose_device`, `check_video`, `plan`, `require_ready`.
    """
    for name in ("azimuth", "elevation", "distance"):
        _require(name, getattr(orbit, name))
    check_values(request)
    if request.video.path or request.video.images:
        for video in (request.video, *(view.video for view in request.views)):
            check_video(video)
    settings = settings_for(request.preset, request.settings)
    require_ready(plan(dataclasses.replace(given_by(request), mesh=mesh), settings.generators, ModelStore()))


def check_values(request: Request) -> None:
    """Its numbers and names: what a job that comes from elsewhere, too, is held to. Raises as `check_request`."""
    for video, camera in ((request.video, request.camera), *((view.video, view.camera) for view in request.views)):
        for name in ("fps", "first", "last"):
            _require(name, getattr(video, name))
        _require_box(video.box)
        _require("fovy", camera.fovy)
        _require_matrices(camera)
    for view in request.views:
        _require("offset", view.offset)
    _require("seed", request.seed)
    settings_for(request.preset, request.settings)
    _require_backend(request.backend, choose_device(request.device))


def _require_backend(name: str, device: str) -> None:
    if name not in ("auto", *BACKENDS):
        raise EngineError("bad_request", f"There is no backend {name!r}.", f"Choose one of: auto, {', '.join(BACKENDS)}.")
    if name in CUDA_CANDIDATES and (device != "cuda" or importlib.util.find_spec(name) is None):
        raise EngineError("bad_request", f"The backend {name} cannot be used here.", f"Choose auto; for {name} {REMEDIES[name]}.")


def _require_matrices(camera: CameraSpec) -> None:
    for rows in (camera.matrix_world, *camera.path):
        if [len(row) for row in rows] != [4] * 4 or not all(math.isfinite(value) for row in rows for value in row):
            raise EngineError("bad_request", "The camera's matrix is not a 4x4 matrix of numbers.", "Generate again.")


def _require_box(box: tuple[float, ...]) -> None:
    if box and not (len(box) == 4 and all(math.isfinite(side) for side in box) and 0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1):
        words = " ".join(f"{side:g}" for side in box)
        advice = "Give left, top, right and bottom as parts of the frame's width and height, from 0 to 1."
        raise EngineError("bad_request", f"{words} is no box in the frame.", advice)


def _require(name: str, value: float) -> None:
    least, most = RANGES[name]
    if not least <= value <= most:  # neither is NaN
        raise EngineError("bad_request", f"{value} is no value for {name}.", f"Give a number from {least:g} to {most:.7g}.")
