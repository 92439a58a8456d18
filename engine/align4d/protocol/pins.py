"""A job that corrects a finished one: poses that the artist knows, and what the other one had found."""

from __future__ import annotations

import dataclasses

SOLVED = "output/solved.npz"
"""What the engine needs to solve frames of a finished job anew, without its video; of use to the engine alone."""

FLIPS = "flips"
"""In `SOLVED`: (F, 3) int64 of limbs that go the other way since frames were solved: part, first and last frame, see `FlipSpec`."""

BASE = "input/base"
"""In the folder of a job that corrects another one: what that one had finished, as a job folder of its own."""

PINS = "input/pin_{:04}.npz"
"""Name of the file of a pinned pose, by its frame, counted from 0."""

PIN_ARRAYS = {"positions": ("float32", ("B", 3))}
"""Arrays of a pinned pose: where the baked points of all objects stand, in their order, in world space."""


CERTAINTY = "output/certainty.npz"

CERTAINTY_ARRAYS = {"doubt": ("float32", ("T", "P")), "seen": ("bool", ("T", "P")), "point": ("int32", ("B",))}
"""Arrays of how sure a motion is: name -> dtype and shape. `doubt` says how far each of P places of the surface may be off in a
frame, in longest sides of the asset; `seen` whether a clip shows it then; `point` which of them is nearest to each baked point.
Files of earlier versions lack `seen`.
"""


@dataclasses.dataclass(frozen=True)
class PinSpec:
    """A pose that the artist knows.

    Attributes:
        frame: of the motion, counted from 0.
        pose: .npz in the job folder, see `PIN_ARRAYS`.
    """

    frame: int
    pose: str


@dataclasses.dataclass(frozen=True)
class FlipSpec:
    """A limb that bends the other way, towards the camera in the place of away from it.

    Attributes:
        part: the limb's first part, see `POSE_ARRAYS`; what hangs on it goes with it.
        first, last: frames of the motion, both included, counted from 0.
    """

    part: int
    first: int
    last: int


FLIP_WITHOUT_GAUSSIANS = "The Gaussians do not go the other way with the mesh: keep a pose, and Solve Around Poses writes them anew."
"""Note of a flip of a job that had some."""
