"""Where the models lie on this machine: fetched ones, folders that the artist chose, and the hub's own cache."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from ..errors import EngineError, writing
from ..folders import model_folder
from ..protocol import replacing
from .card import ModelCard
from .single_file import find_file, kept_by_rembg

MANIFEST = "align4d-model.json"
"""Written last into a fetched model's folder: its presence means that the model is whole."""

_CHOICES = "models.json"


class ModelStore:
    """The models of a folder, and what the artist chose about them.

    Args:
        root: made when something is written.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or model_folder()

    def place_of(self, card: ModelCard) -> Path:
        """Where a fetched model lies."""
        return self.root / card.id

    def find(self, card: ModelCard) -> Path | None:
        """Where a model lies on this machine: the artist's own, else the fetched one, else what another program has fetched; None without one.

        That is its folder, or for a model of one file that file.
        """
        if card.built_in:
            return Path()
        if chosen := self.chosen_folder(card):
            return chosen if chosen.exists() else None
        places = self.place_of(card), self.unfinished_place_of(card)  # one that is whole, but could not get its place yet
        fetched = next((place for place in places if (place / MANIFEST).is_file()), None)
        if card.file:
            return fetched / card.parts[0] if fetched else kept_by_rembg(card)
        return fetched or _in_hub_cache(card)

    def chosen_folder(self, card: ModelCard) -> Path | None:
        """The folder, or for a model of one file the file, that the artist chose for it."""
        folder = self._choices("folders").get(card.id)
        return Path(folder) if folder else None

    def use(self, card: ModelCard, folder: Path) -> None:
        """From now on the model lies in `folder`, which may be the file itself of a model of one file.

        Raises EngineError "model_not_found", "model_layout", "license_not_accepted".
        """
        self.require_accepted(card)
        if card.file:
            self._change("folders", card.id, str(find_file(card, folder).resolve()))
            return
        if not folder.is_dir():
            raise EngineError("model_not_found", f"There is no folder {folder}.", "Choose the folder that holds the model's files.")
        missing = [part for part in card.parts if not (folder / part).exists()]
        if missing and len(missing) == len(card.parts):
            raise EngineError(
                "model_layout", f"{folder} holds nothing of {card.name}: there is no {missing[0]}.", "Choose the folder that holds the model's files."
            )
        self._change("folders", card.id, str(folder.resolve()))

    def remove(self, card: ModelCard) -> str:
        """Deletes a fetched model, or forgets a chosen folder, whose files stay; says which, as a sentence.

        Raises EngineError "model_not_found" where there is neither.
        """
        if self.chosen_folder(card):
            self._change("folders", card.id, None)
            return f"{card.name} is no longer used from its folder; its files are where they were."
        places = [place for place in (self.place_of(card), self.unfinished_place_of(card)) if place.is_dir()]
        if not places:
            raise EngineError("model_not_found", f"{card.name} was not fetched.", "There is nothing to remove.")
        for place in places:
            (place / MANIFEST).unlink(missing_ok=True)  # first: a half deleted model must not look whole
            shutil.rmtree(place)
        return f"{card.name} is deleted."

    def unfinished_place_of(self, card: ModelCard) -> Path:
        """Where a model lies while it is fetched."""
        return self.root / f".{card.id}.part"

    def accept(self, card: ModelCard) -> None:
        """The artist agrees to the license of a model that limits commercial use."""
        self._change("accepted", card.id, card.license)

    def accepted(self, card: ModelCard) -> bool:
        """Whether it may be used: its license limits nothing, or the artist agreed to it."""
        return not card.non_commercial or self._choices("accepted").get(card.id) == card.license

    def require_accepted(self, card: ModelCard) -> None:
        """Raises EngineError "license_not_accepted"."""
        if not self.accepted(card):
            raise EngineError(
                "license_not_accepted",
                f"The license of {card.name} ({card.license}) limits commercial use, and nobody has agreed to it here.",
                f"Read it on the model's page ({card.source}), then accept it in the preferences or by: align4d models accept {card.id}",
                f"accept_license:{card.id}",
            )

    def _choices(self, kind: str) -> dict[str, str]:
        found = self._read().get(kind)
        return {name: value for name, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads((self.root / _CHOICES).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise EngineError(
                "model_choices", f"{self.root / _CHOICES} cannot be read ({error}).", "Delete it; then choose your models' folders again."
            ) from error
        return content if isinstance(content, dict) else {}

    def _change(self, kind: str, identifier: str, value: str | None) -> None:
        content = self._read()
        entries = {**self._choices(kind), identifier: value}
        content[kind] = {key: kept for key, kept in entries.items() if kept is not None}
        with writing():
            self.root.mkdir(parents=True, exist_ok=True)
            with replacing(self.root / _CHOICES, "w") as file:
                json.dump(content, file, indent=1)


def _in_hub_cache(card: ModelCard) -> Path | None:
    """The snapshot in the hub's cache, where it has all parts."""
    if card.companions:
        return None  # several snapshots are no one folder
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    model = cache / f"models--{card.source.replace('/', '--')}"
    try:
        snapshot = model / "snapshots" / (model / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return snapshot if all((snapshot / part).exists() for part in card.parts) else None
