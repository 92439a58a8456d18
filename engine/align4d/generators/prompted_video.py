"""What models of diffusers have in common that make a video of a picture and words."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..job.reporting import Reporter
from .diffusion_pipeline import PipelineGenerator, as_bytes, as_picture
from .interfaces import Footage, ImageToVideo
from .pictures import fit_on_white

AVOIDED = "camera movement, cut, scenery, several objects, blurred, still picture, text"


class PromptedVideo(PipelineGenerator, ImageToVideo):
    """See `ImageToVideo`. A model says by these constants how it is used.

    Attributes:
        size: height and width [px].
        frames: as many as are asked for; two seconds are enough for an asset's motion.
        group: frames that are coded together, behind the first one.
        fps: frames a second.
        usual_steps: of denoising.
        guidance: as its pipeline takes it.
    """

    size: ClassVar[tuple[int, int]]
    frames: ClassVar[int] = 49
    group: ClassVar[int]
    fps: ClassVar[float] = 24
    usual_steps: ClassVar[int]
    guidance: ClassVar[float]

    def animate(self, picture: np.ndarray, prompt: str, seed: int, report: Reporter) -> Footage:
        """See `ImageToVideo`."""
        height, width = (self.options.sized(side, 32) for side in self.size)
        found = self.run(
            seed,
            self.steps(self.usual_steps),
            report,
            image=as_picture(fit_on_white(picture, height, width)),
            guidance_scale=self.guidance,
            height=height,
            width=width,
            num_frames=whole_groups(self.options.frames or self.frames, self.group),
            **self.words(prompt),
        )
        return Footage(as_bytes(found.frames[0]), self.fps)

    def words(self, prompt: str) -> dict[str, Any]:
        """The arguments of the pipeline that say what happens, and what is to be avoided."""
        return {"prompt": prompt, "negative_prompt": AVOIDED}


def whole_groups(frames: int, group: int) -> int:
    """The next number of frames that is one more than a multiple of `group`: the first is coded alone, the others in groups."""
    return max(1, round((frames - 1) / group)) * group + 1
