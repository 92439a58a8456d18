"""The folders of a published model: each component's configuration and its weights, found and checked, not yet loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EngineError
from .folder_safety import check_inside
from .weights_file import StoredTensor, read_header

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
"""Endings of files that run code when they are loaded. They never are."""

LONGEST_JSON = 64_000_000
"""Bytes; the largest tokenizers have about half of it."""

CODE_KEYS = ("auto_map", "custom_pipelines", "trust_remote_code")
"""Entries of a configuration that name code to be run. A model with one is refused."""


@dataclass(frozen=True)
class Component:
    """One component of a model.

    Attributes:
        folder: where it lies.
        config: its configuration.
        weights: its safetensors file, or the index of several.
        variant: the word between name and ending of that file, for instance "fp16"; None without one.
        tensors: what the file, or all of them together, hold.
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
        """The shape of a tensor. Raises EngineError "model_file" where the file has none of that name."""
        if tensor not in self.tensors:
            raise other_model(self.weights, f"it has no {tensor}")
        return self.tensors[tensor].shape


def find_component(model: Path, name: str, stem: str, half: bool) -> Component:
    """The component `name` of the model in the folder `model`.

    Args:
        stem: what its weights are called: "model" (transformers) or "diffusion_pytorch_model" (diffusers).
        half: take the file in half precision where there are two.

    Raises:
        EngineError: "model_layout" without its folder, "model_pickle" where the weights are a pickle only, "model_file" for
            a missing or broken file, "model_unsafe" for one that leads out of the model or names code.
    """
    folder = model / name
    if not folder.is_dir():
        raise EngineError(
            "model_layout",
            f"{model} has no folder {name}, so it is no complete model of this kind.",
            "Choose the folder that holds model_index.json, with all its subfolders.",
        )
    check_inside(model, folder)
    config = read_json(folder / "config.json")
    present: list[tuple[str | None, Path]] = []
    for variant in (None, "fp16"):
        one = _weights_file(folder, stem, variant)
        if one:
            present.append((variant, one))
    if not present:
        raise _without_weights(folder, f"{stem}.safetensors")
    chosen, weights = present[-1] if half else present[0]
    tensors: dict[str, StoredTensor] = {}
    for path in _shards(weights):
        tensors |= read_header(path)
    return Component(folder, config, weights, chosen, tensors)


def _weights_file(folder: Path, stem: str, variant: str | None) -> Path | None:
    """The weights of a variant in one file, else the index of several files, else None."""
    middle = f".{variant}" if variant else ""
    names = (f"{stem}{middle}.safetensors", f"{stem}.safetensors.index{middle}.json")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _shards(weights: Path) -> list[Path]:
    """The safetensors files that `weights`, one of them or the index of several, stands for. Raises EngineError "model_file"."""
    if weights.suffix != ".json":
        return [weights]
    named = read_json(weights).get("weight_map")
    if not isinstance(named, dict) or not named:
        raise EngineError("model_file", f"{weights} names no weights.", "Download the model again, with all its files.")
    names = sorted({str(name) for name in named.values()})
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise EngineError(
                "model_unsafe", f"{weights} names {name!r}, which is no safetensors file beside it.", "Get the model from another publisher."
            )
        if not (weights.parent / name).is_file():
            raise EngineError("model_file", f"{weights.parent / name} is missing.", "Download the model again, with all its files.")
    return [weights.parent / name for name in names]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises EngineError "model_file", and "model_unsafe" where it names code to be run."""
    try:
        if path.stat().st_size > LONGEST_JSON:
            raise EngineError("model_unsafe", f"{path} is far larger than a configuration is.", "Get the model from another publisher.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EngineError("model_file", f"{path} is missing or cannot be read.", "Download the model again, with all its files.") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise EngineError("model_file", f"{path} is no JSON file.", "Download it again.") from error
    if not isinstance(content, dict):
        raise EngineError("model_file", f"{path} holds no configuration.", "Download it again.")
    code = next((key for key in CODE_KEYS if content.get(key)), None)
    if code:
        raise EngineError(
            "model_unsafe",
            f"{path} asks for code of its own to be run ({code}), which is never done.",
            "Use the model as it is published for diffusers or transformers themselves.",
        )
    return content


def other_model(weights: Path, reason: str) -> EngineError:
    """The error for weights that are whole, but of another model."""
    return EngineError("model_file", f"{weights} holds the weights of another model: {reason}.", "Check which model the folder holds.")


def _without_weights(folder: Path, wanted: str) -> EngineError:
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        return EngineError(
            "model_pickle",
            f"The weights in {folder} are a pickle ({pickles[0]}), which can run any code when it is loaded, so it is not.",
            f"Get {wanted} for this folder: from the same model's page, or converted from the pickle by somebody you trust.",
        )
    return EngineError(
        "model_file",
        f"{folder / wanted} is missing.",
        "Download the model again, with all its files. Where it is published as a pickle only, choose another publisher: pickles are not used.",
    )
