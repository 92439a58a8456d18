"""The prior that ships with the product: a small pose-conditioned diffusion model of our own, in pixels at 64².

How it was trained, on what, and what it cannot do: the model card beside its weights.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..errors import EngineError
from ..protocol import replacing
from .compact_weights import compact, restored
from .embedded_network import NetworkConfig, NovelViewNetwork, channels_last
from .prior import Condition, MultiviewPrior, PriorFacts, RelativeCamera
from .schedule import ending_in, scaled_linear
from .view_geometry import FOVY

WEIGHTS = Path(__file__).parent / "weights" / "embedded.safetensors"

NULL_ELEVATION, NULL_DISTANCE = 0.0, 1.85
"""Camera that the condition stream is told of where there is no condition [degrees, longest sides]."""

PURE_NOISE = 89.4
"""Noise level of the schedule's last timestep [degrees]: 1 % of the picture is left, and training goes a little farther."""

TEACHING_GUIDANCE, TEACHING_TIMESTEPS = 1.0, (800, 350)
"""Where its lessons point the right way, see docs/developers/prior-figures.md, "What it teaches": below they are about blur and colors, above
small motions are not seen any more, and guidance makes its own mistakes larger."""


class EmbeddedPrior(MultiviewPrior):
    """See `MultiviewPrior`; needs no download, and a CPU is enough."""

    def __init__(self, network: NovelViewNetwork, half: bool = False) -> None:
        """`half`: compute in bfloat16 (weights stay in float32)."""
        self.network = network.eval().requires_grad_(False)
        self.half = half
        size = network.config.size
        self.facts = PriorFacts(
            "embedded",
            FOVY,
            (1.5, 2.2),
            size,
            3,
            size,
            takes_distance=True,
            license="GPL-3.0-or-later",
            guidance=TEACHING_GUIDANCE,
            timesteps=TEACHING_TIMESTEPS,
        )
        self.schedule = ending_in(scaled_linear(), math.cos(math.radians(PURE_NOISE)))
        self._nothing: tuple[Tensor, ...] | None = None

    @property
    def device(self) -> torch.device:
        """See `MultiviewPrior`."""
        return self.network.condition_mark.device

    def _computing(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)

    @torch.no_grad()
    def condition(self, pictures: Tensor, elevation: Tensor, distance: Tensor) -> Condition:
        """See `MultiviewPrior`."""
        given = torch.ones(len(pictures), device=self.device)
        with self._computing():
            features = self.network.condition(self.encode(pictures), torch.deg2rad(elevation), distance, given)
        return Condition(elevation, distance, features)

    @torch.no_grad()
    def null(self, count: int) -> Condition:
        """See `MultiviewPrior`."""
        elevation, distance = (torch.full((1,), value, device=self.device) for value in (NULL_ELEVATION, NULL_DISTANCE))
        if self._nothing is None:
            size = self.facts.size
            empty = torch.zeros(1, 3, size, size, device=self.device)
            with self._computing():
                self._nothing = self.network.condition(empty, torch.deg2rad(elevation), distance, torch.zeros(1, device=self.device))
        return Condition(elevation.expand(count), distance.expand(count), tuple(one.expand(count, *one.shape[1:]) for one in self._nothing))

    def encode(self, pictures: Tensor) -> Tensor:
        """See `MultiviewPrior`: pixels in [-1, 1]."""
        return pictures * 2 - 1

    @torch.no_grad()
    def predict_noise(self, noisy: Tensor, timestep: Tensor, condition: Condition, camera: RelativeCamera) -> Tensor:
        """See `MultiviewPrior`."""
        abar = self.schedule.at(timestep, noisy)
        alpha, sigma = abar.sqrt(), (1 - abar).sqrt()
        elevation = torch.deg2rad(condition.elevation + camera.elevation)
        with self._computing():
            v = self.network(
                noisy,
                (sigma / alpha).log().flatten(),
                elevation,
                torch.deg2rad(camera.azimuth),
                condition.distance + camera.distance,
                condition.features,
            )
        return alpha * v.float() + sigma * noisy


def load_embedded_prior(device: torch.device | str, weights: Path = WEIGHTS, half: bool = False) -> EmbeddedPrior:
    """The prior with the weights that ship with the engine, or others of its kind.

    Args:
        device: where it is to compute.
        weights: of `save_network`.
        half: compute in bfloat16.

    Raises:
        EngineError: "prior_weights".
    """
    return EmbeddedPrior(load_network(weights).to(device), half)


def save_network(network: NovelViewNetwork, path: Path, facts: dict[str, str] | None = None) -> None:
    """Compact weights, with the network's configuration and `facts` in the file's metadata."""
    with replacing(path) as file:
        file.write(save(compact(network.state_dict()), {"config": json.dumps(asdict(network.config)), **(facts or {})}))


def load_network(path: Path) -> NovelViewNetwork:
    """The network of a file of `save_network`, in float32 on the CPU.

    Raises:
        EngineError: "prior_weights" for a file that is missing, broken or of another network.
    """
    advice = "Install the extension again, or train the prior anew with scripts/train_prior.py."
    try:
        with safe_open(path, "pt") as file:
            stored = json.loads((file.metadata() or {})["config"])
            values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
            config = NetworkConfig(**values)
            stored_weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no dict
        network = NovelViewNetwork(config)
        network.load_state_dict(restored(stored_weights))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise EngineError("prior_weights", f"{path.name} does not hold the embedded prior's weights: {error}", advice) from error
    return channels_last(network)
