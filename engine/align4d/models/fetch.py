"""Fetching a model from the hub, or its one file from its publisher, with the artist's leave: resumed where it broke off, checked by hashes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import Cancelled, EngineError, writing
from ..protocol import replacing
from .card import ModelCard
from .component_loading import require_libraries
from .single_file import download
from .store import MANIFEST, ModelStore

HARMLESS = (".json", ".txt", ".model", ".safetensors", ".jinja")
"""Endings of what is fetched: no pickles, no code."""

Progress = Callable[[int, int], None]
"""Called with bytes that are here, and bytes of the whole."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a model on the hub, or elsewhere.

    Attributes:
        repository, revision: where it stands, and the commit.
        name: its path there.
        folder: where it belongs below the model's folder; "" for the model itself, the companion's name for one of its files.
        size: [bytes].
        sha256: of its content where the hub knows it; else "".
        blob: git's own hash of it.
        url: where it is, for one that is not on the hub.
    """

    repository: str
    revision: str
    name: str
    folder: str
    size: int
    sha256: str
    blob: str
    url: str = ""

    @property
    def place(self) -> str:
        """Its path below the model's folder."""
        return f"{self.folder}/{self.name}" if self.folder else self.name


def list_files(card: ModelCard, endpoint: str | None = None) -> list[RemoteFile]:
    """What has to be fetched for a model; asks the hub, unless the model is one file.

    Args:
        endpoint: of the hub; None: the usual one.

    Raises:
        EngineError: "model_libraries", "model_offline", "model_unsafe".
    """
    if card.file:
        return [RemoteFile(card.source, "", card.parts[0], "", card.file.size, card.file.sha256, "", card.file.url)]
    require_libraries()
    from httpx2 import HTTPError
    from huggingface_hub import HfApi

    found: list[RemoteFile] = []
    for repository in (card.source, *card.companions):
        companion = repository != card.source
        try:
            told = HfApi(endpoint=endpoint).model_info(repository, files_metadata=True, timeout=30)
        except (HTTPError, OSError, ValueError) as error:
            raise _no_answer(card, repository, error) from error
        files = {one.rfilename: one for one in told.siblings or ()}
        names = needed(files, () if companion else card.parts)
        if not names:
            raise EngineError("model_offline", f"{repository} has no file that {card.name} needs.", "The publisher has changed it: report this.")
        folder = repository.partition("/")[2] if companion else ""
        for name in names:
            one = files[name]
            sha256 = one.lfs.sha256 if one.lfs else ""
            found.append(RemoteFile(repository, str(told.sha), name, folder, int(one.size or 0), sha256, str(one.blob_id or "")))
    return found


def needed(names: Iterable[str], parts: tuple[str, ...]) -> list[str]:
    """Of all files of a repository those that are needed.

    Args:
        parts: files, and folders of which everything harmless is; all folders where there are none.

    Raises:
        EngineError: "model_unsafe" for a name that leads out of the folder.
    """
    chosen = []
    for name in sorted(names):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            raise EngineError("model_unsafe", f"The hub names a file {name!r}, which leads out of the model's folder.", "Choose another publisher.")
        wanted = name in parts or (len(path.parts) == 2 and (path.parts[0] in parts or not parts)) or (not parts and name == "model_index.json")
        if wanted and path.suffix in HARMLESS:
            chosen.append(name)
    return [name for name in chosen if not _spare(name, set(chosen))]


def _spare(name: str, all_names: set[str]) -> bool:
    """Whether the same weights are there in a form that is taken before this one: in half precision, or in one file."""
    path = PurePosixPath(name)
    if ".safetensors" not in path.name:
        return False
    stem = path.name.partition(".")[0].partition("-0")[0]
    beside = {PurePosixPath(one).name for one in all_names if PurePosixPath(one).parent == path.parent}
    order = (
        {f"{stem}.fp16.safetensors"},
        {one for one in beside if one.startswith(stem) and "fp16" in one},
        {f"{stem}.safetensors"},
        {one for one in beside if one.startswith(stem)},
    )
    best = next(group & beside for group in order if group & beside)
    return path.name not in best


def fetch(card: ModelCard, store: ModelStore, progress: Progress, cancelled: Callable[[], bool] = lambda: False, endpoint: str | None = None) -> Path:
    """Fetches a model, or what is left of it, and gives its folder.

    Raises:
        EngineError: "license_not_accepted", "model_libraries", "model_offline", "model_hash", "disk_full", "cannot_write", "model_unsafe".
        Cancelled: what is here stays, and the next call goes on with it.
    """
    store.require_accepted(card)
    files = list_files(card, endpoint)
    unfinished = store.unfinished_place_of(card)
    with writing():
        unfinished.mkdir(parents=True, exist_ok=True)
    total = sum(one.size for one in files)
    here = sum(_bytes_here(unfinished / one.place) for one in files)
    if total - here > shutil.disk_usage(unfinished).free:
        raise EngineError("disk_full", f"{card.name} needs {(total - here) / 1e9:.1f} GB more on the disk of {unfinished}.", "Free some space.")
    done = 0
    for one in files:
        before = done

        def tell(size: int, before: int = before) -> None:
            if cancelled():
                raise Cancelled
            progress(before + size, total)

        _fetch_file(card, one, unfinished / one.place, tell, endpoint)
        done += one.size
    place = store.place_of(card)
    with writing():
        _write_manifest(card, files, unfinished)  # from now on it is whole where it is
        if place.is_dir():
            (place / MANIFEST).unlink(missing_ok=True)  # first: a half deleted model must not look whole
            shutil.rmtree(place)
        os.replace(unfinished, place)
    progress(total, total)
    return place


def _fetch_file(card: ModelCard, file: RemoteFile, path: Path, tell: Callable[[int], None], endpoint: str | None) -> None:
    """One file, unless it is here; on an error what has come stays for the next time."""
    tell(0)
    if path.is_file():
        return  # it was checked when it got its name
    with writing():
        path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    have = part.stat().st_size if part.is_file() else 0
    if have > file.size:
        part.unlink()
        have = 0
    with writing():
        target = _OnDisk(open(part, "ab", buffering=0))  # noqa: SIM115  closed below
    with target:
        if file.url:
            _fetch_from_publisher(card, file, target, have, tell)
        else:
            _fetch_from_hub(card, file, target, have, tell, endpoint)
    if not _is_whole(part, file):
        part.unlink()
        raise EngineError(
            "model_hash",
            f"{file.name} of {card.name} came damaged: its hash is not the one that its publisher names.",
            "Fetch it again: only this file is.",
            f"fetch_model:{card.id}",
        )
    with writing():
        os.replace(part, path)


def _fetch_from_hub(
    card: ModelCard, file: RemoteFile, target: io.BufferedWriter, have: int, tell: Callable[[int], None], endpoint: str | None
) -> None:
    """Goes on with `target`, which holds the first `have` bytes."""
    from httpx2 import HTTPError
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    url = hf_hub_url(file.repository, file.name, revision=file.revision, endpoint=endpoint)
    try:
        http_get(url, target, resume_size=have, expected_size=file.size, headers=build_hf_headers(), tqdm_class=_bar(tell))
    except (HTTPError, OSError, ValueError) as error:
        raise _no_answer(card, file.repository, error) from error


def _fetch_from_publisher(card: ModelCard, file: RemoteFile, target: io.BufferedWriter, have: int, tell: Callable[[int], None]) -> None:
    """The same without the hub's libraries."""
    if have == file.size:
        return  # it broke off before it was looked through
    try:
        download(file.url, target, have, tell)
    except (HTTPException, OSError) as error:
        raise _no_answer(card, file.repository, error) from error


class _OnDisk(io.BufferedWriter):
    """A file whose failed writes are told as such, and are not taken for the network's."""

    def write(self, data: Any) -> int:
        with writing():
            return super().write(data)

    def flush(self) -> None:
        with writing():
            super().flush()


def _bar(tell: Callable[[int], None]) -> Any:
    """A progress bar as the hub's library wants one, which tells how many bytes of a file are here."""

    class Bar:
        def __init__(self, *_arguments: Any, initial: int = 0, **_options: Any) -> None:
            self.n = initial

        def update(self, count: int) -> None:
            self.n += count
            tell(self.n)

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_error: object) -> None:
            pass

    return Bar


def _is_whole(path: Path, file: RemoteFile) -> bool:
    if path.stat().st_size != file.size:
        return False
    with open(path, "rb") as stored:
        if file.sha256:
            return hashlib.file_digest(stored, "sha256").hexdigest() == file.sha256
        # small files are stored in git itself, whose hash is over a header and the content
        return hashlib.sha1(f"blob {file.size}\0".encode() + stored.read(), usedforsecurity=False).hexdigest() == file.blob


def _bytes_here(path: Path) -> int:
    part = path.with_name(f"{path.name}.part")
    return next((one.stat().st_size for one in (path, part) if one.is_file()), 0)


def _write_manifest(card: ModelCard, files: list[RemoteFile], folder: Path) -> None:
    content = {
        "id": card.id,
        "license": card.license,
        "revisions": {one.repository: one.revision for one in files},
        "files": {one.place: {"size": one.size, "sha256": one.sha256, "git": one.blob} for one in files},
    }
    with replacing(folder / MANIFEST, "w") as target:
        json.dump(content, target, indent=1)


def _no_answer(card: ModelCard, repository: str, error: Exception) -> EngineError:
    reason = str(error).strip().partition("\n")[0][:200] or type(error).__name__
    account = "" if card.file else " For a model that asks for an account, log in by: hf auth login"
    return EngineError(
        "model_offline",
        f"{card.name} could not be fetched from {repository}: {reason}",
        f"Check the connection and fetch again: it goes on where it was.{account}",
        f"fetch_model:{card.id}",
    )
