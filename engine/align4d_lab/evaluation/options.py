"""What is to be evaluated. It imports no torch: the command line shows its help without waiting for torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from align4d.cameras.orbit import Orbit

SIDE = 512
"""Of pictures, as Consistent4D compares them [px]."""


@dataclass(frozen=True)
class EvaluationOptions:
    """What is to be evaluated, and against what.

    Attributes:
        result: see `read_result`, or a folder of pictures as Consistent4D lays them out.
        mesh: of a .pc2.
        reference: video from the input's view; empty: the one that a job was made from.
        views: folder of reference views.
        truth: truth.npz or surfaces.npy.
        models: folder of metric models.
        orbit: where the video was seen from, where the result does not say.
        size: of pictures where the reference does not decide [px].
        surround: pictures of the turn around the result; 0 leaves it out.
        batch: frames in memory at once.
        fps: of results that do not say.
        device: "auto", "cpu" or "cuda".
        seed: of the surface's samples.
    """

    result: Path
    mesh: Path | None = None
    reference: Path | None = None
    views: Path | None = None
    truth: Path | None = None
    models: Path | None = None
    orbit: Orbit = field(default_factory=Orbit)
    size: int = SIDE
    surround: int = 36
    batch: int = 8
    fps: float = 24.0
    device: str = "auto"
    seed: int = 0
