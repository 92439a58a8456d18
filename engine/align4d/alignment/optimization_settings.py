"""What the paper's optimization is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..gaussians.densification import DensificationSettings
from ..motion.hexplane import HexPlaneSettings
from .asynchronous import AsynchronousSchedule
from .known_views import PAPER, KnownViewSettings
from .motion_geometry import MotionGeometrySettings

NOVEL_GROWTH = (0.3, 0.6)
"""Parts of the run at which the unknown views grow, as in DreamGaussian4D."""

Learns = Literal["auto", "motion", "appearance", "all"]


@dataclass(frozen=True)
class OptimizationSettings:
    """Attributes:
    iterations: steps of the whole run [D].
    resolution: side of the known views [px] [D].
    novel_resolutions: sides of the unknown views [px], one after the other [D].
    frames: how many frames an iteration looks at; 0 is all of them [D].
    novel_frames: how many of these are seen by unknown views as well; 0 is all of them [D].
    learns: what learns beside the deformation field: "motion", nothing, so that only motion explains what pictures show, and
        Gaussians ride on the triangles of their mesh; "appearance", colors and opacities; "all", means, scales and quats as
        well, so that Gaussians leave the mesh; "auto", "appearance" for Gaussians that are bound to a mesh and "all" for
        an asset that is Gaussians. Where only motion learns, nobody takes turns with it.
    floor: share of the root mean square of an attribute's gradients that each Gaussian's is held above: what pictures say little
        of then learns little, such as the side that no video shows. Beyond the paper; 0 is Adam as it is, as published.
    sides: weight of the asset's own looks on sides that the video does not show, beside eq. 6, where Gaussians may learn all that
        they are. Beyond the paper, where eq. 8 alone says so; 0 leaves them open.
    paint: steps in which the colors learn from the first frame, where the object stands as the asset does, before anything
        moves; only where the motion alone learns afterwards. Beyond the paper.
    reframe_every: iterations from one look at where the moved object's middle is to the next, from which the prior is shown
        it; 0 shows it where the asset's middle is at rest, as published [R].
    isometry: weight of lengths on the body, which no frame changes: of their mean squared relative change. Beyond the paper;
        0 leaves the field free, as published.
    known: weights of eq. 6.
    unknown: weights of eqs. 7-9 and the distillation.
    schedule: which half is optimized when.
    hexplane: sizes of the field.
    densification: of free Gaussians.
    recorded: replay iterations on a GPU as recorded graphs, where the prior and the rasterizer let them be recorded.
    read_every: iterations from one look at the loss to the next: a look makes the processor wait for the graphics card.
    keep_every: iterations from one checkpoint to the next.
    """

    iterations: int = 500
    resolution: int = 256
    novel_resolutions: tuple[int, ...] = (128, 256, 512)
    frames: int = 0
    novel_frames: int = 0
    learns: Learns = "auto"
    floor: float = 0.0
    sides: float = 0.0
    paint: int = 60
    reframe_every: int = 20
    isometry: float = 0.0
    known: KnownViewSettings = PAPER
    unknown: MotionGeometrySettings = field(default_factory=MotionGeometrySettings)
    schedule: AsynchronousSchedule = field(default_factory=AsynchronousSchedule)
    hexplane: HexPlaneSettings = field(default_factory=HexPlaneSettings)
    densification: DensificationSettings = field(default_factory=DensificationSettings)
    recorded: bool = True
    read_every: int = 10
    keep_every: int = 50

    def __post_init__(self) -> None:
        if self.learns not in ("auto", "motion", "appearance", "all"):
            raise ValueError(f"learns is {self.learns!r}, none of auto, motion, appearance and all")

    def novel_resolution(self, done: float) -> int:
        """Of the unknown views when the part `done` of the run is over [px]."""
        return self.novel_resolutions[sum(done >= border for border in NOVEL_GROWTH)]
