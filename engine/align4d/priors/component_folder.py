"""The folders of a published diffusion model: each component's configuration and its weights, found and checked, not yet loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EngineError
from .weights_file import StoredTensor, read_header

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
"""Endings of files that run code when they are loaded. They never are."""


@dataclass(frozen=True)
class Component:
    """One component of a model.

    Attributes:
        folder: where it lies.
        config: its configuration.
        weights: its safetensors file.
        variant: the word between name and ending of that file, for instance "fp16"; None without one.
        tensors: what the file holds.
    """

    folder: Path
    config: dict[str, Any]
    weights: Path
    variant: str | None
    tensors: dict[str, StoredTensor]

    @property
    def parameters(self) -> int:
        """Number of parameters, those that a model leaves unused included."""
        return sum(one.count for one in self.tensors.values())

    def shape(self, tensor: str) -> tuple[int, ...]:
        """The shape of a tensor. Raises EngineError "prior_file" where the file has none of that name."""
        if tensor not in self.tensors:
            raise other_model(self.weights, f"it has no {tensor}")
        return self.tensors[tensor].shape


def find_component(model: Path, name: str, stem: str, half: bool) -> Component:
    """The component `name` of the model in the folder `model`.

    Args:
        stem: what its weights are called: "model" (transformers) or "diffusion_pytorch_model" (diffusers).
        half: take the file in half precision where there are two.

    Raises:
        EngineError: "prior_layout" without its folder, "prior_pickle" where the weights are a pickle only, "prior_file" for
            a missing or broken file.
    """
    folder = model / name
    if not folder.is_dir():
        raise EngineError(
            "prior_layout",
            f"{model} has no folder {name}, so it is no complete model of this kind.",
            "Choose the folder that holds model_index.json, with all its subfolders.",
        )
    config = read_json(folder / "config.json")
    names = {None: f"{stem}.safetensors", "fp16": f"{stem}.fp16.safetensors"}
    present: list[str | None] = [variant for variant, file in names.items() if (folder / file).is_file()]
    if not present:
        raise _without_weights(folder, f"{stem}.safetensors")
    variant = present[-1] if half else present[0]
    weights = folder / names[variant]
    return Component(folder, config, weights, variant, read_header(weights))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises EngineError "prior_file"."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EngineError("prior_file", f"{path} is missing or cannot be read.", "Download the model again, with all its files.") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise EngineError("prior_file", f"{path} is no JSON file.", "Download it again.") from error
    if not isinstance(content, dict):
        raise EngineError("prior_file", f"{path} holds no configuration.", "Download it again.")
    return content


def other_model(weights: Path, reason: str) -> EngineError:
    """The error for weights that are whole, but of another model."""
    return EngineError("prior_file", f"{weights} holds the weights of another model: {reason}.", "Check which model the folder holds.")


def _without_weights(folder: Path, wanted: str) -> EngineError:
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        return EngineError(
            "prior_pickle",
            f"The weights in {folder} are a pickle ({pickles[0]}), which can run any code when it is loaded, so it is not.",
            f"Get {wanted} for this folder: from the same model's page, or converted from the pickle by somebody you trust.",
        )
    return EngineError(
        "prior_file",
        f"{folder / wanted} is missing.",
        "Download the model again, with all its files. Where it is published as a pickle only, choose another publisher: pickles are not used.",
    )
