"""All settings of a job, the presets, and single settings by their dotted name."""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..alignment.around_pins import HandSettings
from ..alignment.lifted_depth import LiftedDepthSettings
from ..alignment.motion_geometry import MotionGeometrySettings
from ..alignment.multiview_distance import MultiviewDistanceSettings
from ..alignment.optimization_settings import OptimizationSettings
from ..alignment.pose import PoseSettings
from ..alignment.pose_search import PoseSearchSettings
from ..alignment.refinement_settings import RefinementSettings
from ..alignment.tracking_settings import TrackingSettings
from ..bake.relaxing import RelaxingSettings
from ..errors import EngineError
from ..gaussians.surface_bound import GaussianSettings
from ..generators.generator_settings import GeneratorSettings
from ..motion.parts import PartSettings
from ..priors.loading import PriorSpec
from .setting_values import checked

TEACHABLE = OptimizationSettings(
    isometry=3_000.0,
    floor=1.0,
    sides=1.0,
    unknown=MotionGeometrySettings(geometry=0.0, weight=0.3, falls=2.0, teaches="motion", against="rest"),
)
"""Motion and geometry aligned by what sets them apart: what the prior says of the video's frame and not of the asset at rest teaches
motion alone, first of all and then less and less, of a body that keeps its lengths; what the video does not show looks as the asset
does. As published, these settings are those of `OptimizationSettings` itself."""


@dataclass(frozen=True)
class PaperSettings:
    """The paper's own method.

    Attributes:
        align_distance: object distance alignment; without it, the ablation "w/o ODA", d_V is `fixed_distance` and novel views
            stand as far [P].
        fixed_distance: the baseline's, at its field of view, in longest sides of the asset [D].
        multiview: the prior's sweep.
        multiview_size: least side of the pictures of that sweep, before they are reduced to what the prior takes [px].
        optimization: known and unknown views, and who learns when. `optimization.unknown.against` "noise" is the ablation
            "w/o MGJA", `optimization.schedule.joint` the ablation "w/o AO".
        cpu_frames, cpu_novel_frames, cpu_resolution: what an iteration may look at without a graphics card, see `within_budget`.
    """

    align_distance: bool = True
    fixed_distance: float = 1.5
    multiview: MultiviewDistanceSettings = field(default_factory=MultiviewDistanceSettings)
    multiview_size: int = 128
    optimization: OptimizationSettings = TEACHABLE
    cpu_frames: int = 6
    cpu_novel_frames: int = 2
    cpu_resolution: int = 128


@dataclass(frozen=True)
class Settings:
    """Attributes:
    video_side: longest side to which the video is scaled when it is read [px].
    method: "artist" (tracking and refinement) or "paper".
    gaussians, pose: of the stages that both have.
    parts, search, tracking, refinement, relaxing: of the artist's method.
    hand: of corrections by the artist.
    prior: the multiview prior of the paper's method, e.g. {"prior.source": FOLDER}.
    paper: of the paper's method.
    generators: which models make what is not given.
    """

    video_side: int = 512
    method: Literal["artist", "paper"] = "artist"
    gaussians: GaussianSettings = field(default_factory=GaussianSettings)
    pose: PoseSettings = field(default_factory=PoseSettings)
    parts: PartSettings = field(default_factory=PartSettings)
    search: PoseSearchSettings = field(default_factory=PoseSearchSettings)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    refinement: RefinementSettings = field(default_factory=RefinementSettings)
    relaxing: RelaxingSettings = field(default_factory=RelaxingSettings)
    hand: HandSettings = field(default_factory=HandSettings)
    prior: PriorSpec = field(default_factory=PriorSpec)
    paper: PaperSettings = field(default_factory=PaperSettings)
    generators: GeneratorSettings = field(default_factory=GeneratorSettings)

    def __post_init__(self) -> None:
        if self.method not in ("artist", "paper"):
            raise ValueError(f"method is {self.method!r}, neither artist nor paper")


PRESETS: dict[str, Settings] = {
    "artist": Settings(),
    "draft": Settings(
        video_side=320,
        gaussians=GaussianSettings(count=4000, fit_size=112, fit_iterations=40),
        pose=PoseSettings(resolution=96, candidates=2, iterations=10),
        tracking=TrackingSettings(resolution=96, iterations=12, polishing=8),
        refinement=RefinementSettings(resolution=96, iterations=20, lifted=LiftedDepthSettings(points=128, rounds=1, fit_iterations=40)),
    ),
    "paper": Settings(method="paper", generators=GeneratorSettings(text_to_image="sdxl", image_to_video="svd", image_to_3d="lgm")),
}
"""artist: the default for an existing mesh. draft: a preview. paper: the published method, for comparison."""


def settings_for(preset: str, overrides: dict[str, Any]) -> Settings:
    """The preset with single settings replaced, e.g. {"tracking.iterations": 40}.

    Raises:
        EngineError: "unknown_preset", "unknown_setting", "bad_setting".
    """
    if preset not in PRESETS:
        raise EngineError("unknown_preset", f"There is no preset {preset!r}.", f"Choose one of: {', '.join(PRESETS)}.")
    settings = PRESETS[preset]
    for name, value in overrides.items():
        settings = _replaced(settings, name.split("."), value, name)
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    """Settings that only make sense together. Raises EngineError "bad_setting"."""
    optimization = settings.paper.optimization
    if optimization.densification.enabled and optimization.learns not in ("auto", "all"):
        message = "Gaussians that stay on the mesh cannot be densified."
        raise EngineError("bad_setting", message, "Set paper.optimization.learns=all as well, or leave densification off.", "clear_overrides")


def _replaced(settings: Any, path: list[str], value: Any, name: str) -> Any:
    names = [one.name for one in dataclasses.fields(settings)]
    if path[0] not in names:
        raise EngineError("unknown_setting", f"There is no setting {name!r}.", f"Known here: {', '.join(names)}.", "clear_overrides")
    old = getattr(settings, path[0])
    if len(path) > 1 and dataclasses.is_dataclass(old):
        return replace(settings, **{path[0]: _replaced(old, path[1:], value, name)})
    if len(path) > 1 or dataclasses.is_dataclass(old):
        advice = "Give the name of one setting, such as tracking.iterations."
        raise EngineError("unknown_setting", f"{name!r} is not a single setting.", advice, "clear_overrides")
    try:
        return replace(settings, **{path[0]: checked(name, typing.get_type_hints(type(settings))[path[0]], value)})
    except ValueError as error:  # what the settings' own class finds
        message = f"{value!r} is no value for {name!r}: {error}."
        raise EngineError("bad_setting", message, f"Give a value like {old!r}.", "clear_overrides") from error
