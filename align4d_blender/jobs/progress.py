"""What the engine tells of a job at work, as the list shows it: its stage, how far it is, how long it still takes, its live picture."""

from __future__ import annotations

from typing import Any

from ..storage import folders
from . import forecast, previews
from .record import Job

_STAGES = {
    "painting": "Painting the picture",
    "describing": "Describing the picture",
    "filming": "Making the video",
    "reconstructing": "Making the 3D asset",
    "reading": "Reading the video",
    "cutting": "Cutting out the object",
    "sampling": "Sampling the mesh",
    "camera": "Finding the camera",
    "tracking": "Following the motion",
    "refining": "Refining the motion",
    "solving": "Solving around your poses",
    "distance": "Asking the prior for a distance",
    "optimizing": "Optimizing the motion",
    "baking": "Writing the motion",
}
"""The engine's stages in an artist's words; a stage that is not here is shown by its own name."""

_forecasts: dict[str, forecast.Forecast] = {}
"""Of the jobs that the engine has begun in this session."""


def begin(job: Job) -> None:
    """The engine gets the job."""
    _forecasts[job.id] = forecast.Forecast(forecast.known(folders.user_folder("cache"), job.preset))


def take(job: Job, event: dict[str, Any]) -> None:
    """One event of the engine's."""
    kind, way = event.get("event"), _forecasts[job.id]
    if kind == "stage":
        name = str(event["name"])
        job.stage, job.stages = _STAGES.get(name, name.capitalize()), (event["index"], max(event["count"], 1))
        way.stage(name, *job.stages)
    elif kind == "progress":
        way.progress(event["done"] / max(event["total"], 1), float(event["eta"]))
    elif kind == "preview":
        job.pictures += previews.refresh(job.id, job.folder / str(event["image"]))
    elif kind == "warning":
        if event["message"] not in job.notes:  # a job that goes on says it again
            job.notes.append(str(event["message"]))
    elif kind == "finished":
        way.end_stage()
    job.fraction, job.eta = way.fraction, way.left


def learn(job: Job) -> None:
    """Keeps how long the stages took, for the next forecast; a job that went on where it was would teach nonsense."""
    way = _forecasts.get(job.id)
    if way and not job.went_on and len(way.taken) == job.stages[1]:
        try:
            forecast.learn(folders.user_folder("cache"), job.preset, way.taken)
        except OSError as problem:
            print(f"Align4D: the times of the stages could not be kept: {problem}")


def forget(job: Job) -> None:
    """The job leaves the list."""
    _forecasts.pop(job.id, None)
    previews.forget(job.id)


def clear() -> None:
    """Forgets every job."""
    _forecasts.clear()
    previews.clear()
