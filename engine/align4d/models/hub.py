"""A model named by its folder, or by its id on the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import EngineError
from .component_loading import require_libraries

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_FILES = ["*.json", "*.txt", "*.safetensors"]
"""What is fetched from the hub: no pickles, no code."""


def find_model(source: str, online: bool) -> Path:
    """The folder of a published model: `source` itself, or where the hub's cache has it. Raises EngineError "model_not_found", "model_libraries"."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    if not HUB_ID.fullmatch(source):
        raise EngineError("model_not_found", f"There is no folder {source}.", "Choose the folder that holds the model's model_index.json.")
    require_libraries()
    from httpx2 import HTTPError
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(source, allow_patterns=_HUB_FILES, local_files_only=not online))
    except LocalEntryNotFoundError as error:
        advice = (
            "Check the connection, and that the model's name is right."
            if online
            else "Allow the download, or download it yourself and choose its folder."
        )
        raise EngineError("model_not_found", f"{source} is neither a folder nor among the models on this machine.", advice) from error
    except (HTTPError, OSError, ValueError) as error:
        raise EngineError(
            "model_not_found", f"{source} could not be fetched from the hub: {error}", "Check the connection, and that the model's name is right."
        ) from error
