"""What the object looks like in the video, beyond the asset's own materials: colors and light that learn from its frames.

The artist's materials themselves are never changed; a closer look only makes the comparison with the video sharper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..gaussians.adam import Adam, Group
from ..job.reporting import Reporter
from ..motion.skeleton import Motion
from ..rendering.recorded_steps import RecordedSteps
from .animated_asset import AnimatedAsset
from .known_views import KnownViewLoss, KnownViewSettings
from .lighting import Lighting, to_linear, to_srgb
from .view import View


@dataclass(frozen=True)
class AppearanceSettings:
    """Attributes:
    color_rate, light_rate: learning rates of the Gaussians' colors [D] and of the light.
    true_color: cost of a color that differs from the asset's own by 1, squared.
    paint: steps that colors and light learn from the frame whose pose is known, before anything is tracked.
    """

    color_rate: float = 1e-2
    light_rate: float = 1e-2
    true_color: float = 0.5
    paint: int = 60


class Appearance:
    """Colors and light, as leaf tensors; they start as the animated shows itself.

    Args:
        views: of these the ones with a light of their own learn that, too.
    """

    def __init__(self, animated: AnimatedAsset, settings: AppearanceSettings, views: tuple[View, ...] = ()) -> None:
        self.own = animated.bound.albedo
        self.color = to_srgb(animated.albedo).detach().clone().requires_grad_()
        self.light = animated.lighting.coefficients.clone().requires_grad_()
        own = [view.lighting for view in views]
        self.lights = [None if one is None else one.coefficients.to(self.light).clone().requires_grad_() for one in own]
        self.true_color = settings.true_color
        lights = [self.light, *(light for light in self.lights if light is not None)]
        self.optimizer = Adam([Group([self.color], settings.color_rate), Group(lights, settings.light_rate)], eps=1e-15)

    def on(self, animated: AnimatedAsset, frozen: bool) -> AnimatedAsset:
        """The animated with this appearance."""
        color, light = (self.color.detach(), self.light.detach()) if frozen else (self.color, self.light)
        return replace(animated, albedo=to_linear(color.clamp(0, 1)), lighting=Lighting(light))

    def lighting(self, view: int, frozen: bool) -> Lighting | None:
        """Of one of the views; None where that is the asset's."""
        light = self.lights[view]
        return None if light is None else Lighting(light.detach() if frozen else light)

    def cost(self) -> Tensor:
        """Of colors that are not the asset's."""
        return self.true_color * ((self.color - self.own) ** 2).sum(-1).mean()


def paint(
    animated: AnimatedAsset,
    motion: Motion,
    view: View,
    loss: KnownViewSettings,
    settings: AppearanceSettings,
    report: Reporter,
) -> AnimatedAsset:
    """The animated in the colors and the light that it has in the one frame of `view`, where it stands as in that of `motion`.

    What no material and no simple light explains (a cast shadow, a texture that the video's object does not quite have) is then
    known before tracking looks for it in other places.
    """
    appearance, known = Appearance(animated, settings), KnownViewLoss(loss)
    cameras, reference = view.cameras(), view.reference
    start = [one.detach().clone() for one in appearance.optimizer.tensors()]

    @torch.no_grad()
    def begin() -> None:
        for one, value in zip(appearance.optimizer.tensors(), start, strict=True):
            one.copy_(value)

    def step(_: None) -> None:
        painted = appearance.on(animated, frozen=False)
        picture = painted.render(painted.perform(motion), cameras, reference.size)
        wrong = known(*reference.compared(picture.color, picture.alpha))
        (wrong + appearance.cost()).backward()
        appearance.optimizer.step()
        appearance.optimizer.zero_grad()

    steps: RecordedSteps[None] = RecordedSteps(step, start[0].device, animated.backend)
    steps.run(begin, settings.paint, report.check_cancelled)
    return appearance.on(animated, frozen=True)
