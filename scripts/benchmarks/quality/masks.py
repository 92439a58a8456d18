"""Masks: cases with a background cut out by a box around the object in their first frame, against their true masks."""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np
import rich.console
import rich.table
from align4d_lab.tables.report import write_json
from PIL import Image

from align4d.inputs.cutout.carry import Carried, Cutter
from align4d.inputs.cutout.shapes import find_bad, overlap, reduced
from align4d.inputs.masks import boxed_masks
from align4d.inputs.video import Clip, load_clip
from align4d.protocol import VideoSpec
from support.console import ScriptError, say

MARGIN = 0.03
"""How far the box is drawn around the object, of its longer side."""
SPOILED = 10
"""Masks of a clip that are spoiled, to see how many are found and put right."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=Path, required=True, help="folder of cases: reference.mp4 and frames/*.png with the true alpha")
    parser.add_argument("--only", action="append", metavar="NAME", help="one case (can be repeated)")
    parser.add_argument("--jobs", type=Path, help="the --out of `bench.py motion --box`: its masks, which the mesh had a part in, are measured too")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json and a picture of each case")


def run(arguments: argparse.Namespace) -> int:
    """Measures the cases one after the other."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, dict[str, float]] = {}
    for movie in sorted(arguments.cases.glob("*/reference.mp4")):
        case = movie.parent
        if (arguments.only and case.name not in arguments.only) or not (case / "frames").is_dir():
            continue
        say(case.name)
        figures[case.name] = measure(case, arguments.jobs and arguments.jobs / case.name / "masks", arguments.out)
    if not figures:
        raise ScriptError(f"{arguments.cases} has no case with frames and a movie.")
    names = list(dict.fromkeys(name for values in figures.values() for name in values))
    average = {name: float(np.mean([values[name] for values in figures.values() if name in values])) for name in names}
    write_json(arguments.out / "figures.json", {"cases": figures, "mean": average})
    table = rich.table.Table("case", *names)
    for name, values in (*figures.items(), ("mean", average)):
        table.add_row(name, *(f"{values[key]:.3f}" if key in values else "–" for key in names))
    rich.console.Console(width=160).print(table)
    return 0


def measure(case: Path, job: Path | None, out: Path) -> dict[str, float]:
    """Mean overlap of the masks with the true ones: by the box alone, and with the mesh where there is a job; seconds a frame."""
    clip = load_clip(VideoSpec(path=str(case / "reference.mp4")))
    truth = true_masks(case, clip)
    began = time.process_time()
    cutter = Cutter(clip.frames, 0, lambda done, total: None)
    carried = cutter.from_box(around(truth[0]))
    seconds = (time.process_time() - began) / len(truth)
    figures = {"box": _overlap(clip, carried.inside, truth), "cpu s a frame": seconds}
    if job and job.is_dir():
        found = [np.asarray(Image.open(path), np.float32) / 255 for path in sorted(job.glob("*.png"))]
        side = max(found[0].shape)  # a draft works on smaller frames
        figures["with mesh"] = float(np.mean([overlap(one, reduced(true, side)) for one, true in zip(found, truth, strict=True)]))
        carried = Carried(np.stack([_at_size(mask, cutter.size) for mask in found]), carried.motion)
    figures |= _repair(cutter, carried, clip, truth)
    _picture(clip, carried.inside, truth).save(out / f"{case.name}.png")
    return figures


def _at_size(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask (H, W) float32 in `size` rows and columns."""
    return np.asarray(Image.fromarray(mask).resize(size[::-1], Image.Resampling.BILINEAR), np.float32)


def around(mask: np.ndarray) -> tuple[float, float, float, float]:
    """The box (left, top, right, bottom), in parts of the frame, that an artist would draw around a mask (H, W)."""
    rows, columns = np.flatnonzero((mask > 0.5).any(axis=1)), np.flatnonzero((mask > 0.5).any(axis=0))
    margin = MARGIN * max(np.ptp(rows), np.ptp(columns))
    sides = np.array([columns[0] - margin, rows[0] - margin, columns[-1] + margin, rows[-1] + margin])
    left, top, right, bottom = (sides / np.tile(mask.shape[::-1], 2)).clip(0, 1).tolist()
    return left, top, right, bottom


def true_masks(case: Path, clip: Clip) -> np.ndarray:
    """(T, H, W) float32 in [0, 1], at the size of the clip's frames."""
    size = clip.frames.shape[2], clip.frames.shape[1]
    masks = []
    for path in sorted((case / "frames").glob("*.png"))[: len(clip.frames)]:
        with Image.open(path) as picture:
            masks.append(np.asarray(picture.getchannel("A").resize(size, Image.Resampling.BOX), np.float32) / 255)
    return np.stack(masks)


def _overlap(clip: Clip, inside: np.ndarray, truth: np.ndarray) -> float:
    alpha = boxed_masks(clip, inside).alpha
    return float(np.mean([overlap(*pair) for pair in zip(alpha, truth, strict=True)]))


def _repair(cutter: Cutter, carried: Carried, clip: Clip, truth: np.ndarray) -> dict[str, float]:
    """Overlap of masks that were spoiled (half gone, twice the size, shifted, ...), before and after, and the part of them that was found."""
    chance = np.random.default_rng(0)
    spoiled = carried.inside.copy()
    chosen = np.sort(chance.choice(np.arange(1, len(spoiled)), min(SPOILED, (len(spoiled) - 1) // 2), replace=False))
    for index, frame in enumerate(chosen):
        mask = spoiled[frame]
        rows = np.flatnonzero((mask > 0.5).any(axis=1))
        if index % 3 == 0:
            mask[(rows[0] + rows[-1]) // 2 :] = 0
        elif index % 3 == 1:
            spoiled[frame] = np.roll(mask, mask.shape[1] // 6, axis=1)
        else:
            mask[rows[0] : rows[-1], : mask.shape[1] // 2] = 1
    mended = cutter.repaired(spoiled, carried.motion)
    found = float(find_bad(spoiled)[chosen].mean())
    some = dataclasses.replace(clip, frames=clip.frames[chosen])
    one, other = _overlap(some, spoiled[chosen], truth[chosen]), _overlap(some, mended[chosen], truth[chosen])
    return {"spoiled": one, "repaired": other, "found": found}


def _picture(clip: Clip, inside: np.ndarray, truth: np.ndarray) -> Image.Image:
    """Four frames, the object alone; below: red is too much, blue is missing."""
    columns = []
    for frame in np.linspace(0, len(truth) - 1, 4).round().astype(int):
        picture = clip.frames[frame]
        one = Clip(picture[None], None, clip.fps, clip.full_size)
        alpha = boxed_masks(one, inside[frame : frame + 1]).alpha[0].astype(np.float32)
        found, true = alpha > 0.5, truth[frame] > 0.5
        wrong = np.dstack([found & ~true, found & true, true & ~found]) * np.array([255, 90, 255])
        columns.append(np.vstack([alpha[..., None] * picture + (1 - alpha[..., None]) * 90, wrong]))
    return Image.fromarray(np.hstack(columns).astype(np.uint8))
