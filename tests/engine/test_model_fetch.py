"""Models are fetched: what is needed and harmless, from a hub that stands in for the real one, again after every kind of break."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from faults import ERRORS, Sweep, Work

from align4d.errors import Cancelled, EngineError
from align4d.generators.sdxl import SDXL
from align4d.generators.svd import SVD
from align4d.models.card import ModelCard, ReleaseFile
from align4d.models.fetch import fetch, needed
from align4d.models.store import MANIFEST, ModelStore

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_only_what_is_needed_and_harmless_is_fetched() -> None:
    there = [
        "README.md",
        "model_index.json",
        "sd_xl_base_1.0.safetensors",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.bin",
        "unet/model.onnx",
        "unet/evil.py",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "vae_1_0/diffusion_pytorch_model.safetensors",
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
        "text_encoder/model-00001-of-00002.safetensors",
        "text_encoder/model-00002-of-00002.safetensors",
        "text_encoder/model.safetensors.index.json",
    ]
    assert needed(there, ("model_index.json", "unet", "vae", "tokenizer", "text_encoder")) == [
        "model_index.json",
        "text_encoder/model-00001-of-00002.safetensors",
        "text_encoder/model-00002-of-00002.safetensors",
        "text_encoder/model.safetensors.index.json",
        "tokenizer/merges.txt",
        "tokenizer/vocab.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    ]
    assert needed(["a/b.json", "model_index.json", "x.json", "a/b/c.json"], ()) == ["a/b.json", "model_index.json"]


@pytest.mark.parametrize("name", ["../evil.json", "unet/../../evil.json", "/etc/evil.json", "unet\\evil.json", "C:evil.json"])
def test_a_name_that_leads_out_of_the_folder(name: str) -> None:
    with pytest.raises(EngineError) as caught:
        needed([name], ("unet",))
    assert caught.value.code == "model_unsafe"


class Hub:
    """A small hub: files of repositories, and what was asked."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.asked: list[tuple[str, str]] = []
        self.break_after: int | None = None
        self.spoil = False
        self.whole_only = False
        self.endpoint = ""

    def info(self, repository: str) -> dict[str, Any]:
        siblings = []
        for name, content in self.files[repository].items():
            blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
            entry: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": blob}
            if name.endswith(".safetensors"):
                entry["lfs"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 100}
            siblings.append(entry)
        return {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": siblings, "tags": [], "private": False}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    served = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            part = self.headers.get("Range", "")
            served.asked.append((self.path, part))
            part = "" if served.whole_only else part
            if self.path.startswith("/api/models/"):
                self.answer(200, json.dumps(served.info(self.path.partition("?")[0].removeprefix("/api/models/"))).encode())
                return
            repository, _, rest = self.path[1:].partition("/resolve/")
            content = served.files[repository][rest.partition("/")[2]]
            start = int(part.removeprefix("bytes=").rstrip("-")) if part else 0
            body = content[start:]
            if served.spoil:
                body = b"\xff" * len(body)
            self.answer(206 if part else 200, body, start, len(content))

        def answer(self, status: int, body: bytes, start: int = 0, whole: int = 0) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.endpoint = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield served
    server.shutdown()


CARD = ModelCard("small", "image_to_3d", "A small model", "MIT", False, "somebody/small", 1, SDXL.card.need, parts=("unet", "model_index.json"))


def fill(hub: Hub) -> None:
    hub.files["somebody/small"] = {
        "model_index.json": b"{}",
        "unet/config.json": b'{"a": 1}',
        "unet/diffusion_pytorch_model.safetensors": bytes(range(256)) * 4000,
        "unet/diffusion_pytorch_model.bin": b"a pickle",
    }


def test_a_model_is_fetched_checked_and_found(hub: Hub, store: ModelStore) -> None:
    fill(hub)
    steps: list[tuple[int, int]] = []
    folder = fetch(CARD, store, lambda done, total: steps.append((done, total)), endpoint=hub.endpoint)
    assert folder == store.place_of(CARD) == store.find(CARD)
    stored = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert stored == [MANIFEST, "model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors"]
    assert (folder / "unet/diffusion_pytorch_model.safetensors").read_bytes() == bytes(range(256)) * 4000
    assert steps[-1] == (1_024_010, 1_024_010) and steps == sorted(steps)
    assert json.loads((folder / MANIFEST).read_text())["revisions"] == {"somebody/small": COMMIT}
    assert "deleted" in store.remove(CARD)
    assert store.find(CARD) is None and not folder.exists()


def test_a_companion_lies_in_a_folder_of_its_name(hub: Hub, store: ModelStore) -> None:
    fill(hub)
    hub.files["somebody/else"] = {"model_index.json": b"{}", "vae/config.json": b"{}", "README.md": b""}
    folder = fetch(dataclasses.replace(CARD, companions=("somebody/else",)), store, lambda *_: None, endpoint=hub.endpoint)
    assert (folder / "else" / "vae" / "config.json").is_file() and not (folder / "else" / "README.md").exists()


def test_what_broke_off_goes_on_where_it_was(hub: Hub, store: ModelStore) -> None:
    fill(hub)
    unfinished = store.unfinished_place_of(CARD) / "unet"
    unfinished.mkdir(parents=True)
    (unfinished / "diffusion_pytorch_model.safetensors.part").write_bytes((bytes(range(256)) * 4000)[:500_000])
    folder = fetch(CARD, store, lambda *_: None, endpoint=hub.endpoint)
    assert ("bytes=500000-") in {part for path, part in hub.asked if path.endswith(".safetensors")}
    assert (folder / "unet/diffusion_pytorch_model.safetensors").read_bytes() == bytes(range(256)) * 4000


def test_a_cancel_keeps_what_has_come(hub: Hub, store: ModelStore) -> None:
    fill(hub)
    seen: list[int] = []
    with pytest.raises(Cancelled):
        fetch(CARD, store, lambda done, _: seen.append(done), cancelled=lambda: bool(seen and seen[-1] >= 10), endpoint=hub.endpoint)
    assert store.find(CARD) is None
    assert (store.unfinished_place_of(CARD) / "unet" / "config.json").is_file()
    before = len(hub.asked)
    fetch(CARD, store, lambda *_: None, endpoint=hub.endpoint)
    assert not any(path.endswith("config.json") for path, _ in hub.asked[before:])


@pytest.mark.parametrize("name", ["unet/config.json", "unet/diffusion_pytorch_model.safetensors"])
def test_damage_on_the_way_is_found_by_the_hash(hub: Hub, store: ModelStore, name: str) -> None:
    fill(hub)
    hub.files["somebody/small"] = {name: hub.files["somebody/small"][name]}
    hub.spoil = True
    with pytest.raises(EngineError) as caught:
        fetch(CARD, store, lambda *_: None, endpoint=hub.endpoint)
    assert caught.value.code == "model_hash" and name in caught.value.message
    assert store.find(CARD) is None
    hub.spoil = False
    fetch(CARD, store, lambda *_: None, endpoint=hub.endpoint)
    assert store.find(CARD)


def test_without_a_connection_it_is_a_sentence(store: ModelStore) -> None:
    with pytest.raises(EngineError) as caught:
        fetch(CARD, store, lambda *_: None, endpoint="http://127.0.0.1:9")
    assert caught.value.code == "model_offline"


def test_a_model_to_be_accepted_is_not_even_asked_for(hub: Hub, store: ModelStore) -> None:
    with pytest.raises(EngineError) as caught:
        fetch(SVD.card, store, lambda *_: None, endpoint=hub.endpoint)
    assert caught.value.code == "license_not_accepted" and not hub.asked


def test_a_model_that_the_disk_cannot_hold(hub: Hub, store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    fill(hub)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(EngineError) as caught:
        fetch(CARD, store, lambda *_: None, endpoint=hub.endpoint)
    assert caught.value.code == "disk_full"


def test_a_fault_costs_no_more_than_a_file(hub: Hub, tmp_path: Path) -> None:
    """Stopped or refused by the system at any write: the next call goes on, and the model is whole; a full disk is not called a lost connection."""
    fill(hub)

    def go_on(folder: Path) -> None:
        fetch(CARD, ModelStore(folder), lambda *_: None, endpoint=hub.endpoint)

    def outcome(folder: Path) -> object:
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def whole(folder: Path) -> str:
        found = ModelStore(folder).find(CARD)
        return "" if found is None or all((found / part).exists() for part in CARD.parts) else "what is found is not whole"

    work = Work("fetch", lambda folder: None, go_on, outcome, lambda error: getattr(error, "code", "") in ("disk_full", "cannot_write"), whole)
    sweep = Sweep(work, tmp_path)
    assert len(sweep.points) > 15
    for tally in (sweep.stopped(), *(sweep.failing(number) for number in ERRORS)):
        assert tally.good, tally


# -- a model of one file, from its publisher


CONTENT = bytes(range(256)) * 9000


def one_file(hub: Hub, sha256: str = hashlib.sha256(CONTENT).hexdigest()) -> ModelCard:
    """A model of one file, and that file on the server."""
    hub.files["somebody/masks"] = {"published.onnx": CONTENT}
    file = ReleaseFile(f"{hub.endpoint}/somebody/masks/resolve/v1/published.onnx", len(CONTENT), sha256)
    return dataclasses.replace(CARD, id="net", role="masks", source=hub.endpoint, parts=("net.onnx",), file=file)


def test_a_model_of_one_file_is_fetched_and_found(hub: Hub, store: ModelStore) -> None:
    card = one_file(hub)
    steps: list[tuple[int, int]] = []
    folder = fetch(card, store, lambda done, total: steps.append((done, total)))
    assert store.find(card) == folder / "net.onnx" and (folder / "net.onnx").read_bytes() == CONTENT
    assert steps[-1] == (len(CONTENT), len(CONTENT)) and len(set(steps)) > 2 and steps == sorted(steps)
    assert "deleted" in store.remove(card) and store.find(card) is None


def test_a_file_that_broke_off_goes_on_where_it_was(hub: Hub, store: ModelStore) -> None:
    card = one_file(hub)
    seen: list[int] = []
    with pytest.raises(Cancelled):
        fetch(card, store, lambda done, _: seen.append(done), cancelled=lambda: len(seen) > 1)
    assert store.find(card) is None
    fetch(card, store, lambda *_: None)
    assert hub.asked[-1][1].startswith("bytes=") and hub.asked[-1][1] != "bytes=0-"
    assert (store.place_of(card) / "net.onnx").read_bytes() == CONTENT


def test_a_server_without_parts_begins_again(hub: Hub, store: ModelStore) -> None:
    card = one_file(hub)
    hub.whole_only = True
    store.unfinished_place_of(card).mkdir(parents=True)
    (store.unfinished_place_of(card) / "net.onnx.part").write_bytes(b"some other beginning")
    assert (fetch(card, store, lambda *_: None) / "net.onnx").read_bytes() == CONTENT


def test_a_file_of_another_hash_is_not_taken(hub: Hub, store: ModelStore) -> None:
    card = one_file(hub, sha256="0" * 64)
    with pytest.raises(EngineError) as caught:
        fetch(card, store, lambda *_: None)
    assert caught.value.code == "model_hash" and store.find(card) is None
    assert not list(store.unfinished_place_of(card).glob("net.onnx*"))


def test_a_publisher_who_does_not_answer_is_a_sentence(hub: Hub, store: ModelStore) -> None:
    card = one_file(hub)
    assert card.file is not None
    gone = dataclasses.replace(card, file=dataclasses.replace(card.file, url="http://127.0.0.1:9/net.onnx"))
    with pytest.raises(EngineError) as caught:
        fetch(gone, store, lambda *_: None)
    assert caught.value.code == "model_offline" and "hf auth" not in caught.value.advice
