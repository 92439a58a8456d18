"""Evaluation: seconds of PSNR + SSIM and of CD-4D, and whether memory depends on a clip's length."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
from align4d_lab.evaluation.measure import compare
from align4d_lab.evaluation.references import Pair, View
from align4d_lab.metrics.chamfer import chamfer_4d
from align4d_lab.metrics.judges import PixelJudge
from align4d_lab.metrics.pictures import psnr, ssim

from align4d.job.reporting import RecordingReporter
from align4d.machine.description import machine
from align4d.protocol import replacing
from support.console import say

SIDE = 512
FRAMES, POINTS = 16, 20_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pairs", type=int, default=1000, help="pairs of pictures of 512 px")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json")
    parser.add_argument("--clip", type=int, metavar="FRAMES", help="only compare one clip and print the memory that it took [MB]")


def run(arguments: argparse.Namespace) -> int:
    """Writes OUT/figures.json."""
    if arguments.clip is not None:
        print(json.dumps({"memory_mb": clip_memory(arguments.clip)}))
        return 0
    figures = {
        "machine": machine("cpu"),
        "pairs": arguments.pairs,
        "psnr_ssim_seconds": pictures(arguments.pairs),
        "cd_4d_seconds": clouds(),
        "memory_mb": {frames: in_own_process(frames, arguments.out) for frames in (50, 400)},
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    with replacing(arguments.out / "figures.json", "w") as file:
        json.dump(figures, file, indent=1)
    say(json.dumps(figures, indent=1))
    return 0


def pictures(count: int) -> float:
    """Seconds of PSNR and SSIM of `count` pairs, without making them."""
    first, second = pair(0)
    ssim(first, second)  # compiled, or read from the cache
    seconds = 0.0
    for index in range(count):
        first, second = pair(index)
        began = time.perf_counter()
        psnr(first, second)
        ssim(first, second)
        seconds += time.perf_counter() - began
    return seconds


def pair(seed: int) -> Pair:
    """Two noisy pictures."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    return first, first ^ rng.integers(0, 32, first.shape, np.uint8)


def clouds() -> float:
    """Seconds of CD-4D of two moving spheres."""
    rng = np.random.default_rng(0)
    found, true = (rng.normal(0, 1, (FRAMES, POINTS, 3)) for _ in range(2))
    found, true = (points / np.linalg.norm(points, axis=2, keepdims=True) for points in (found, true))
    began = time.perf_counter()
    chamfer_4d(found, true)
    return time.perf_counter() - began


def in_own_process(frames: int, out: Path) -> float:
    """`clip_memory` in a fresh process, so that no other measurement's peak counts."""
    command = [sys.executable, sys.argv[0], "evaluation", "--out", str(out), "--clip", str(frames)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(answer.stdout.splitlines()[-1])["memory_mb"])


def clip_memory(frames: int) -> float:
    """By how much the process grows while it compares a clip of so many frames [MB]."""
    process = psutil.Process()
    ssim(*pair(0))
    before = process.memory_info().rss
    largest = before

    def pairs() -> Iterator[Pair]:
        nonlocal largest
        for index in range(frames):
            largest = max(largest, process.memory_info().rss)
            yield pair(index)

    compare([View("clip", pairs, frames)], [PixelJudge()], 8, RecordingReporter())
    return (largest - before) / 1e6
