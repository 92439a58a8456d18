"""Image to 3D: the embedded generator, with the prior's views and by inflation alone, seen from other sides than the picture's."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rich.console
import rich.table
import torch
from align4d_lab.metrics.mesh_picture import PictureCamera, draw
from align4d_lab.metrics.pictures import psnr
from PIL import Image
from torch.nn.functional import interpolate

from align4d.generators.embedded_3d import Embedded3D
from align4d.generators.interfaces import GeneratedAsset
from align4d.inputs.masks import find_masks
from align4d.inputs.video import Clip
from align4d.job.reporting import RecordingReporter
from align4d.priors.embedded import load_embedded_prior
from align4d.protocol import replacing
from align4d.reconstruction.textured_asset import as_asset
from support.console import say

from ..prior.subjects import AssetSubjects, ProceduralSubjects, Subjects

AZIMUTHS = (-75.0, 15.0, 105.0, 195.0)
"""Consistent4D's views, relative to the picture's [degrees]."""

SIZE = 128
"""Side of the pictures of procedural objects, and of those that are compared [px]."""

WHITE = 247
"""A pixel with a channel below this shows the object, for the overlap of outlines."""

WAYS = ("views", "inflated", "picture")
"""What is compared: the generator; the generator without a prior; the picture itself, whatever side is asked for."""


@dataclass(frozen=True)
class Score:
    """Of one object: PSNR [dB] and overlap of the outlines (intersection over union) by way, one for each of AZIMUTHS; seconds by way; a sheet."""

    psnr: dict[str, list[float]]
    overlap: dict[str, list[float]]
    seconds: dict[str, float]
    sheet: np.ndarray


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--views", type=Path, help="file of prior_views, made with --size 256; without it assets are left out")
    parser.add_argument("--objects", type=int, default=32, help="held-out procedural objects")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json and the sheets")


def run(arguments: argparse.Namespace) -> int:
    """Reconstructs every object from one picture and writes OUT/figures.json, OUT/assets.png and OUT/procedural.png."""
    prior = load_embedded_prior("cpu")
    makers = {"views": Embedded3D(prior, prior.facts), "inflated": Embedded3D(None, prior.facts)}
    subjects: dict[str, Subjects] = {}
    if arguments.views:
        subjects["assets"] = AssetSubjects(arguments.views, torch.device("cpu"))
    if arguments.objects:
        subjects["procedural"] = ProceduralSubjects(arguments.objects, SIZE, torch.device("cpu"))
    arguments.out.mkdir(parents=True, exist_ok=True)
    figures = {}
    for kind, some in subjects.items():
        scores = [score(some, index, makers) for index in range(some.count)]
        figures[kind] = {"mean": mean(scores), "objects": {name: one.psnr for name, one in zip(some.names, scores, strict=True)}}
        Image.fromarray(np.concatenate([one.sheet for one in scores[:12]])).save(arguments.out / f"{kind}.png")
        show(kind, figures[kind]["mean"])
    with replacing(arguments.out / "figures.json", "w") as file:
        json.dump(figures, file, indent=1)
    return 0


def score(subjects: Subjects, index: int, makers: dict[str, Embedded3D]) -> Score:
    """One object."""
    elevation, azimuth, distance = (float(one) for one in subjects.camera[index])
    first = _pixels(subjects.first[index])
    cameras = np.array([[[elevation, (azimuth + turn) % 360, distance] for turn in AZIMUTHS]], np.float32)
    truth = [_pixels(one) for one in _sized(subjects.pictures(cameras, slice(index, index + 1))[0])]
    shown: dict[str, list[np.ndarray]] = {"picture": [_pixels(_sized(subjects.first[index : index + 1])[0])] * len(AZIMUTHS)}
    seconds = {}
    for way, maker in makers.items():
        began = time.perf_counter()
        made = maker.reconstruct(with_mask(first), 0, RecordingReporter())
        seconds[way] = time.perf_counter() - began
        shown[way] = [picture_of(made, turn) for turn in AZIMUTHS]
    rows = [shown["views"], shown["inflated"], truth]
    return Score(
        {way: [psnr(one, true) for one, true in zip(shown[way], truth, strict=True)] for way in WAYS},
        {way: [overlap(one, true) for one, true in zip(shown[way], truth, strict=True)] for way in WAYS},
        seconds,
        np.concatenate([np.concatenate([shown["picture"][0], *row], axis=1) for row in rows]),
    )


def with_mask(picture: np.ndarray) -> np.ndarray:
    """(S, S, 4) uint8: the picture (S, S, 3) on white with the mask that the product finds for it."""
    alpha = find_masks(Clip(picture[None], None, 1.0, (picture.shape[1], picture.shape[0]))).alpha[0]
    return np.dstack([picture, (alpha * 255).round().astype(np.uint8)])


def picture_of(made: GeneratedAsset, turn: float) -> np.ndarray:
    """(SIZE, SIZE, 3) uint8 of the textured mesh, the camera turned around the object by `turn` degrees."""
    assert made.mesh is not None  # the embedded generator makes one
    camera = made.camera.moved(azimuth=made.camera.azimuth + turn)
    view = PictureCamera(camera.world_to_camera(), made.camera.fovy, (SIZE, SIZE))
    return draw(as_asset(made.mesh), made.mesh.vertices, view)


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of what is not white."""
    one, two = (picture.min(axis=2) < WHITE for picture in (first, second))
    return float((one & two).sum() / max(1, (one | two).sum()))


def mean(scores: list[Score]) -> dict[str, Any]:
    """Means over the objects, by way and azimuth."""
    return {
        "psnr": {way: np.mean([one.psnr[way] for one in scores], axis=0).round(2).tolist() for way in WAYS},
        "overlap": {way: np.mean([one.overlap[way] for one in scores], axis=0).round(3).tolist() for way in WAYS},
        "seconds": {way: round(float(np.median([one.seconds[way] for one in scores])), 2) for way in scores[0].seconds},
    }


def show(kind: str, figures: dict[str, Any]) -> None:
    """Prints the table."""
    table = rich.table.Table(kind, *(f"{turn:+.0f}° dB / IoU" for turn in AZIMUTHS), "s")
    for way in WAYS:
        pairs = zip(figures["psnr"][way], figures["overlap"][way], strict=True)
        table.add_row(way, *(f"{decibel:.1f} / {share:.2f}" for decibel, share in pairs), str(figures["seconds"].get(way, "–")))
    rich.console.Console(width=140).print(table)
    say("Pictures are on white: PSNR rewards small objects and blurred ones; look at the sheets.")


def _sized(pictures: torch.Tensor) -> torch.Tensor:
    """(B, 3, SIZE, SIZE) of larger or equal ones."""
    return interpolate(pictures, size=(SIZE, SIZE), mode="area")


def _pixels(picture: torch.Tensor) -> np.ndarray:
    """(S, S, 3) uint8 of (3, S, S) in [0, 1]."""
    return (picture.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
