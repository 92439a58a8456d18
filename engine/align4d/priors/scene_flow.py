"""Scene flow: what a small network of our own says of the motion of each visible point, from one picture to another, in depth too.

It has learnt from jointed procedural objects how bodies look when their limbs come nearer, turn away or hide each other: cues that
say little to a comparison of colours. How it was trained: docs/training.md.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..errors import EngineError
from ..protocol import replacing
from .scene_flow_network import SceneFlowConfig, SceneFlowNetwork

WEIGHTS = Path(__file__).parent / "weights" / "scene_flow.safetensors"

LEAST_SCALE = 2e-3
"""Of the error that the network may claim, in longest sides: nothing is known better from pictures of this size."""


@dataclass(frozen=True)
class PicturePairs:
    """What the network looks at: an object at rest, whose shape is known, and the same object in another pose, by one camera.

    Attributes:
        rest, posed: (B, 3, S, S) sRGB on white.
        rest_alpha, posed_alpha: (B, 1, S, S) coverage.
        place: (B, 3, S, S) of the surface at rest that a pixel sees, in the camera's axes (x right, y down, z forward) from the
            object's centre, in longest sides; 0 where there is none.
        rays: (B, 2, S, S) tangents x / z and y / z of the pixels.
        distance: (B,) of the camera from the object's centre, in longest sides.
    """

    rest: Tensor
    posed: Tensor
    rest_alpha: Tensor
    posed_alpha: Tensor
    place: Tensor
    rays: Tensor
    distance: Tensor


@dataclass(frozen=True)
class SceneFlow:
    """What the network says.

    Attributes:
        motion: (B, 3, S, S) of the surface seen at rest, in the camera's axes, in longest sides.
        motion_scale: (B, 2, S, S) mean absolute error that it expects of the motion: in the picture's plane, and in depth.
        depth: (B, 1, S, S) of the surface seen in the other picture, beyond the object's centre at rest.
        depth_scale: (B, 1, S, S) mean absolute error that it expects of that.
    """

    motion: Tensor
    motion_scale: Tensor
    depth: Tensor
    depth_scale: Tensor


def network_input(pairs: PicturePairs) -> Tensor:
    """(B, 2, INPUTS, S, S): each stream its own picture, then the other; then the place, the rays and the distance, and which stream it is."""
    rest, posed = (torch.cat([(2 * color - 1) * alpha, alpha], 1) for color, alpha in ((pairs.rest, pairs.rest_alpha), (pairs.posed, pairs.posed_alpha)))
    count, _, height, width = rest.shape
    nearness = (1 / pairs.distance).view(-1, 1, 1, 1).expand(count, 1, height, width)
    shared = [pairs.place, pairs.rays, nearness]
    mark = torch.ones_like(nearness)
    return torch.stack([torch.cat([rest, posed, *shared, mark], 1), torch.cat([posed, rest, *shared, -mark], 1)], 1)


def read_output(output: Tensor) -> SceneFlow:
    """The network's output (B, 2, OUTPUTS, S, S), which is in tenths of the longest side."""
    of_rest, of_posed = output[:, 0] * 0.1, output[:, 1] * 0.1
    scales = 0.1 * output[:, :, 3:].float().clamp(-8, 3).exp() + LEAST_SCALE
    return SceneFlow(of_rest[:, :3].float(), scales[:, 0], of_posed[:, :1].float(), scales[:, 1, :1])


class SceneFlowPredictor:
    """The network with its weights.

    Args:
        network: its weights are frozen.
        half: compute in bfloat16 (weights stay in float32).
    """

    def __init__(self, network: SceneFlowNetwork, half: bool = False) -> None:
        self.network = network.eval().requires_grad_(False)
        self.half = half

    @property
    def size(self) -> int:
        """Side of the pictures [px]."""
        return self.network.config.size

    @torch.no_grad()
    def __call__(self, pairs: PicturePairs, batch: int = 8) -> SceneFlow:
        """Looks at `batch` pairs at a time."""
        pictures = network_input(pairs)
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=self.half):
            return read_output(torch.cat([self.network(some).float() for some in pictures.split(batch)]))


def load_scene_flow(device: torch.device | str, weights: Path = WEIGHTS) -> SceneFlowPredictor:
    """The predictor with the weights that ship with the engine, or others of its kind; in bfloat16 on a GPU.

    Raises:
        EngineError: "prior_weights".
    """
    network = load_scene_flow_network(weights).to(device)
    return SceneFlowPredictor(network, half=torch.device(device).type == "cuda")


def save_scene_flow_network(network: SceneFlowNetwork, path: Path, facts: dict[str, str] | None = None) -> None:
    """Weights in half precision, with the network's configuration and `facts` in the file's metadata."""
    weights = {name: tensor.detach().half().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with replacing(path) as file:
        file.write(save(weights, {"config": json.dumps(asdict(network.config)), **(facts or {})}))


def load_scene_flow_network(path: Path) -> SceneFlowNetwork:
    """The network of a file of `save_scene_flow_network`, in float32 on the CPU.

    Raises:
        EngineError: "prior_weights" for a file that is missing, broken or of another network.
    """
    advice = "Install the extension again, or train the network anew with scripts/train_scene_flow.py."
    try:
        with safe_open(path, "pt") as file:
            stored = json.loads((file.metadata() or {})["config"])
            values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - safe_open is no dict
        network = SceneFlowNetwork(SceneFlowConfig(**values))
        network.load_state_dict(weights)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise EngineError("prior_weights", f"{path.name} does not hold the weights of the scene flow: {error}", advice) from error
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own hints leave this form out
