"""A case of a table on the disk, and the job that it becomes.

A case is a folder with either a captured job (request.json and input/) or plain files: a mesh (mesh.glb, asset.glb, ...), a video
(reference.mp4, video.mp4, frames/), a picture (image.png), a prompt (prompt.txt); what is missing of mesh and video is generated.
camera.json may say where the video was seen from; truth.npz and views/ are for scoring only.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from align4d import protocol
from align4d.cameras.orbit import Orbit
from align4d.errors import EngineError
from align4d.job.make import make_job

MESHES = tuple(f"{name}.{suffix}" for name in ("mesh", "asset") for suffix in ("glb", "gltf", "obj", "ply", "stl"))
VIDEOS = ("reference.mp4", "video.mp4", "reference.webm", "video.webm", "frames", "video")
IMAGES = ("image.png", "image.jpg", "image.webp")
PROMPT = "prompt.txt"


def find_cases(folder: Path, only: list[str] | None) -> list[Path]:
    """The cases in a folder, in order of their names. Raises EngineError "no_cases"."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    cases = [path for path in inside if _is_case(path) and (only is None or path.name in only)]
    if not cases:
        wanted = f" called {' or '.join(only)}" if only else ""
        raise EngineError("no_cases", f"{folder} has no case{wanted}.", "A case is a folder with a mesh, a video, image.png or prompt.txt.")
    return cases


def make_case_job(case: Path, folder: Path, order: Mapping[str, Any]) -> None:
    """Writes the job of a case into an empty folder; `order` are fields of the request that decide about the result.

    Raises:
        EngineError: as `make_job`; "case_camera".
    """
    if (case / "request.json").is_file():
        shutil.copytree(case / "input", folder / "input")
        request = protocol.read_request(case)
        protocol.write_json(folder / "request.json", dataclasses.replace(request, video=_found_from(request.video, case), **order))
        return
    image, prompt = _first(case, IMAGES), case / PROMPT
    choices = {
        "image": str(image.resolve()) if image else "",
        "prompt": prompt.read_text(encoding="utf-8").strip() if prompt.is_file() else "",
        **order,
    }
    make_job(_first(case, MESHES), _first(case, VIDEOS), folder, _orbit(case / "camera.json"), (0, -1, 0.0), **choices)


def _is_case(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("request.json", PROMPT, *MESHES, *VIDEOS, *IMAGES))


def _first(case: Path, names: tuple[str, ...]) -> Path | None:
    return next((case / name for name in names if (case / name).exists()), None)


def _found_from(video: protocol.VideoSpec, case: Path) -> protocol.VideoSpec:
    """With absolute paths; a captured job's may be relative to it."""
    path = str((case / video.path).resolve()) if video.path else ""
    return dataclasses.replace(video, path=path, images=tuple(str((case / image).resolve()) for image in video.images))


def _orbit(path: Path) -> Orbit:
    if not path.is_file():
        return Orbit()
    try:
        return Orbit(**{name: float(value) for name, value in json.loads(path.read_text(encoding="utf-8")).items()})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        advice = 'It holds {"azimuth": degrees, "elevation": degrees, "distance": longest sides, "fovy": degrees}, or a part of it.'
        raise EngineError("case_camera", f"{path} cannot be read ({error}).", advice) from error
