"""Weights of the metrics' networks: found in a folder, checked, loaded. Pickles are never read, nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from align4d.errors import EngineError
from align4d.models.weights_file import read_header


class Unavailable(Exception):
    """A figure cannot be measured here; the text says why. It is reported as "not measured", with this reason."""


def weights_in(models: Path | None, name: str) -> Path:
    """MODELS/NAME/model.safetensors. Raises Unavailable where it is not there."""
    if models is None:
        raise Unavailable("no folder of metric models was given (--models)")
    path = models / name / "model.safetensors"
    if not path.is_file():
        raise Unavailable(f"its weights are not there: {path}")
    return path


def load_into(network: nn.Module, path: Path, leave_out: tuple[str, ...] = ()) -> None:
    """Fills every parameter and buffer of `network` from a safetensors file, and freezes it for inference.

    Args:
        leave_out: beginnings of names that the file may have and the network does not need.

    Raises:
        EngineError: "metric_weights" for a file that is broken or belongs to another network.
    """
    stored = read_header(path)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    missing = sorted(wanted.keys() - stored.keys())
    surplus = [name for name in stored.keys() - wanted.keys() if not name.startswith(leave_out) and not name.endswith("num_batches_tracked")]
    other = sorted(name for name in wanted.keys() & stored.keys() if stored[name].shape != wanted[name])
    for what, names in (("lacks", missing), ("has the unknown", sorted(surplus)), ("has another shape of", other)):
        if names:
            raise EngineError(
                "metric_weights",
                f"{path} does not hold the weights of {type(network).__name__}: it {what} {', '.join(names[:3])}.",
                "See docs/reference/evaluation.md for the files that are meant, and how they are converted.",
            )
    tensors = load_file(path)
    network.load_state_dict({name: tensors[name].to(torch.float32) for name in wanted}, strict=False)
    network.requires_grad_(False).eval()
