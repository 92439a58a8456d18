"""The models of this machine: found, chosen, accepted, removed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from align4d.errors import EngineError
from align4d.folders import model_folder
from align4d.generators.embedded_3d import Embedded3D
from align4d.generators.lgm import LGM
from align4d.generators.sdxl import SDXL
from align4d.generators.svd import SVD
from align4d.models.store import ModelStore

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_the_folder_of_models_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALIGN4D_MODELS", str(tmp_path))
    assert model_folder() == tmp_path == ModelStore().root


def test_nothing_is_here_but_what_is_built_in(store: ModelStore) -> None:
    assert store.find(SDXL.card) is None
    assert store.find(Embedded3D.card) is not None
    assert not store.root.exists()


def test_a_folder_of_the_artists_own(store: ModelStore, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "unet").mkdir(parents=True)
    store.use(SDXL.card, own)
    assert ModelStore(store.root).find(SDXL.card) == own
    assert "files are where they were" in store.remove(SDXL.card)
    assert own.is_dir() and store.find(SDXL.card) is None


@pytest.mark.parametrize(("name", "code"), [("nowhere", "model_not_found"), ("empty", "model_layout")])
def test_a_folder_without_the_model(store: ModelStore, tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EngineError) as caught:
        store.use(SDXL.card, tmp_path / name)
    assert caught.value.code == code


def test_a_license_that_limits_commercial_use_is_accepted_first(store: ModelStore, tmp_path: Path) -> None:
    assert store.accepted(SDXL.card) and not store.accepted(SVD.card)
    (tmp_path / "svd" / "unet").mkdir(parents=True)
    with pytest.raises(EngineError) as caught:
        store.use(SVD.card, tmp_path / "svd")
    assert caught.value.code == "license_not_accepted"
    store.accept(SVD.card)
    store.use(SVD.card, tmp_path / "svd")
    assert ModelStore(store.root).accepted(SVD.card)
    changed = dataclasses.replace(SVD.card, license="another license")
    assert not store.accepted(changed)


def test_the_hubs_own_cache_counts_when_it_is_whole(store: ModelStore, tmp_path: Path) -> None:
    model = tmp_path / "cache" / "models--stabilityai--stable-diffusion-xl-base-1.0"
    snapshot = model / "snapshots" / COMMIT
    for part in SDXL.card.parts:
        (snapshot / part).mkdir(parents=True)
    assert store.find(SDXL.card) is None
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(COMMIT)
    assert store.find(SDXL.card) == snapshot
    (snapshot / "vae").rmdir()
    assert store.find(SDXL.card) is None


def test_a_damaged_list_of_choices_is_a_sentence(store: ModelStore) -> None:
    store.root.mkdir()
    (store.root / "models.json").write_text("{")
    with pytest.raises(EngineError) as caught:
        store.find(SDXL.card)
    assert caught.value.code == "model_choices"


def test_nothing_to_remove(store: ModelStore) -> None:
    with pytest.raises(EngineError) as caught:
        store.remove(SDXL.card)
    assert caught.value.code == "model_not_found"


def test_lgm_names_both_of_its_models() -> None:
    assert LGM.card.source == "ashawkey/LGM" and LGM.card.companions == ("ashawkey/imagedream-ipmv-diffusers",)
