"""Where the engine keeps on this computer what outlives a job, by the rules of each system."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

_NAME = "align4d"


def model_folder() -> Path:
    """Of the generative models: ALIGN4D_MODELS, or `align4d/models` among the user's own data."""
    chosen = os.environ.get("ALIGN4D_MODELS")
    return Path(chosen).expanduser() if chosen else user_data_path(_NAME, appauthor=False) / "models"


def cache_folder() -> Path:
    """Of what can be made again, in the user's own cache."""
    return user_cache_path(_NAME, appauthor=False)
