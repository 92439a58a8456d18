"""Wrong, broken and hostile model folders: refused with a sentence, and nothing of them is run."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
from pathlib import Path

import pytest
import torch
from generator_models import save_blip, save_sdxl
from safetensors.torch import load_file, save_file

from align4d.errors import EngineError
from align4d.generators.blip import Blip
from align4d.generators.interfaces import GenerationOptions
from align4d.generators.sdxl import SDXL
from align4d.models import folder_safety
from align4d.models.component_folder import find_component
from align4d.models.placing import Place
from align4d.models.weights_file import read_header

CPU = Place(torch.device("cpu"))
UNET = "unet/diffusion_pytorch_model.safetensors"


class Bomb:
    """What a hostile pickle does when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(Bomb.target),)

    target = Path()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sdxl(tmp_path_factory.mktemp("models") / "sdxl")


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "sdxl"))


def refused(folder: Path) -> tuple[str, str]:
    with pytest.raises(EngineError) as caught:
        SDXL.open(folder, CPU, GenerationOptions())
    return caught.value.code, caught.value.message


def rewrite(path: Path, **entries: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def test_pickles_are_never_loaded(folder: Path, tmp_path: Path) -> None:
    Bomb.target = tmp_path / "exploded"
    for name in ("diffusion_pytorch_model.bin", "diffusion_pytorch_model.safetensors"):
        (folder / UNET).unlink(missing_ok=True)
        (folder / "unet" / name).write_bytes(pickle.dumps(Bomb()))
        assert refused(folder)[0] == ("model_pickle" if name.endswith(".bin") else "model_file")
    assert not Bomb.target.exists()


def test_a_header_of_ten_gigabytes(folder: Path) -> None:
    (folder / UNET).write_bytes((10_000_000_000).to_bytes(8, "little") + b"{}")
    code, sentence = refused(folder)
    assert code == "model_file" and "10,000,000,000" in sentence


def test_a_shape_of_which_the_file_has_a_fraction(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [1_000_000, 1_000_000], "data_offsets": [0, 16]}}).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    with pytest.raises(EngineError) as caught:
        read_header(path)
    assert caught.value.code == "model_file"


def test_a_nested_header_does_not_end_the_process(tmp_path: Path) -> None:
    header = b"[" * 200_000 + b"]" * 200_000
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(EngineError) as caught:
        read_header(path)
    assert caught.value.code == "model_file"


def test_a_configuration_as_large_as_a_model(folder: Path) -> None:
    with open(folder / "unet" / "config.json", "wb") as file:
        file.truncate(10_000_000_000)  # sparse: it takes no space
    assert refused(folder)[0] == "model_unsafe"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
class TestLinks:
    def test_out_of_the_folder(self, folder: Path, tmp_path: Path) -> None:
        secret = tmp_path / "secret.json"
        secret.write_text("{}")
        (folder / "unet" / "config.json").unlink()
        (folder / "unet" / "config.json").symlink_to(secret)
        code, sentence = refused(folder)
        assert code == "model_unsafe" and "out of the model's folder" in sentence

    def test_a_whole_component_elsewhere(self, folder: Path, tmp_path: Path) -> None:
        shutil.move(folder / "unet", tmp_path / "unet")
        (folder / "unet").symlink_to(tmp_path / "unet")
        assert refused(folder)[0] == "model_unsafe"

    def test_that_leads_nowhere_or_in_a_circle(self, folder: Path) -> None:
        (folder / "unet" / "more.json").symlink_to(folder / "unet" / "more.json")
        assert refused(folder)[0] == "model_unsafe"

    def test_a_pipe_does_not_make_it_wait(self, folder: Path) -> None:
        (folder / "vae" / "config.json").unlink()
        os.mkfifo(folder / "vae" / "config.json")
        assert refused(folder)[0] == "model_unsafe"

    def test_the_hubs_own_cache_is_made_of_links(self, published: Path, tmp_path: Path) -> None:
        snapshot = Path(shutil.copytree(published, tmp_path / "models--a--b" / "snapshots" / "0123"))
        blobs = tmp_path / "models--a--b" / "blobs"
        blobs.mkdir()
        for index, path in enumerate(sorted(snapshot.rglob("*.safetensors"))):
            shutil.move(path, blobs / str(index))
            path.symlink_to(Path(os.path.relpath(blobs / str(index), path.parent)))
        SDXL.open(snapshot, CPU, GenerationOptions()).close()


def test_more_files_than_a_model_has(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_safety, "MOST_FILES", 20)
    for index in range(30):
        (folder / "unet" / f"{index}.json").touch()
    assert refused(folder)[0] == "model_unsafe"


@pytest.mark.parametrize("part", ["unet/config.json", "text_encoder/config.json", "tokenizer/tokenizer_config.json"])
def test_code_of_its_own_is_not_run(folder: Path, part: str) -> None:
    rewrite(folder / part, auto_map={"AutoModel": "evil.Evil", "AutoTokenizer": ["evil.Evil", None]})
    (folder / part).with_name("evil.py").write_text("raise SystemExit('run')")
    code, sentence = refused(folder)
    assert code == "model_unsafe" and "auto_map" in sentence


def test_kernels_from_the_hub_are_not_fetched(folder: Path) -> None:
    rewrite(folder / "text_encoder" / "config.json", _attn_implementation="somebody/evil-kernels", attn_implementation="somebody/evil-kernels")
    SDXL.open(folder, CPU, GenerationOptions()).close()


def test_quantized_weights_are_not_guessed_at(folder: Path) -> None:
    rewrite(folder / "unet" / "config.json", quantization_config={"quant_method": "bitsandbytes"})
    code, sentence = refused(folder)
    assert code == "model_file" and "quantized" in sentence


def shard(folder: Path, **changes: str) -> None:
    """Splits the U-Net's weights into two files."""
    weights = load_file(folder / UNET)
    names = sorted(weights)
    halves = {"one-00001-of-00002.safetensors": names[::2], "one-00002-of-00002.safetensors": names[1::2]}
    place = {name: changes.get("file", file) for file, own in halves.items() for name in own}
    for file, own in halves.items():
        save_file({name: weights[name] for name in own}, folder / "unet" / file, {"format": "pt"})
    (folder / UNET).unlink()
    (folder / f"{UNET}.index.json").write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": place}))


def test_weights_in_several_files(folder: Path, published: Path) -> None:
    shard(folder)
    found, whole = (find_component(one, "unet", "diffusion_pytorch_model", half=True) for one in (folder, published))
    assert found.parameters == whole.parameters
    SDXL.open(folder, CPU, GenerationOptions()).close()
    (folder / "unet" / "one-00002-of-00002.safetensors").unlink()
    assert refused(folder)[0] == "model_file"


@pytest.mark.parametrize("name", ["../../secret.safetensors", "/etc/passwd", "evil.bin"])
def test_an_index_that_leads_elsewhere(folder: Path, name: str) -> None:
    shard(folder, file=name)
    assert refused(folder)[0] == "model_unsafe"


@pytest.mark.parametrize("part", ["tokenizer", "scheduler", "vae", "text_encoder_2"])
def test_a_missing_part(folder: Path, part: str) -> None:
    shutil.rmtree(folder / part)
    code, sentence = refused(folder)
    assert code in ("model_file", "model_layout") and part in sentence


def test_parts_that_do_not_fit_each_other(folder: Path) -> None:
    for path in (folder / "vae").iterdir():
        path.unlink()
    for path in (folder / "unet").iterdir():
        shutil.copy(path, folder / "vae" / path.name)
    assert refused(folder)[0] == "model_file"


def test_an_archive_is_no_folder_and_no_model(tmp_path: Path) -> None:
    save_blip(tmp_path / "blip")
    (tmp_path / "blip" / "model.safetensors").write_bytes(b"PK\3\4" + bytes(1000))
    with pytest.raises(EngineError) as caught:
        Blip.open(tmp_path / "blip", CPU, GenerationOptions())
    assert caught.value.code == "model_file"
