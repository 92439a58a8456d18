"""The objects that a prior is judged on: held-out procedural ones, drawn when they are asked for, and the motion benchmark's assets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from align4d_lab.datasets.procedural import HELD_OUT_SEED, make_objects, render_objects
from torch import Tensor

from align4d.priors.prior import Condition, MultiviewPrior, RelativeCamera
from support.console import ScriptError

SUPERSAMPLING = 3
"""Samples per pixel and axis of procedural objects."""


class Subjects(ABC):
    """Several objects, seen from wherever one likes. Cameras are elevation, azimuth [degrees] and distance, see `prior_cameras`.

    Attributes:
        names: of the n objects.
        camera: (n, 3) of each one's condition.
        first: (n, 3, S, S) each one's condition picture, sRGB on white in [0, 1], on the device.
        size: S.
        device: where pictures go.
    """

    names: list[str]
    camera: np.ndarray
    first: Tensor
    size: int
    device: torch.device

    @abstractmethod
    def pictures(self, cameras: np.ndarray, only: slice = slice(None)) -> Tensor:
        """(m, V, 3, S, S) of the objects `only` from `cameras` (m, V, 3)."""

    @property
    def count(self) -> int:
        return len(self.names)


class ProceduralSubjects(Subjects):
    """Held-out objects of the kind that the embedded prior is trained on.

    Their conditions are taken as the product takes them: from a height that a video is shot from, at any distance that the
    prior was trained on.
    """

    def __init__(self, count: int, size: int, device: torch.device) -> None:
        self.names = [f"procedural {index}" for index in range(count)]
        self.size, self.device = size, device
        self._objects = torch.from_numpy(make_objects(HELD_OUT_SEED, count)).to(device)
        random = np.random.default_rng(0)
        low, high = np.array([-10.0, 0.0, 1.5]), np.array([30.0, 360.0, 2.2])
        self.camera = (low + (high - low) * random.random((count, 3))).astype(np.float32)
        self.first = self.pictures(self.camera[:, None])[:, 0]

    def pictures(self, cameras: np.ndarray, only: slice = slice(None)) -> Tensor:
        """See `Subjects`."""
        turned = torch.from_numpy(np.asarray(cameras, np.float32) * np.array([np.pi / 180, np.pi / 180, 1], np.float32)).to(self.device)
        return render_objects(self._objects[only], turned, self.size, SUPERSAMPLING)


class AssetSubjects(Subjects):
    """The assets of a file that prior_views made, in their rest poses; only cameras that are in the file can be asked for."""

    def __init__(self, path: Path, device: torch.device) -> None:
        self.device = device
        self.cases = read_cases(path)
        self.names = [case.name for case in self.cases]
        self.size = self.cases[0].pictures.shape[1]
        self.camera = np.stack([case.camera for case in self.cases])
        self._place = [{_key(camera): index for index, camera in enumerate(case.cameras)} for case in self.cases]
        self.first = torch.stack([as_tensor(case.frames[0], device) for case in self.cases])

    def pictures(self, cameras: np.ndarray, only: slice = slice(None)) -> Tensor:
        """See `Subjects`. Raises ScriptError for a camera that is not in the file."""
        found = []
        for case, place, wanted in zip(self.cases[only], self._place[only], cameras, strict=True):
            try:
                found.append(case.pictures[[place[_key(camera)] for camera in wanted]])
            except KeyError as error:
                raise ScriptError(f"The file of views has no picture of {case.name} from {error}. Make it anew with bench.py prior_views.") from error
        return as_tensor(np.stack(found), self.device)


@dataclass(frozen=True)
class Case:
    """One case of the motion benchmark; pictures are uint8, S on a side, on white.

    Attributes:
        name: of its folder.
        camera: (3,) of the video: elevation, azimuth [degrees], distance.
        cameras, pictures: (K, 3) and (K, S, S, 3) of the asset in its rest pose, which is the clip's first frame.
        frames, coverage: (F, S, S, 3) of the clip, evenly over it, and (F, S, S) uint8 how much of each pixel is the object.
        moved: (F, A, S, S, 3) the true mesh of those frames from A other sides, `prior_cameras.MOTION_AZIMUTHS`.
        framed, framed_camera, framed_moved: as training shows objects, the middle of the box in the middle of the picture and as
            large as from NEAR: (F, F, S, S, 3) the first index' frame with the camera turned to the second's true pose; (F, 3) how
            the video's camera stands to that pose; (F, A, S, S, 3) the pose from the other sides, relative to that.
        vertices: (F, V, 3) float32 of the true mesh in those frames [longest sides]; the first is the rest pose.
        mesh_distance: (F, F) mean distance of the vertices of two frames [longest sides].
    """

    name: str
    camera: np.ndarray
    cameras: np.ndarray
    pictures: np.ndarray
    frames: np.ndarray
    coverage: np.ndarray
    moved: np.ndarray
    framed: np.ndarray
    framed_camera: np.ndarray
    framed_moved: np.ndarray
    vertices: np.ndarray
    mesh_distance: np.ndarray


def read_cases(path: Path) -> list[Case]:
    """The cases of a file of prior_views. Raises ScriptError where it is none."""
    fields = [name for name in Case.__dataclass_fields__ if name != "name"]
    try:
        with np.load(path, allow_pickle=False) as file:
            names = sorted({key.split(".")[0] for key in file.files})
            cases = [Case(name, **{field: file[f"{name}.{field}"] for field in fields}) for name in names]
    except (OSError, ValueError, KeyError) as error:
        raise ScriptError(f"{path} is no file of bench.py prior_views: {error}") from error
    if not cases:
        raise ScriptError(f"{path} holds no case. Make it anew with bench.py prior_views.")
    return cases


def as_tensor(pictures: np.ndarray, device: torch.device) -> Tensor:
    """(..., 3, S, S) in [0, 1] of (..., S, S, 3) uint8."""
    return torch.from_numpy(np.moveaxis(pictures, -1, -3).astype(np.float32) / 255).to(device)


def digest(prior: MultiviewPrior, pictures: Tensor, camera: np.ndarray) -> Condition:
    """The prior's condition for pictures (F, 3, S, S) taken by cameras (F, 3)."""
    told = torch.from_numpy(np.asarray(camera, np.float32)).to(prior.device)
    return prior.condition(pictures.to(prior.device), told[:, 0], told[:, 2])


def relative(condition: np.ndarray, camera: np.ndarray, device: torch.device) -> RelativeCamera:
    """How cameras (B, 3) stand to the condition's (B, 3)."""
    elevation, azimuth, distance = torch.from_numpy(np.asarray(camera - condition, np.float32)).to(device).unbind(-1)
    return RelativeCamera(elevation, azimuth, distance)


def _key(camera: np.ndarray) -> tuple[float, float, float]:
    elevation, azimuth, distance = (round(float(value), 3) for value in camera)
    return elevation, round(azimuth % 360, 3), distance
