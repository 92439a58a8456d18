"""Choosing and loading priors: layouts, the hub's cache, broken and foreign files, memory, offloading."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import huggingface_hub.constants
import pytest
import torch
from prior_models import rewrite_json
from safetensors.torch import load_file, save_file

from align4d.errors import EngineError
from align4d.models import component_loading
from align4d.models.store import ModelStore
from align4d.models.weights_file import read_header
from align4d.priors.catalog import PRIORS, prior_cards
from align4d.priors.embedded import EmbeddedPrior
from align4d.priors.imagedream import ImageDreamPrior
from align4d.priors.loading import PriorSpec, load_prior
from align4d.priors.prior import RelativeCamera
from align4d.priors.prior_options import PriorOptions
from align4d.priors.zero123 import Zero123Prior

CPU = torch.device("cpu")
ENGINE = Path(__file__).parents[2] / "engine"
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def copy(published: dict[str, Path], tmp_path: Path) -> Callable[..., Path]:
    """Copies a published model, to be broken."""

    def copied(which: str = "xl", name: str = "zero123") -> Path:
        return Path(shutil.copytree(published[which], tmp_path / name))

    return copied


def code_of(folder: Path | str, online: bool = False, **options: object) -> tuple[str, str]:
    with pytest.raises(EngineError) as caught:
        load_prior(PriorSpec(str(folder), **options), CPU, online)  # type: ignore[arg-type]
    return caught.value.code, str(caught.value)


def test_the_embedded_prior_is_the_default() -> None:
    assert isinstance(load_prior(PriorSpec(), CPU), EmbeddedPrior)


def test_the_embedded_prior_needs_no_library_of_the_others() -> None:
    load = "import sys, align4d.priors.loading as loading; loading.load_prior(loading.PriorSpec(), 'cpu')"
    program = f"{load}; print(sorted({{'accelerate', 'diffusers', 'transformers'}} & {{*sys.modules}}))"
    answer = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ENGINE)}, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]", answer.stderr


def test_both_layouts_of_zero123_are_the_same_model(published: dict[str, Path]) -> None:
    first, second = (load_prior(PriorSpec(str(published[name])), CPU) for name in ("xl", "kxic"))
    assert isinstance(first, Zero123Prior)
    assert isinstance(second, Zero123Prior)
    pictures, one = torch.rand(1, 3, 256, 256), torch.ones(1)
    noisy = torch.randn(1, 4, 32, 32)
    answers = [
        prior.predict_noise(noisy, torch.tensor([500]), prior.condition(pictures, one, one), RelativeCamera(one, one * 50, one * 0))
        for prior in (first, second)
    ]
    torch.testing.assert_close(*answers)


def test_kinds_are_told_from_layout_and_name(published: dict[str, Path], copy: Callable[..., Path]) -> None:
    assert isinstance(load_prior(PriorSpec(str(published["imagedream"])), CPU), ImageDreamPrior)
    stable = load_prior(PriorSpec(str(copy(name="stable-zero123-diffusers"))), CPU)
    assert (stable.facts.name, stable.facts.takes_distance) == ("Stable-Zero123", False)


def test_a_layout_that_two_kinds_share_needs_a_telling_name(copy: Callable[..., Path]) -> None:
    folder = copy(name="my-prior")
    code, sentence = code_of(folder)
    assert code == "prior_kind"
    assert "Say which" in sentence
    assert load_prior(PriorSpec(str(folder), kind="zero123"), CPU).facts.takes_distance


def test_the_hubs_cache_is_used_and_the_network_is_not(published: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    cached = tmp_path / "models--ashawkey--stable-zero123-diffusers"
    shutil.copytree(published["xl"], cached / "snapshots" / "0123abc")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0123abc")
    assert load_prior(PriorSpec("ashawkey/stable-zero123-diffusers"), CPU).facts.name == "Stable-Zero123"
    code, sentence = code_of("kxic/zero123-xl")
    assert code == "model_not_found"
    assert "Allow the download" in sentence


def test_the_hub_is_asked_only_with_leave_and_only_for_harmless_files(published: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def pretend(source: str, **options: Any) -> str:
        asked.update(source=source, **options)
        return str(published["kxic"])

    monkeypatch.setattr(huggingface_hub, "snapshot_download", pretend)
    for online in (False, True):
        load_prior(PriorSpec("kxic/zero123-xl"), CPU, online)
        assert (asked["source"], asked["local_files_only"]) == ("kxic/zero123-xl", not online)
    endings = {Path(pattern).suffix for pattern in asked["allow_patterns"]}
    assert endings == {".json", ".txt", ".safetensors"}


def test_a_broken_connection_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> str:
        raise httpx2.ReadTimeout("the server is silent")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", broken)
    code, sentence = code_of("kxic/zero123-xl", online=True)
    assert code == "model_not_found"
    assert "the server is silent" in sentence


def test_a_prior_is_chosen_by_its_name(published: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIGN4D_MODELS", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    code, sentence = code_of("stable-zero123")
    assert code == "license_not_accepted"
    card, _ = PRIORS["stable-zero123"]
    ModelStore().accept(card)
    code, sentence = code_of("stable-zero123")
    assert code == "model_not_found" and "align4d models fetch stable-zero123" in sentence
    ModelStore().use(card, published["xl"])
    assert load_prior(PriorSpec("stable-zero123"), CPU).facts.name == "Stable-Zero123", "not what the folder's own name says"


def test_every_prior_that_can_be_chosen_says_what_it_takes() -> None:
    for card in prior_cards():
        assert card.role == "multiview_prior" and card.license
        assert card.built_in or (card.need.offloaded < card.need.device and card.need.host < card.size_on_disk)


def test_a_folder_that_is_not_there() -> None:
    assert code_of("/no/such/folder")[0] == "model_not_found"


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    code, sentence = code_of(tmp_path)
    assert code == "model_layout"
    assert "model_index.json" in sentence
    assert code_of(tmp_path, kind="imagedream")[0] == "model_layout"
    assert code_of(tmp_path, kind="zero123")[0] == "model_layout"


@pytest.mark.parametrize("part", ["unet", "vae", "image_encoder"])
def test_a_missing_component(copy: Callable[..., Path], part: str) -> None:
    folder = copy()
    shutil.rmtree(folder / part)
    code, sentence = code_of(folder)
    assert code == "model_layout"
    assert part in sentence


@pytest.mark.parametrize("file", [f"unet/{WEIGHTS}", "image_encoder/model.safetensors", "vae/config.json", "scheduler/scheduler_config.json"])
def test_a_missing_file(copy: Callable[..., Path], file: str) -> None:
    folder = copy()
    (folder / file).unlink()
    code, sentence = code_of(folder)
    assert code == "model_file"
    assert Path(file).name in sentence


def test_missing_files_of_imagedream(copy: Callable[..., Path]) -> None:
    folder = copy("imagedream")
    shutil.rmtree(folder / "tokenizer")
    assert code_of(folder)[0] == "model_file"
    shutil.rmtree(folder / "text_encoder")
    assert code_of(folder)[0] == "model_layout"


def test_pickles_are_never_loaded(copy: Callable[..., Path]) -> None:
    folder = copy()
    (folder / "unet" / WEIGHTS).unlink()
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    code, sentence = code_of(folder)
    assert code == "model_pickle"
    assert WEIGHTS in sentence


def test_a_truncated_file(copy: Callable[..., Path]) -> None:
    folder = copy()
    path = folder / "unet" / WEIGHTS
    path.write_bytes(path.read_bytes()[:-1000])
    code, sentence = code_of(folder)
    assert code == "model_file"
    assert "1,000 bytes are missing" in sentence


def test_a_header_of_ten_gigabytes(copy: Callable[..., Path]) -> None:
    folder = copy()
    (folder / "unet" / WEIGHTS).write_bytes((10_000_000_000).to_bytes(8, "little") + b"{}")
    code, sentence = code_of(folder)
    assert code == "model_file"
    assert "10,000,000,000" in sentence


@pytest.mark.parametrize("content", [b"", b"PK\3\4", (2).to_bytes(8, "little") + b"[]", (9).to_bytes(8, "little") + b'{"a": {}}'])
def test_files_that_are_no_safetensors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(EngineError) as caught:
        read_header(path)
    assert caught.value.code == "model_file"


def test_a_header_tells_names_and_shapes(published: dict[str, Path]) -> None:
    header = read_header(published["xl"] / "clip_camera_projection" / WEIGHTS)
    assert {name: one.shape for name, one in header.items()} == {"proj.weight": (16, 16), "proj.bias": (16,)}
    assert header["proj.weight"].size == 16 * 16 * 4


def test_a_parameter_too_few(copy: Callable[..., Path]) -> None:
    for which, part, name in (("xl", "unet", "conv_out.bias"), ("imagedream", "unet", "camera_embed.2.bias"), ("xl", "vae", "encoder.conv_in.bias")):
        folder = copy(which, f"zero123-{which}-{part}")
        weights = load_file(folder / part / WEIGHTS)
        weights.pop(name)
        save_file(weights, folder / part / WEIGHTS, {"format": "pt"})
        code, sentence = code_of(folder)
        assert code == "model_file"
        assert name in sentence


def test_weights_of_another_model(copy: Callable[..., Path]) -> None:
    folder = copy()
    rewrite_json(folder / "image_encoder" / "config.json", projection_dim=20)
    assert code_of(folder)[0] == "model_file"
    folder = copy("imagedream", "imagedream")
    rewrite_json(folder / "unet" / "config.json", model_channels=64)
    assert code_of(folder)[0] == "model_file"


def test_a_schedule_of_another_kind(copy: Callable[..., Path]) -> None:
    folder = copy()
    rewrite_json(folder / "scheduler" / "scheduler_config.json", prediction_type="v_prediction")
    code, sentence = code_of(folder)
    assert code == "model_file"
    assert "v_prediction" in sentence


def test_a_broken_configuration(copy: Callable[..., Path]) -> None:
    folder = copy()
    (folder / "unet" / "config.json").write_text("{")
    assert code_of(folder)[0] == "model_file"


def test_the_half_precision_file_is_enough(copy: Callable[..., Path]) -> None:
    folder = copy()
    for path in (*folder.glob("*/*.safetensors"),):
        save_file({name: one.half() for name, one in load_file(path).items()}, path.with_suffix(".fp16.safetensors"), {"format": "pt"})
        path.unlink()
    prior = load_prior(PriorSpec(str(folder)), CPU)
    assert prior.encode(torch.rand(1, 3, 256, 256)).dtype == torch.float32


def test_files_as_older_libraries_wrote_them(copy: Callable[..., Path], published: dict[str, Path]) -> None:
    folder = copy("imagedream")
    path = folder / "image_encoder" / "model.safetensors"
    save_file({f"vision_model.{name}": one for name, one in load_file(path).items()}, path, {"format": "pt"})
    path = folder / "text_encoder" / "model.safetensors"
    older = {f"text_model.{name}": one for name, one in load_file(path).items()}
    save_file({**older, "text_model.embeddings.position_ids": torch.arange(77)[None]}, path, {"format": "pt"})
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    path = folder / "vae" / WEIGHTS
    weights = load_file(path)
    for name in [name for name in weights if ".attentions." in name]:
        layer = next((layer for layer in names if f".{layer}." in name), None)
        if layer:
            weights[name.replace(layer, names[layer])] = weights.pop(name)
    save_file(weights, path, {"format": "pt"})
    older_prior, newer = (load_prior(PriorSpec(str(one)), CPU) for one in (folder, published["imagedream"]))
    pictures, ones = torch.rand(1, 3, 256, 256), torch.ones(1)
    for found, expected in zip(*(prior.condition(pictures, ones, ones).features for prior in (older_prior, newer)), strict=True):
        torch.testing.assert_close(found, expected)
    assert isinstance(older_prior, ImageDreamPrior)
    assert isinstance(newer, ImageDreamPrior)
    torch.testing.assert_close(older_prior.text, newer.text)


def test_without_the_libraries(published: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(component_loading, "LIBRARIES", ("diffusers", "no_such_library"))
    code, sentence = code_of(published["xl"])
    assert code == "model_libraries"
    assert "no_such_library" in sentence
    assert "priors group" in sentence


def test_options_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match="precision"):
        PriorOptions(precision="float8")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="batch"):
        PriorOptions(batch=0)
    with pytest.raises(ValueError, match="kind"):
        PriorSpec(kind="mvdream")  # type: ignore[arg-type]
    assert PriorOptions().dtype(torch.device("cuda")) == torch.float16
    assert PriorOptions().dtype(CPU) == torch.float32
