"""Components as diffusers and transformers load them: frozen, from safetensors, without network and without code of the model's own."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from ..errors import EngineError
from .component_folder import Component, other_model, read_json
from .folder_safety import check_inside

LIBRARIES = ("accelerate", "diffusers", "huggingface_hub", "psutil", "transformers")


def require_libraries() -> None:
    """Raises EngineError "model_libraries" where one of `LIBRARIES` is not installed."""
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineError(
            "model_libraries",
            f"This model needs {', '.join(missing)}, which the engine's environment does not have.",
            "Install the engine's priors group (pip install align4d[priors]), or use what is built in.",
            "install_models",
        )


def load_network(kind: Any, component: Component, options: dict[str, Any], spare: tuple[str, ...] = ()) -> Any:
    """A frozen model of the class `kind`, of diffusers or transformers.

    Args:
        options: for its `from_pretrained`.
        spare: tensors that the weights may lack: the class itself makes them, or nobody uses them.

    Raises:
        EngineError: "model_file" unless it is complete.
    """
    from transformers import PreTrainedModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    if component.config.get("quantization_config"):
        raise other_model(component.weights, "they are quantized, which this loader does not read")
    if issubclass(kind, PreTrainedModel):
        # a configuration may name an implementation of attention to be fetched from the hub
        options = {"attn_implementation": "sdpa" if kind._supports_sdpa else "eager", **options}
    try:
        model, report = kind.from_pretrained(str(component.folder), use_safetensors=True, local_files_only=True, output_loading_info=True, **options)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise other_model(component.weights, str(error).strip().partition("\n")[0]) from error
    lacking = sorted(str(name) for name in (*report["missing_keys"], *report["mismatched_keys"]) if name not in spare)
    if lacking:
        raise other_model(component.weights, f"{len(lacking)} parameters are missing or of another size, among them {lacking[0]}")
    return model.eval().requires_grad_(False)


def load_processor(kind: Any, model: Path, name: str) -> Any:
    """A tokenizer, scheduler or image processor of the class `kind` from the folder `name` of a model. Raises EngineError "model_file"."""
    folder = model / name
    if folder.is_dir():
        check_inside(model, folder)
        for path in folder.glob("*config.json"):
            read_json(path)
    try:
        return kind.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # each of these classes raises what it likes, down to Rust's panics
        raise EngineError("model_file", f"{folder} cannot be read: {_first_line(error)}", "Download the model again, with all its files.") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().partition("\n")[0] or type(error).__name__)[:200]
