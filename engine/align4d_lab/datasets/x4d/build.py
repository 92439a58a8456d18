"""Builds a dataset: stage after stage over all items, so that each model is loaded once; what is there is kept, what fails is put aside."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from align4d.batch.executor import Executor
from align4d.errors import EngineError, as_engine_error
from align4d.inputs.foreign import reading
from align4d.job.reporting import Reporter
from align4d.models.card import Role
from align4d.protocol import parsed

from .duplicates import find_duplicates
from .gallery import write_gallery
from .layout import FORMAT, MODALITIES, Item, Modality, Source, file_hash, items_in, write_json
from .manifest import write_manifest
from .previews import previews_there, write_previews
from .sources import DatasetInputs, gather
from .stages import Task, perform, role_of
from .workshop import CannotOpen, Workshop, opened

STAGES = ("reading", "picturing", "describing", "filming", "reconstructing", "checking")

MADE_IN: dict[str, Modality] = {"picturing": "image", "describing": "text", "filming": "video", "reconstructing": "asset"}

DRIVEN: dict[str, Modality] = {"prompt": "text", "image": "image", "video": "video", "asset": "asset"}
"""Driver -> the modality that is given."""

NOBODYS_FAULT = {"disk_full", "out_of_memory", "ray_unreachable"}
"""Codes of failures that have nothing to do with the item at hand: the building stops, and goes on the next time."""


@dataclass(frozen=True)
class Check:
    """The last stage of one item; travels to the worker that does it."""

    folder: Path
    previews: Path


def build(
    given: DatasetInputs, out: Path, workshop: Workshop, executor: Executor, report: Reporter, retry: bool = False, again: Sequence[str] = ()
) -> dict[str, Any]:
    """Makes what is missing of the dataset in `out`; returns its manifest.

    Args:
        retry: try items again that were put aside.
        again: ids of items to make anew.

    Raises:
        EngineError: "dataset_item" for an id that there is not, "dataset_other" where `out` was begun with another seed; as `gather` and
            `Workshop.require`; a model that cannot be opened, a full disk. What was finished stays.
    """
    out.mkdir(parents=True, exist_ok=True)
    _same_order(out, given)
    gathered = gather(given, out)
    for name, identifier in gathered.repeated.items():
        report.warn("repeated", f"{name} is the same as item {identifier}: taken once.")
    if retry:
        for item in items_in(out):
            (item.folder / "quarantine.json").unlink(missing_ok=True)
    _restart(out, again)
    _remove_parts(out)
    workshop.require(_roles_needed(items_in(out)))
    try:
        for index, stage in enumerate(STAGES):
            report.stage(stage, index, len(STAGES))
            if stage == "filming":
                _put_duplicates_aside(out, report)
            _run_stage(stage, out, workshop, executor, report)
    finally:
        opened.close()
        manifest = write_manifest(out)
        write_gallery(out, manifest)
    return manifest


def do(task: Task | Check) -> None:
    """One stage of one item."""
    if isinstance(task, Check):
        check(task)
    else:
        perform(task)


def check(task: Check) -> None:
    """Every file of an item as its record says, and all of it readable. Raises EngineError "file_damaged"."""
    item = Item(task.folder)
    for modality in MODALITIES:
        record = item.record(modality)
        assert record is not None  # only finished items are checked
        for name, wanted in record.files.items():
            if file_hash(item.folder / name) != wanted:
                raise EngineError("file_damaged", f"{name} is not as it was written.", f"Delete {item.folder / name}, and build again.")
    try:
        write_previews(item, task.previews)
    except (OSError, ValueError, KeyError, IndexError, SyntaxError) as error:
        raise EngineError("file_damaged", f"A file of it cannot be read ({error}).", "Use another model, or another seed.") from error


def _run_stage(stage: str, out: Path, workshop: Workshop, executor: Executor, report: Reporter) -> None:
    """Does to every sound item what the stage does; an item that fails is put aside, with the reason."""
    sound = [item for item in items_in(out) if item.quarantine() is None]
    work: Sequence[Task | Check] = _checks(sound, out / "previews") if stage == "checking" else _tasks(stage, sound, workshop)
    for count, (task, error) in enumerate(executor.run(do, work), start=1):
        if error is not None:
            failure = as_engine_error(error)
            if isinstance(error, CannotOpen) or failure.code in NOBODYS_FAULT:
                raise failure
            Item(task.folder).put_aside(stage, failure.code, f"{failure.message} {failure.advice}")
            report.warn("put_aside", f"{task.folder.name}: {failure.message}")
        report.progress(count, len(work))
        report.check_cancelled()


def _tasks(stage: str, items: Sequence[Item], workshop: Workshop) -> list[Task]:
    """What the stage has left to make."""
    wanted = [(item, DRIVEN[item.source().driven_by] if stage == "reading" else MADE_IN[stage]) for item in items]
    return [Task(item.folder, modality, workshop) for item, modality in wanted if item.record(modality) is None]


def _checks(items: Sequence[Item], previews: Path) -> list[Check]:
    """What was not looked at since it was made."""
    whole = [item for item in items if all(item.record(modality) is not None for modality in MODALITIES)]
    return [Check(item.folder, previews) for item in whole if not previews_there(item, previews)]


def _put_duplicates_aside(out: Path, report: Reporter) -> None:
    """Before the costly stages: only the first of several that look the same goes on."""
    sound = [item for item in items_in(out) if item.quarantine() is None and item.record("image") is not None]
    for identifier, same in find_duplicates(sound).items():
        Item(out / "items" / identifier).put_aside("duplicates", "duplicate", f"It looks the same as {same}.")
        report.warn("duplicate", f"{identifier} looks the same as {same}: put aside.")


def _roles_needed(items: Sequence[Item]) -> set[Role]:
    """Of the models for everything that is not there yet."""
    needed: set[Role] = set()
    for item in items:
        if item.quarantine() is None:
            source: Source = item.source()
            needed |= {role for name in MODALITIES if item.record(name) is None and (role := role_of(source, name)) is not None}
    return needed


def _same_order(out: Path, given: DatasetInputs) -> None:
    """One dataset has one seed. Raises EngineError "dataset_other"."""
    path = out / "dataset.json"
    order = {"format": FORMAT, "seed": given.seed}
    if path.is_file():
        with reading("dataset_damaged", f"{path} cannot be read", "Delete it, if you know the seed that the dataset was begun with."):
            before = parsed(dict[str, int], json.loads(path.read_text(encoding="utf-8")))
        if before != order:
            raise EngineError("dataset_other", f"{out} was begun with the seed {before.get('seed')}.", "Use that seed, or another folder.")
    write_json(path, order)


def _restart(out: Path, again: Sequence[str]) -> None:
    """Forgets what was made of these items. Raises EngineError "dataset_item", before anything is forgotten."""
    known = {item.id: item for item in items_in(out)}
    if unknown := [identifier for identifier in again if identifier not in known]:
        raise EngineError("dataset_item", f"There is no item {unknown[0]}.", "Items are named as their folders in items/.")
    for identifier in again:
        known[identifier].restart()
        for preview in (out / "previews").glob(f"{identifier}-*.webp"):
            preview.unlink()


def _remove_parts(out: Path) -> None:
    """What a killed run left half-written."""
    for part in (out / "items").glob("*/.*.part"):
        shutil.rmtree(part, ignore_errors=True)
        part.unlink(missing_ok=True)
