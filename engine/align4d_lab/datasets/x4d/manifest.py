"""The whole dataset in one file, made anew from what lies in the items' folders."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from .layout import FORMAT, MODALITIES, Item, damaged_in, items_in, write_json

CHOICES = ("keep", "drop")


def write_manifest(out: Path) -> dict[str, Any]:
    """Writes manifest.json and returns it. It holds no times and no paths of this machine: the same dataset is the same file."""
    choices = read_choices(out)
    items, unfinished, quarantined = [], [], []
    for item in items_in(out):
        put_aside = item.quarantine()
        entry = _entry(item)
        if put_aside is not None:
            quarantined.append({"id": item.id, "name": item.source().name, **put_aside})
        elif len(entry["modalities"]) < len(MODALITIES):
            unfinished.append({"id": item.id, "missing": [name for name in MODALITIES if name not in entry["modalities"]]})
        else:
            items.append({**entry, "choice": choices.get(item.id)})
    for name, error in damaged_in(out).items():
        quarantined.append({"id": name, "name": name, "stage": "source", "code": error.code, "reason": error.message})
    manifest = {"format": FORMAT, "items": items, "unfinished": unfinished, "quarantined": quarantined}
    write_json(out / "manifest.json", manifest)
    return manifest


def read_choices(out: Path) -> dict[str, str]:
    """id -> "keep" or "drop", as a person chose."""
    try:
        content = json.loads((out / "choices.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    pairs = content.items() if isinstance(content, dict) else ()
    return {name: choice for name, choice in pairs if isinstance(choice, str) and choice in CHOICES}


def choose(out: Path, identifier: str, choice: str | None) -> None:
    """Remembers a choice; None forgets it. Raises ValueError for an id or a choice that there is not."""
    if identifier not in {item.id for item in items_in(out)} or choice not in (*CHOICES, None):
        raise ValueError(f"no item {identifier!r}, or no choice {choice!r}")
    choices = {**read_choices(out), identifier: choice}
    write_json(out / "choices.json", {name: chosen for name, chosen in choices.items() if chosen})


def _entry(item: Item) -> dict[str, Any]:
    source = item.source()
    records = {modality: item.record(modality) for modality in MODALITIES}
    given = dataclasses.asdict(source)
    return {
        **{name: given[name] for name in ("id", "driven_by", "name", "origin", "license", "seed")},
        "modalities": {name: dataclasses.asdict(record) for name, record in records.items() if record is not None},
    }
