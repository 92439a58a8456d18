"""What models of diffusers have in common that paint a picture after words."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..job.reporting import Reporter
from .diffusion_pipeline import PipelineGenerator, as_bytes
from .interfaces import TextToImage
from .text_prompts import framed


class PromptedPicture(PipelineGenerator, TextToImage):
    """See `TextToImage`. A model says by these constants how it is used.

    Attributes:
        side: of its square pictures [px], a multiple of `multiple`.
        usual_steps: of denoising.
        guidance: as its pipeline takes it.
        more: further arguments of its pipeline.
    """

    side: ClassVar[int] = 1024
    multiple: ClassVar[int] = 32
    usual_steps: ClassVar[int]
    guidance: ClassVar[float]
    more: ClassVar[dict[str, Any]] = {}

    def paint(self, prompt: str, seed: int, report: Reporter) -> np.ndarray:
        """See `TextToImage`."""
        side = self.options.sized(self.side, self.multiple)
        asked = {"prompt": framed(prompt), "guidance_scale": self.guidance, "height": side, "width": side, **self.more}
        found = self.run(seed, self.steps(self.usual_steps), report, **asked)
        return as_bytes(found.images[0])
