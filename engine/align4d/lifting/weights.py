"""The lifter's weights: half precision in a safetensors file that says which network they belong to."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..errors import EngineError
from ..protocol import replacing
from .network import Lifter, LifterConfig

WEIGHTS = Path(__file__).parent / "weights" / "lifter.safetensors"
"""Those that ship with the engine. How they were made and on what: docs/motion-prior.md."""


def save_lifter(network: Lifter, path: Path, facts: dict[str, str] | None = None) -> None:
    """Weights in half precision, with the network's configuration and `facts` in the file's metadata."""
    weights = {name: tensor.detach().half().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with replacing(path) as file:
        file.write(save(weights, {"config": json.dumps(asdict(network.config)), **(facts or {})}))


def load_lifter(device: torch.device | str, path: Path = WEIGHTS) -> Lifter:
    """The network of a file of `save_lifter`, in float32.

    Raises:
        EngineError: "lifter_weights" for a file that is missing, broken or of another network.
    """
    advice = "Install the extension again, or train the motion prior anew with scripts/train_lifter.py."
    try:
        with safe_open(path, "pt") as file:
            config = LifterConfig(**json.loads((file.metadata() or {})["config"]))
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - safe_open is no dict
        with torch.device("meta"):  # without numbers of its own, which would be drawn in vain
            network = Lifter(config)
        network.load_state_dict(weights, assign=True)
        if not all(tensor.isfinite().all() for tensor in weights.values()):
            raise ValueError("it holds numbers that are not finite")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise EngineError("lifter_weights", f"{path.name} does not hold the motion prior's weights: {error}", advice) from error
    return network.to(device).eval().requires_grad_(False)
