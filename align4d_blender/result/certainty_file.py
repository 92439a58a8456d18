"""What a job tells of how sure its motion is, as it lies in its folder. Brings numpy in."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...engine.align4d import protocol
from ..errors import UserError
from .bone_names import names_by_place

LISTED = 5
"""Limbs on the list."""

SURE, UNSURE = np.array([0.1, 0.3, 0.9, 1.0]), np.array([1.0, 0.1, 0.05, 1.0])
"""Colors, linear."""
HIDDEN = 0.25
"""What of their light is left of the colors where the clip does not show the surface."""

STRONG = 0.9
"""Of all vertices and frames, the share whose doubt is less than what is shown in the full color."""


@dataclass(frozen=True)
class Unsure:
    """A limb in the frame where it is least sure.

    Attributes:
        name: of the limb.
        frame: of the motion, counted from 0.
        doubt: how far it may be off, in the mean over it [longest sides of the asset].
        hidden: whether the clip shows less than half of it then.
    """

    name: str
    frame: int
    doubt: float
    hidden: bool


@dataclass(frozen=True)
class Told:
    """What a job tells.

    Attributes:
        doubt: (T, P) how far places may be off; seen: (T, P) whether the clip shows them; point: (B,) the place of each baked point.
        starts: first point of each object's, by the name of its motion's file, and how many.
        strong: doubt that is shown in the full color.
        limbs: the least sure ones, the worst first.
    """

    doubt: np.ndarray
    seen: np.ndarray
    point: np.ndarray
    starts: dict[str, tuple[int, int]]
    strong: float
    limbs: tuple[Unsure, ...]

    def colors(self, motion: str, frame: int) -> np.ndarray:
        """(b, 4) float32 linear colors of one object's vertices in a frame."""
        start, count = self.starts[motion]
        point = self.point[start : start + count]
        colors = self._colors(self.doubt[frame, point])
        colors[~self.seen[frame, point], :3] *= HIDDEN
        return colors

    def frame_colors(self) -> np.ndarray:
        """(T, 4) float32 linear colors of the frames, each that of its least sure places."""
        return self._colors(np.quantile(self.doubt, STRONG, axis=1))

    def _colors(self, doubt: np.ndarray) -> np.ndarray:
        share = np.clip(doubt / self.strong, 0, 1)[:, None]
        colors: np.ndarray = (SURE + share * (UNSURE - SURE)).astype(np.float32)
        return colors


def told(folder: Path) -> Told:
    """Of a job's folder. Raises UserError where the file cannot be used."""
    try:
        return _read(folder, (folder / protocol.CERTAINTY).stat().st_mtime_ns)
    except Exception as error:  # a foreign file: whatever is wrong with it is said
        raise UserError("bad_result", f"How sure this motion is cannot be read ({error}).", "Generate the motion again.") from error


@functools.lru_cache(maxsize=4)
def _read(folder: Path, _written: int) -> Told:
    arrays = protocol.read_arrays(folder / protocol.CERTAINTY)
    found = protocol.read_finished(folder)
    doubt, point = arrays["doubt"].astype(np.float64), arrays["point"]
    counts = [motion.shape[1] for motion in found.motions]
    first = np.cumsum([0, *counts[:-1]]).tolist()
    starts = {Path(entry.motion).name: (start, count) for entry, start, count in zip(found.result.objects, first, counts, strict=True)}
    own = found.weights.sum(0)
    gathered = np.zeros((doubt.shape[1], found.weights.shape[1]))
    np.add.at(gathered, point, found.weights)
    limbs = doubt @ gathered / np.maximum(own, 1e-9)
    names = names_by_place(found.parts.joint, found.world(0), found.parts.parent)
    seen = arrays.get("seen", np.ones(doubt.shape, bool))
    shown = seen @ gathered / np.maximum(own, 1e-9)
    worst = []
    for part in np.flatnonzero(own > 0).tolist():
        frame = int(limbs[:, part].argmax())
        worst.append(Unsure(names[part], frame, float(limbs[frame, part]), bool(shown[frame, part] < 0.5)))
    worst.sort(key=lambda one: -one.doubt)
    strong = max(float(np.quantile(doubt, STRONG)), 1e-6)
    return Told(doubt, seen, point, starts, strong, tuple(worst[:LISTED]))
