"""A job folder made from files, exactly as the Blender side makes one from a scene."""

from __future__ import annotations

import dataclasses
import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras.orbit import Orbit, blender_from_normalized
from ..errors import EngineError, writing
from ..inputs.asset import load_asset
from ..inputs.foreign import reading
from ..inputs.mesh_import import import_mesh
from ..protocol import CameraSpec, Matrix4, Request, VideoSpec, ViewSpec, as_matrix, natural_order, parsed, write_json
from ..protocol.parsing import no_number

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}


Check = Callable[[Request, Orbit, bool], None]
"""Raises what is wrong with a request that is still to be made: without objects, the orbit of its camera, whether a mesh comes."""


def make_job(
    mesh: Path | None,
    video: Path | None,
    out: Path,
    orbit: Orbit,
    frames: tuple[int, int, float],
    check: Check | None = None,
    box: Sequence[float] = (),
    masks: Path | None = None,
    clips: Sequence[FurtherClip] = (),
    path: Path | None = None,
    **choices: Any,
) -> Request:
    """Writes request.json and input/ into `out` and returns the request.

    Args:
        mesh: a mesh file, or a .ply of Gaussians; None: it is to be generated.
        video: a movie, or a folder of images in the order of their names; None: it is to be generated.
        orbit: where the video was seen from.
        frames: first, last (-1: up to the end) and frames a second (0: the movie's own).
        box: around the object in the first frame, see `VideoSpec`.
        masks: a folder of images in the order of their names.
        clips: further ones of the same motion.
        path: of the camera, where it moves, see `read_path`; it says where the camera stands, and `orbit` its field of view.
        check: looks at everything but the mesh before anything is written.
        choices: further fields of `Request`.

    Raises:
        EngineError: as `check`, import_mesh, load_asset and `read_path`; "job_exists" where `out` holds a job already; "video_missing"; "disk_full"
            or "cannot_write". Nothing is left in `out` then that was not there before.
    """
    if (out / "request.json").exists():
        raise EngineError("job_exists", f"{out} holds a job already.", f'Go on with it by "align4d resume {out}", or choose another folder.')
    from ..inputs.gaussian_file import holds_gaussians  # brings torch, which `align4d --help` need not wait for

    spec = video_spec(video, *frames) if video else VideoSpec()
    spec = dataclasses.replace(spec, box=tuple(box), masks=_images_in(masks) if masks else ())
    moving = read_path(path) if path else ()
    draft = Request(uuid.uuid4().hex, (), spec, CameraSpec(as_matrix(np.eye(4)), orbit.fovy), **choices)
    draft = dataclasses.replace(draft, views=tuple(_view(clip, np.zeros(3), 1.0) for clip in clips))
    if check:
        check(draft, orbit, mesh is not None)
    gaussians = mesh if mesh and holds_gaussians(mesh) else None
    with _made(out):
        notes: list[str] = []
        objects = import_mesh(mesh, out, notes.append) if mesh and not gaussians else ()
        draft = dataclasses.replace(draft, objects=objects, notes=tuple(notes))
        center, size = _bounds(draft, gaussians, out)
        camera = CameraSpec(moving[0], orbit.fovy, path=moving) if moving else _camera(orbit, center, size)
        views = tuple(_view(clip, center, size) for clip in clips)
        request = dataclasses.replace(draft, camera=camera, views=views, gaussian_asset=str(gaussians.resolve()) if gaussians else "")
        with writing():
            write_json(out / "request.json", request)
    return request


@dataclasses.dataclass(frozen=True)
class FurtherClip:
    """A further clip of the same motion.

    Attributes:
        video: a movie, or a folder of images in the order of their names.
        camera: about where it was seen from.
        offset: seconds that it begins after the first clip; None: found.
        frames: first, last and frames a second, as of `make_job`.
        masks: a folder of images in the order of their names.
    """

    video: Path
    camera: Orbit
    offset: float | None = None
    frames: tuple[int, int, float] = (0, -1, 0.0)
    masks: Path | None = None


def _view(clip: FurtherClip, center: np.ndarray, size: float) -> ViewSpec:
    spec = dataclasses.replace(video_spec(clip.video, *clip.frames), masks=_images_in(clip.masks) if clip.masks else ())
    return ViewSpec(spec, _camera(clip.camera, center, size), clip.offset or 0.0, clip.offset is None)


def _camera(orbit: Orbit, center: np.ndarray, size: float) -> CameraSpec:
    return CameraSpec(as_matrix(blender_from_normalized(orbit.world_to_camera(), center, size)), orbit.fovy)


def read_path(path: Path) -> tuple[Matrix4, ...]:
    """A camera's path from a JSON file: a list of its matrices, camera to world. Raises EngineError "camera_path"."""
    with reading("camera_path", f"{path} cannot be read", "Give a JSON list of one 4x4 matrix for each frame, camera to world, Blender's axes."):
        found: tuple[Matrix4, ...] = parsed(tuple[Matrix4, ...], json.loads(path.read_text(encoding="utf-8"), parse_constant=no_number))
        if not found:
            raise ValueError("it is empty")
        return found


@contextmanager
def _made(out: Path) -> Iterator[None]:
    """The folders of a job; those that were not there before are deleted where something goes wrong inside."""
    wanted = [out, *(out / name for name in ("input", "work", "output"))]
    new = [folder for folder in wanted if not folder.exists()]
    try:
        with writing():
            for folder in wanted:
                folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in new:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _bounds(request: Request, gaussians: Path | None, out: Path) -> tuple[np.ndarray, float]:
    """Center (3,) and longest side of what is given of the asset; of the normalized space where nothing is."""
    if request.objects:
        similarity = load_asset(request, out).similarity
        return similarity.center, similarity.size
    if gaussians is None:
        return np.zeros(3), 1.0
    from ..inputs.gaussian_file import read_gaussians  # as above

    means = read_gaussians(gaussians).means.numpy()
    low, high = means.min(axis=0), means.max(axis=0)
    return (low + high) / 2, float((high - low).max()) or 1.0


def video_spec(path: Path, first: int, last: int, fps: float) -> VideoSpec:
    """A movie, or a folder of images in the order of their names, as the protocol has it. Raises EngineError "video_missing"."""
    if not path.is_dir():
        return VideoSpec(path=str(path.resolve()), first=first, last=last, fps=fps)
    return VideoSpec(images=_images_in(path), first=first, last=last, fps=fps or 24.0)


def _images_in(folder: Path) -> tuple[str, ...]:
    """Absolute paths of the images of a folder, in the order of their names."""
    images = natural_order(item for item in folder.iterdir() if item.suffix.lower() in IMAGE_SUFFIXES) if folder.is_dir() else []
    if not images:
        raise EngineError("video_missing", f"The folder {folder} has no images.", "Give a movie, or a folder of PNG or JPEG images.")
    return tuple(str(item.resolve()) for item in images)
