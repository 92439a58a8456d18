"""The artist's hand: finished motions corrected as an artist would, who knows the truth of a frame or two, or sees a limb on the wrong side."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from align4d_lab.evaluation.truth_file import TruthFile, read_truth

from align4d import protocol
from align4d.job.reporting import RecordingReporter
from align4d.pipeline import artist
from align4d.protocol.flip import bone_ends, flip, move_points, rest_points
from align4d.protocol.flipped_job import FinishedMotion, read_finished, write_flipped
from support.console import ScriptError

from . import case_by_case

COLUMNS = ("before", "one_pin", "two_pins", "flip", "flip_solved", "unsure", "unsure_at_best", "one_pin_seconds", "two_pins_seconds")
"""The figures of the table; see `corrected`."""

SMALL = 0.01
"""Share of all points below which nobody calls a part a limb."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    case_by_case.add_case_arguments(parser, "folder for hand.json and the corrected jobs")


def run(arguments: argparse.Namespace) -> int:
    """Corrects the cases one after the other; 1 where one of them has no job."""
    return case_by_case.measure(
        arguments, "hand", COLUMNS, lambda case, out: corrected(case, case_by_case.finished_job(arguments.jobs / case.name), out)
    )


def corrected(case: Path, base: Path, out: Path) -> dict[str, float]:
    """Motion explained before and after one pinned true pose, two, and a flip of the worst limb, as it is shown at once and solved with the
    clip; how long the pins took; see `honesty`.

    Raises ScriptError where the job does not belong to the case.
    """
    truth, found = read_truth(case / "truth.npz"), read_finished(base)
    if found.motions[0].shape != truth.vertices.shape:
        raise ScriptError(f"The motion has the shape {found.motions[0].shape}, the truth {truth.vertices.shape}.")
    frames = found.result.frames
    figures = {"before": truth.explained(found.motions[0])}
    for name, pinned in (("one_pin", [frames // 2]), ("two_pins", [frames // 3, 2 * frames // 3])):
        figures[name], figures[f"{name}_seconds"] = pinned_motion(base, out / name, found, truth, pinned)
    figures["flip"], figures["flip_solved"] = flipped_motion(base, out, found, truth)
    figures["unsure"], figures["unsure_at_best"] = honesty(base, found, truth)
    return figures


def honesty(base: Path, found: FinishedMotion, truth: TruthFile) -> tuple[float, float]:
    """How many times the mean error of the rest the unsurest tenth of all vertices in all frames has, and the tenth that is farthest off."""
    arrays = protocol.read_arrays(base / protocol.CERTAINTY)
    off = np.linalg.norm(found.motions[0] - truth.vertices, axis=-1).ravel()

    def of_tenth(doubt: np.ndarray) -> float:
        ordered = off[np.argsort(doubt, kind="stable")[::-1]]
        tenth = max(len(off) // 10, 1)
        return float(ordered[:tenth].mean() / ordered[tenth:].mean())

    return of_tenth(arrays["doubt"][:, arrays["point"]].ravel()), of_tenth(off)


def pinned_motion(base: Path, folder: Path, found: FinishedMotion, truth: TruthFile, frames: list[int]) -> tuple[float, float]:
    """Motion explained once these frames are pinned as they truly were, and the seconds that it took."""
    true = truth.placed(np.array(found.request.objects[0].matrix_world))
    protocol.write_correction(base, folder, folder.name, {frame: true[frame] for frame in frames})
    began = time.perf_counter()
    explained = explained_by(folder, artist.run(folder, RecordingReporter()), truth)
    return explained, time.perf_counter() - began


def flipped_motion(base: Path, out: Path, found: FinishedMotion, truth: TruthFile) -> tuple[float, float]:
    """Motion explained once the worst limb has gone the other way in the run of frames where that looks better: at once, and solved then.

    As it was where it never looks better.
    """
    spec = worst_limb(found, truth)
    if spec is None:
        return (truth.explained(found.motions[0]),) * 2
    flipped, solved = out / "flip", out / "flip_solved"
    at_once = explained_by(flipped, write_flipped(base, flipped, flipped.name, [spec]), truth)
    protocol.write_correction(flipped, solved, solved.name, {})
    return at_once, explained_by(solved, artist.run(solved, RecordingReporter()), truth)


def explained_by(folder: Path, result: protocol.Result, truth: TruthFile) -> float:
    """Motion explained by a job's first object."""
    return truth.explained(protocol.read_pc2(folder / result.objects[0].motion))


def worst_limb(found: FinishedMotion, truth: TruthFile) -> protocol.FlipSpec | None:
    """The limb that is farthest from the truth, in the frames in which its other way is nearer to it."""
    true = truth.placed(np.array(found.request.objects[0].matrix_world))
    frames = range(found.result.frames)
    off = np.linalg.norm(np.stack([found.world(frame) for frame in frames]) - true, axis=-1)
    parts, weights = found.parts, found.weights
    held = np.stack([weights[:, parts.limb(part)].sum(1) for part in range(len(parts.parent))], 1)
    mean = (off.mean(0) @ held) / np.maximum(held.sum(0), 1e-9)
    mean[(held.mean(0) < SMALL) | (parts.parent < 0)] = -1
    limb = int(mean.argmax())
    rest = rest_points(found.world(0), weights, parts)
    eye = np.array(found.result.camera.matrix_world)[:3, 3]
    other = flip(parts, bone_ends(parts, rest, weights), eye, [protocol.FlipSpec(limb, 0, len(frames) - 1)])
    gain = [
        float((off[frame] - np.linalg.norm(move_points(found.world(frame), weights, parts, other, frame) - true[frame], axis=-1)).sum())
        for frame in frames
    ]
    first, last, total = best_run(gain)
    return protocol.FlipSpec(limb, first, last) if total > 0 else None


def best_run(gain: list[float]) -> tuple[int, int, float]:
    """First, last and sum of the run with the largest sum."""
    sums = np.concatenate([[0.0], np.cumsum(gain)])
    runs = [(float(sums[last + 1] - sums[first]), first, last) for first in range(len(gain)) for last in range(first, len(gain))]
    total, first, last = max(runs)
    return first, last, total
