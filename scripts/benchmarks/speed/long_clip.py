"""A long movie in 4K: how much memory it takes to read it and to cut the object out, and how long."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import numpy as np

from align4d import protocol
from align4d.inputs.masks import find_masks
from align4d.inputs.video import load_clip
from align4d.machine.description import machine
from align4d.machine.memory import peak_gb
from support.console import say

SIZE = (3840, 2160)
"""Width and height [px]."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frames", type=int, default=1000, help="of the movie")
    parser.add_argument("--out", type=Path, required=True, help="folder for long_clip.json")


def run(arguments: argparse.Namespace) -> int:
    """Measures, prints, and leaves OUT/long_clip.json."""
    with tempfile.TemporaryDirectory() as folder:
        movie = Path(folder) / "long.mp4"
        write_long_movie(movie, arguments.frames)
        with multiprocessing.get_context("spawn").Pool(1) as pool:  # a process of its own: what writing took is not counted
            figures = pool.apply(read, (movie,))
    figures = {"frames": arguments.frames, **figures}
    say(json.dumps(figures))
    arguments.out.mkdir(parents=True, exist_ok=True)
    with protocol.replacing(arguments.out / "long_clip.json", "w") as file:
        json.dump({"machine": machine("cpu"), **figures}, file, indent=1)
    return 0


def write_long_movie(path: Path, count: int) -> None:
    """A striped block that moves over a plain background, in fine noise as cameras have it."""
    width, height = SIZE
    noise = np.random.default_rng(0).integers(0, 5, (height, width, 3), np.uint8)
    block = np.zeros((900, 900, 3), np.uint8)
    block[::2], block[1::2] = (200, 90, 30), (30, 90, 200)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(count):
            picture = np.roll(noise, 16 * index, axis=1) + np.uint8(230)
            left = round(1400 * (1 + np.sin(index / 40)))
            picture[600:1500, left : left + 900] = block
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def read(movie: Path) -> dict[str, float]:
    """Peak memory [GB] before anything is read, then after reading, then with masks; what of it is kept; seconds of both."""
    before, began = peak_gb(), time.perf_counter()
    clip = load_clip(protocol.VideoSpec(path=str(movie)))
    loaded, seconds = peak_gb(), time.perf_counter() - began
    masks = find_masks(clip)
    kept = (clip.frames.nbytes + masks.alpha.nbytes) / 1e9
    total = time.perf_counter() - began
    return {"before_gb": before, "loaded_gb": loaded, "masked_gb": peak_gb(), "kept_gb": kept, "load_seconds": seconds, "seconds": total}
