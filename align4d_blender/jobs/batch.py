"""Many jobs at once: collected from scenes and files, then submitted together to `align4d batch`, here or on a Ray cluster.

Each is a job as any other: it lies in its own folder, and its result comes into the scene that it was collected from.
"""

from __future__ import annotations

import json
import re
import subprocess

import bpy

from ..capture import targets
from ..capture.slices import Words, whole
from ..errors import UserError, write_error
from ..runtime import ask, preferences
from ..runtime.processes import start
from ..storage import folders
from . import queue, submitted
from .new_job import new_job
from .record import Job

_LIST, _LOG = "batch.toml", "log.txt"
"""Files of a batch: its jobs, and what `align4d batch` says."""

_LEGAL = 60
"""Letters of a job's label that the name of a shot takes."""


def collecting(context: bpy.types.Context) -> Words[Job]:
    """Captures the scene as a job for the next batch, in slices. Raises UserError, and leaves nothing behind then."""
    job = yield from new_job(context, Job.collect)
    targets.tag(job.targets)
    queue.listed.append(job)
    return job


def collect(context: bpy.types.Context) -> Job:
    """The same at once."""
    return whole(collecting(context))


def collected() -> list[Job]:
    """The jobs that wait for Submit."""
    return [job for job in queue.listed if job.state == "collected"]


def take_out(job: Job) -> None:
    """Takes a job out of the batch, and deletes its files."""
    queue.cancel(job)
    queue.remove(job)


def submit() -> list[Job]:
    """Gives all collected jobs to the engine; they go on without Blender. Raises UserError, and keeps them collected then."""
    jobs = collected()
    if not jobs:
        raise UserError("batch_empty", "There is no job in the batch.", "Press Add to Batch first.")
    folder = folders.user_folder("batches") / folders.new_job()[0]
    chosen = preferences.get()
    cluster = ["--ray", chosen.ray, "--gpus", str(chosen.ray_gpus)] if chosen.ray else []
    words, variables = ask.command(["batch", str(folder / _LIST), "--out", str(folder), *cluster])
    try:
        folder.mkdir(parents=True)
        (folder / _LIST).write_text("".join(map(_shot, jobs)), encoding="utf-8")
        for job in jobs:
            submitted.clear_files(job)
            job.state, job.stage, job.fraction, job.batch = "submitted", "Waiting in the batch", 0.0, str(folder)
            job.write()
        with open(folder / _LOG, "ab") as log:
            process = start(words, preferences.ENGINE_FOLDER, variables, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    except OSError as error:
        for job in jobs:
            job.state, job.stage, job.batch = "collected", "", ""
            queue.record(job)
        raise write_error(error) from error
    submitted.follow(folder, process)
    return jobs


def _shot(job: Job) -> str:
    """A job as an entry of the list; a string of JSON is one of TOML."""
    label = re.sub(r"[^\w .+-]", "-", job.label)[:_LEGAL].lstrip(" .+-")
    name, path = (json.dumps(text, ensure_ascii=False) for text in (f"{label} {job.id[-6:]}".lstrip(), str(job.folder)))
    return f"[[shot]]\nname = {name}\njob = {path}\n"
