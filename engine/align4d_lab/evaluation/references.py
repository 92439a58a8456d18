"""What a result is compared with: clips of pictures, one a view, read frame after frame, so that no clip is in memory as a whole."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from align4d.cameras.orbit import Orbit
from align4d.errors import EngineError
from align4d.inputs.foreign import reading
from align4d.inputs.image_file import open_image
from align4d.inputs.pictures import on_white
from align4d.inputs.video import open_source
from align4d.job.make import IMAGE_SUFFIXES
from align4d.protocol import CameraResult, VideoSpec, natural_order

from ..metrics.mesh_picture import PictureCamera
from ..metrics.motion import TrueView
from .moving import Moving
from .options import SIDE
from .read_result import Found

CONSISTENT4D_AZIMUTHS = (-75.0, 15.0, 105.0, 195.0)
"""Consistent4D's test views eval_0 to eval_3, relative to the video's [degrees]."""

INPUT = "input"
"""The clip of the video's own side; all others are of sides that it does not show."""

Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class View:
    """A clip of found pictures beside its reference.

    Attributes:
        name: in tables.
        pairs: found and reference, (H, W, 3) uint8 each, frame after frame; as many as both have.
        frames: how many that will be; for the bar.
    """

    name: str
    pairs: Callable[[], Iterator[Pair]]
    frames: int


def video_view(found: Found, orbit: Orbit) -> TrueView:
    """The video's camera as an orbit around the result's middle."""
    moving = found.moving
    if found.camera is None:
        return TrueView(orbit.azimuth, orbit.elevation, orbit.distance * moving.size, orbit.fovy, moving.center)
    camera = found.camera
    return TrueView(camera.azimuth, camera.elevation, camera.distance, camera.fovy, moving.center)


def input_view(found: Found, video: VideoSpec, view: TrueView, side: int) -> View:
    """The video that the result was made from, by the solved camera where there is one."""
    moving = found.moving

    def pairs() -> Iterator[Pair]:
        for frame, reference in zip(range(moving.frames), movie_frames(video, side), strict=False):
            size = (reference.shape[1], reference.shape[0])
            camera = _solved(found.camera, size) if found.camera else PictureCamera(view.world_to_camera(), view.fovy, size)
            yield moving.draw(frame, camera), reference

    return View(INPUT, pairs, moving.frames)


def novel_views(found: Found, folder: Path, view: TrueView) -> list[View]:
    """Pictures of other sides: FOLDER/eval_0/0.png, ... as Consistent4D publishes them, or FOLDER/NAME/ with FOLDER/cameras.json.

    cameras.json: {NAME: {"azimuth": degrees relative to the video's view, "elevation": the same, "fovy": degrees, "distance": longest
    sides}}; what is left out is the video's.

    Raises:
        EngineError: "views_missing", "views_unreadable".
    """
    cameras = _cameras(folder)
    views = []
    for clip in _clips(folder):
        if clip.name not in cameras:
            raise EngineError(
                "views_unreadable",
                f"Nothing says from where {clip.name} is seen.",
                "Name the folders eval_0 to eval_3 as Consistent4D does, or write a cameras.json (docs/reference/evaluation.md).",
            )
        views.append(_drawn(found.moving, clip, _turned(view, cameras[clip.name], found.moving.size)))
    return views


def picture_views(found: Path, reference: Path) -> list[View]:
    """Pictures against pictures: both folders hold OBJECT/eval_0/0.png, ..., or eval_0/0.png, ... themselves (Consistent4D's layout).

    Raises:
        EngineError: "views_missing" where the two do not have the same clips.
    """
    clips = {clip.relative_to(reference).as_posix(): clip for clip in _clips(reference, deep=True)}
    views = []
    for name, clip in clips.items():
        if not (found / name).is_dir():
            raise EngineError("views_missing", f"{found} has no folder {name}, which {reference} has.", "Render that view too, or remove it there.")
        first, second = picture_files(found / name), picture_files(clip)
        views.append(View(name, _pairs_of_files(first, second), max(len(first), len(second))))
    return views


def movie_frames(spec: VideoSpec, side: int) -> Iterator[np.ndarray]:
    """(h, w, 3) uint8 on white, the longest side at most `side` px. Raises EngineError as the readers do."""
    source, _ = open_source(spec if spec.path else replace(spec, fps=spec.fps or 24.0))
    for _, picture in source.pictures(spec.first, spec.last):
        yield picture.reduced(side)[0]


def picture_files(folder: Path) -> list[Path]:
    """The pictures of a clip, in order. Raises EngineError "views_missing" where there are none."""
    files = natural_order([item for item in folder.iterdir() if item.suffix.lower() in IMAGE_SUFFIXES])
    if not files:
        raise EngineError("views_missing", f"{folder} has no pictures.", "Check the path of the reference views.")
    return files


def read_square(path: Path) -> np.ndarray:
    """A picture on white as (512, 512, 3) uint8, as Consistent4D's protocol compares it. Raises EngineError "views_unreadable"."""
    with reading("views_unreadable", f"{path} cannot be read", "Replace it."), open_image(path) as file:
        pixels = np.asarray(file.convert("RGBA" if file.has_transparency_data else "RGB"))
    white = on_white(pixels) if pixels.shape[2] == 4 else pixels
    return white if white.shape[:2] == (SIDE, SIDE) else np.asarray(Image.fromarray(white).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _drawn(moving: Moving, clip: Path, view: TrueView) -> View:
    files = picture_files(clip)

    def pairs() -> Iterator[Pair]:
        camera = PictureCamera(view.world_to_camera(), view.fovy, (SIDE, SIDE))
        for frame, file in zip(range(moving.frames), files, strict=False):
            yield moving.draw(frame, camera), read_square(file)

    return View(clip.name, pairs, max(moving.frames, len(files)))


def _pairs_of_files(first: list[Path], second: list[Path]) -> Callable[[], Iterator[Pair]]:
    return lambda: ((read_square(one), read_square(other)) for one, other in zip(first, second, strict=False))


def _clips(folder: Path, deep: bool = False) -> list[Path]:
    """The folders with pictures inside `folder`; two levels down where `deep`."""
    if not folder.is_dir():
        raise EngineError("views_missing", f"There is no folder {folder}.", "Check the path of the reference views.")
    inside = natural_order([item for item in folder.iterdir() if item.is_dir()])
    below = [clip for item in inside for clip in natural_order([one for one in item.iterdir() if one.is_dir()])] if deep else []
    clips = [item for item in (*inside, *below) if any(file.suffix.lower() in IMAGE_SUFFIXES for file in item.iterdir())]
    if not clips:
        raise EngineError("views_missing", f"{folder} holds no folders of pictures.", "Give the folder that holds eval_0 to eval_3.")
    return clips


def _cameras(folder: Path) -> dict[str, dict[str, float]]:
    path = folder / "cameras.json"
    if not path.is_file():
        return {f"eval_{index}": {"azimuth": azimuth} for index, azimuth in enumerate(CONSISTENT4D_AZIMUTHS)}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): {str(key): _number(value) for key, value in camera.items()} for name, camera in content.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise EngineError("views_unreadable", f"{path} cannot be read ({error}).", "See docs/reference/evaluation.md for what it holds.") from error


def _number(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _turned(view: TrueView, camera: dict[str, float], size: float) -> TrueView:
    return replace(
        view,
        azimuth=view.azimuth + camera.get("azimuth", 0.0),
        elevation=view.elevation + camera.get("elevation", 0.0),
        fovy=camera.get("fovy", view.fovy),
        distance=camera["distance"] * size if "distance" in camera else view.distance,
    )


def _solved(camera: CameraResult, size: tuple[int, int]) -> PictureCamera:
    """The result's own camera: exact, with its roll and its look past the middle."""
    return PictureCamera(np.diag([1.0, -1.0, -1.0, 1.0]) @ np.linalg.inv(np.array(camera.matrix_world)), camera.fovy, size)
