"""All settings of a job, the presets, and single settings by their dotted name."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, replace
from typing import Any

from .alignment.pose import PoseSettings
from .alignment.refinement import RefinementSettings
from .alignment.tracking import TrackingSettings
from .errors import EngineError
from .gaussians.surface_bound import GaussianSettings
from .motion.parts import PartSettings


@dataclass(frozen=True)
class Settings:
    """Attributes:
    video_side: longest side to which the video is scaled when it is read [px].
    gaussians, pose, parts, tracking, refinement: of the stages.
    """

    video_side: int = 512
    gaussians: GaussianSettings = field(default_factory=GaussianSettings)
    pose: PoseSettings = field(default_factory=PoseSettings)
    parts: PartSettings = field(default_factory=PartSettings)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    refinement: RefinementSettings = field(default_factory=RefinementSettings)


PRESETS: dict[str, Settings] = {
    "artist": Settings(),
    "draft": Settings(
        video_side=320,
        gaussians=GaussianSettings(count=4000, fit_size=112, fit_iterations=40),
        pose=PoseSettings(resolution=96, candidates=2, iterations=10),
        tracking=TrackingSettings(resolution=96, iterations=25),
        refinement=RefinementSettings(resolution=96, iterations=20),
    ),
}
"""artist: the default for an existing mesh. draft: a preview."""


def settings_for(preset: str, overrides: dict[str, Any]) -> Settings:
    """The preset with single settings replaced, e.g. {"tracking.iterations": 40}.

    Raises:
        EngineError: "unknown_preset", "unknown_setting".
    """
    if preset not in PRESETS:
        raise EngineError("unknown_preset", f"There is no preset {preset!r}.", f"Choose one of: {', '.join(PRESETS)}.")
    settings = PRESETS[preset]
    for name, value in overrides.items():
        settings = _replaced(settings, name.split("."), value, name)
    return settings


def _replaced(settings: Any, path: list[str], value: Any, name: str) -> Any:
    names = [one.name for one in dataclasses.fields(settings)]
    if path[0] not in names:
        raise EngineError("unknown_setting", f"There is no setting {name!r}.", f"Known here: {', '.join(names)}.")
    old = getattr(settings, path[0])
    if len(path) > 1 and dataclasses.is_dataclass(old):
        return replace(settings, **{path[0]: _replaced(old, path[1:], value, name)})
    if len(path) > 1 or dataclasses.is_dataclass(old):
        raise EngineError("unknown_setting", f"{name!r} is not a single setting.", "Give the name of one setting, such as tracking.iterations.")
    try:
        return replace(settings, **{path[0]: type(old)(value)})
    except (TypeError, ValueError) as error:
        raise EngineError("bad_setting", f"{value!r} is no value for {name!r}.", f"Give a value like {old!r}.") from error
