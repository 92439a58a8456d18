"""Tracking: milliseconds of an iteration, recorded as a CUDA graph and not, and whether both find the same poses."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from align4d import protocol
from align4d.alignment.track import Track
from align4d.alignment.tracking import track
from align4d.alignment.view import View
from align4d.job.reporting import RecordingReporter
from align4d.machine.description import machine
from align4d.pipeline import artist
from align4d.pipeline.articulation import Articulation
from support import folders
from support.console import say

from ..quality.motion import overrides
from .jobs import pipeline_device, with_video

FRAMES = 5
"""Frames that are tracked, the first of which is the rest pose."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--job", type=Path, required=True, help="a job folder; a movie's path is relative to it")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting of the engine (can be repeated)")


def run(arguments: argparse.Namespace) -> int:
    """Measures, prints, and leaves OUT/figures.json."""
    device = pipeline_device(arguments.device)
    say(machine(device))
    case = Case(arguments.job, folders.fresh(arguments.out / "job"), device, overrides(arguments.set))
    figures: dict[str, Any] = {"machine": machine(device), "parts": case.body.skeleton.count, "gaussians": case.animated.bound.count}
    plain, figures["ms"], figures["processor_ms"] = case.timed(recorded=False)
    if device == "cuda":
        found, figures["recorded_ms"], _ = case.timed(recorded=True)
        figures["largest_difference"] = max(float((a - b).abs().max()) for a, b in ((found.turn, plain.turn), (found.shift, plain.shift)))
        again = case.timed(recorded=True)[0]
        figures["same_bits_again"] = torch.equal(found.turn, again.turn) and torch.equal(found.shift, again.shift)
    for name, value in figures.items():
        say(f"{name}: {value}")
    with protocol.replacing(arguments.out / "figures.json", "w") as file:
        json.dump(figures, file, indent=1)
    return 0


class Case:
    """A job up to the point where tracking starts."""

    def __init__(self, source: Path, folder: Path, device: str, settings: dict[str, Any]) -> None:
        shutil.copytree(source / "input", folder / "input")
        request = with_video(protocol.read_request(source), source)
        request = dataclasses.replace(request, device=device, settings={**request.settings, **settings})
        protocol.write_json(folder / "request.json", request)
        self.job = artist.ArtistJob(folder, request, RecordingReporter())
        asset, clip = self.job.read_inputs()
        clip, masks = self.job.cut_out(clip)
        bound = self.job.bind(asset)
        self.body = Articulation(asset, self.job.settings)
        _, self.first = self.job.find_first_pose(asset, bound, self.body, clip, masks)
        self.animated = self.job.animated(asset, bound, self.body, clip, masks, self.first)
        whole = self.job.reference(clip, masks, self.job.settings.tracking.resolution)
        self.view = View.still(whole.chosen(np.arange(FRAMES)), self.first.camera.world_to_camera())

    def timed(self, recorded: bool) -> tuple[Track, float, float]:
        """The poses, and the milliseconds of an iteration by the clock and of the processor, once everything is compiled; a recording counts."""
        self._track(recorded)
        began = time.perf_counter(), time.process_time()
        found = self._track(recorded)
        iterations = (FRAMES - 1) * self.job.settings.tracking.iterations
        took = time.perf_counter() - began[0], time.process_time() - began[1]
        return found, took[0] * 1e3 / iterations, took[1] * 1e3 / iterations

    def _track(self, recorded: bool) -> Track:
        """Each frame by all steps, once."""
        settings = dataclasses.replace(self.job.settings.tracking, recorded=recorded, polishing=0, near=0.0, usual=1e6)
        begin = Track(self.first.turn, self.first.shift, torch.zeros(1), min(self.first.frame, FRAMES - 1))
        search, known = self.job.settings.search, (self.first.turn, self.first.shift)
        return track(self.animated, self.body.skeleton, (self.view,), begin, known, settings, search, self.job.report)
