"""Dataset: whether a building that is killed again and again ends as an undisturbed one, and what a second Ray worker brings.

The models are the tests' (tests/engine/tiny_generators.py): random networks behind the real interfaces, and one whose captions keep a
core busy for a set time, so that the stage is compute-bound.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from align4d_lab.datasets.x4d.build import build, do
from align4d_lab.datasets.x4d.layout import Modality, items_in
from align4d_lab.datasets.x4d.sources import DatasetInputs, gather
from align4d_lab.datasets.x4d.stages import Task
from PIL import Image

from align4d.batch.executor import LOCAL, Here, OnRay
from align4d.job.reporting import RecordingReporter
from align4d.machine.description import machine
from align4d.protocol import replacing
from support import environments, folders
from support.console import ScriptError, say

TESTS = environments.ROOT / "tests" / "engine"
KINDS: tuple[Modality, ...] = ("image", "text")
"""The given picture is read first; the caption is timed."""

BUSY_SECONDS = 1.0
"""Of one core, for each caption of the stage that is timed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kills", type=int, default=10, help="instants at which the building is killed")
    parser.add_argument("--items", type=int, default=16, help="captions of the timed stage")
    parser.add_argument("--seed", type=int, default=0, help="of the instants")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json and the datasets")
    parser.add_argument("--only-build", type=Path, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Writes OUT/figures.json; 1 where a killed building ended otherwise."""
    importable = os.pathsep.join((str(environments.ROOT / "engine"), str(TESTS)))
    os.environ["PYTHONPATH"] = importable  # for the workers of the cluster, and for what is killed
    sys.path.insert(0, str(TESTS))
    if arguments.only_build is not None:
        build(given(arguments.only_build.parent), arguments.only_build, workshop(busy=True), Here(), RecordingReporter())
        return 0
    folder = folders.fresh(arguments.out)
    write_given(folder, arguments.items)
    same, instants = killed(folder, arguments.kills, random.Random(arguments.seed))
    one, two = (stage_seconds(folder, workers, arguments.items) for workers in (1, 2))
    figures = {
        "machine": machine("cpu"),
        "killed_after_seconds": instants,
        "manifest_as_undisturbed": same,
        "one_worker_seconds": one,
        "two_workers_seconds": two,
        "speed_up": one / two,
    }
    with replacing(folder / "figures.json", "w") as file:
        json.dump(figures, file, indent=1)
    say(json.dumps(figures, indent=1))
    return int(not same)


def workshop(busy: bool) -> Any:
    return importlib.import_module("tiny_generators").TinyWorkshop(busy=busy)


def given(folder: Path) -> DatasetInputs:
    """Three prompts, and the first five of the folder's pictures."""
    return DatasetInputs(folder / "prompts.txt", folder / "few", seed=1)


def write_given(folder: Path, count: int) -> None:
    """Discs of all sizes and colors, and prompts."""
    (folder / "prompts.txt").write_text("a red fox\na blue bird\na broken vase\n", encoding="utf-8")
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64] - 32
    for index in range(count):
        picture = np.full((64, 64, 3), 255, np.uint8)
        inside = np.hypot(rows, columns) < rng.uniform(10, 26)
        picture[inside] = rng.integers(0, 200, 3, np.uint8)
        picture[inside & (rng.random((64, 64)).round() > 0)] = rng.integers(0, 200, 3, np.uint8)
        for place in ("many", "few")[: 2 if index < 5 else 1]:
            (folder / place).mkdir(exist_ok=True)
            Image.fromarray(picture).save(folder / place / f"{index}.png")


def killed(folder: Path, kills: int, instants: random.Random) -> tuple[bool, list[float]]:
    """Whether the manifest is the undisturbed one's, and after how many seconds each process was killed."""
    os.environ["ALIGN4D_TEST_BUSY"] = "0.3"
    command = [sys.executable, sys.argv[0], "dataset", "--out", str(folder), "--only-build"]
    began = time.perf_counter()
    if subprocess.run([*command, str(folder / "undisturbed")]).returncode:
        raise ScriptError("The undisturbed building failed.")
    whole = time.perf_counter() - began
    after = []
    for _ in range(kills):
        process = subprocess.Popen([*command, str(folder / "killed")])
        after.append(round(instants.uniform(0.3, 0.95) * whole, 2))
        try:
            process.wait(after[-1])
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    subprocess.run([*command, str(folder / "killed")], check=True)
    manifests = [(folder / name / "manifest.json").read_bytes() for name in ("undisturbed", "killed")]
    return manifests[0] == manifests[1], after


def stage_seconds(folder: Path, workers: int, count: int) -> float:
    """Of all captions on a cluster that is started and has loaded everything."""
    os.environ["ALIGN4D_TEST_BUSY"] = str(BUSY_SECONDS)
    out = folder / f"workers-{workers}"
    gather(DatasetInputs(images=folder / "many", seed=1), out)
    tasks = {kind: [Task(item.folder, kind, workshop(busy=True)) for item in items_in(out)] for kind in KINDS}
    with OnRay(LOCAL, workers=workers) as cluster:
        for _, error in cluster.run(do, tasks["image"]):
            if error is not None:
                raise ScriptError(str(error))
        began = time.perf_counter()
        finished = sum(error is None for _, error in cluster.run(do, tasks["text"]))
        seconds = time.perf_counter() - began
    if finished != count:
        raise ScriptError(f"{count - finished} of {count} captions failed.")
    return seconds
