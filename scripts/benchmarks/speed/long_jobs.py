"""A prepared job over clips of several lengths in 1080p: the seconds of each stage and the memory of the whole job, process by process."""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import resource
import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import rich.console
import rich.table
from PIL import Image

from align4d import protocol
from align4d.inputs.video import load_clip
from align4d.job.reporting import RecordingReporter
from align4d.machine.description import machine
from align4d.machine.memory import peak_gb
from align4d.pipeline import artist
from support import folders
from support.console import say

from .jobs import with_video

SIZE = (1920, 1080)
"""Width and height of the movies [px]."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", type=Path, help="a job folder; its clip is played to and fro until it is as long as it has to be")
    parser.add_argument("--out", type=Path, required=True, help="folder for long_jobs.json and the jobs")
    parser.add_argument("--frames", type=int, nargs="+", default=[250, 1000], help="lengths of the clips")
    parser.add_argument("--preset", default="draft")


def run(arguments: argparse.Namespace) -> int:
    """Measures one length after the other, and leaves OUT/long_jobs.json; what is there of other lengths already stays in it."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    table = arguments.out / "long_jobs.json"
    found: dict[str, Any] = json.loads(table.read_text("utf-8"))["lengths"] if table.exists() else {}
    for frames in arguments.frames:
        folder = prepare(arguments.job, folders.fresh(arguments.out / str(frames)), frames, arguments.preset)
        with multiprocessing.get_context("spawn").Pool(1) as pool:  # a process of its own: what others took is not counted
            found[str(frames)] = pool.apply(measure, (folder,))
        with protocol.replacing(table, "w") as file:
            json.dump({"machine": machine("cpu"), "lengths": found}, file, indent=1)
    show(found)
    return 0


def prepare(source: Path, folder: Path, frames: int, preset: str) -> Path:
    """Makes the job of `source` anew in `folder`, with a movie of so many frames; returns `folder`."""
    request = with_video(protocol.read_request(source), source)
    clip = load_clip(request.video, max(SIZE))
    movie = folder / "long.mp4"
    write_movie(movie, clip.frames, clip.fps, frames)
    shutil.copytree(source / "input", folder / "input")
    video = protocol.VideoSpec(path=str(movie.resolve()))
    protocol.write_json(folder / "request.json", dataclasses.replace(request, video=video, preset=preset, device="cpu"))
    return folder


def write_movie(path: Path, pictures: np.ndarray, fps: float, frames: int) -> None:
    """Pictures (T, H, W, 3) uint8, to and fro, as high as `SIZE` and in the middle of it; beside them their outermost columns go on."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=round(fps), options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for index in range(frames):
            picture = widened(pictures[to_and_fro(index, len(pictures))])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def to_and_fro(index: int, count: int) -> int:
    """Which of `count` pictures the frame `index` shows; no picture is shown twice in a row."""
    step = index % (2 * count - 2)
    return min(step, 2 * count - 2 - step)


def widened(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 of `SIZE`: the picture as high as that, cut or filled up at both sides."""
    width = round(picture.shape[1] * SIZE[1] / picture.shape[0])
    scaled = np.asarray(Image.fromarray(picture).resize((width, SIZE[1]), Image.Resampling.BICUBIC))
    left = (SIZE[0] - width) // 2
    columns = (np.arange(SIZE[0]) - left).clip(0, width - 1) if left > 0 else np.arange(SIZE[0]) - left
    return np.ascontiguousarray(scaled[:, columns])


def measure(folder: Path) -> dict[str, Any]:
    """Runs a job: peak memory of its process [GB], its processor seconds, and the seconds of each stage by the clock."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    result = artist.run(folder, RecordingReporter())
    after = resource.getrusage(resource.RUSAGE_SELF)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    motion = protocol.read_pc2(folder / result.objects[0].motion)
    return {"frames": len(motion), "peak_gb": peak_gb(), "processor_seconds": processor, "stages": result.seconds, "notes": list(result.notes)}


def show(found: dict[str, Any]) -> None:
    """Prints a row for each length."""
    table = rich.table.Table("frames", "peak GB", "processor s", "ms a frame", *next(iter(found.values()))["stages"])
    for one in found.values():
        stages = (f"{seconds:.1f}" for seconds in one["stages"].values())
        each = 1000 * one["processor_seconds"] / one["frames"]
        table.add_row(str(one["frames"]), f"{one['peak_gb']:.2f}", f"{one['processor_seconds']:.0f}", f"{each:.0f}", *stages)
    rich.console.Console(width=160).print(table)
    say("by the processor's seconds, since whatever else the machine does holds up the clock's")
