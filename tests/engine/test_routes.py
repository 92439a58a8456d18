"""Routes: from every mix of what an artist gives to a plan, told before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from align4d.errors import EngineError
from align4d.generators.catalog import GENERATORS, cards, generator_of
from align4d.generators.generator_settings import GeneratorSettings
from align4d.models.card import ROLES
from align4d.models.mask_models import MASK_MODELS
from align4d.models.store import MANIFEST, ModelStore
from align4d.pipeline.route import JobInputs, plan, require_ready
from align4d.priors.catalog import prior_cards

AUTO = GeneratorSettings()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no-cache"))
    return ModelStore(tmp_path / "models")


def pretend_fetched(store: ModelStore, *identifiers: str) -> None:
    for identifier in identifiers:
        card = card_of(identifier)
        store.place_of(card).mkdir(parents=True)
        (store.place_of(card) / MANIFEST).write_text("{}")


def card_of(identifier: str):  # type: ignore[no-untyped-def]
    found = generator_of(identifier)
    assert found is not None
    return found.card


@pytest.mark.parametrize(
    ("given", "products"),
    [
        (JobInputs(mesh=True, video=True), []),
        (JobInputs(mesh=True, video=True, image=True), []),
        (JobInputs(mesh=True, video=True, prompt="a fox"), []),
        (JobInputs(video=True), ["asset"]),
        (JobInputs(video=True, prompt="a fox"), ["asset"]),
        (JobInputs(image=True), ["video", "asset"]),
        (JobInputs(image=True, mesh=True), ["video"]),
        (JobInputs(image=True, video=True), ["asset"]),
        (JobInputs(prompt="a fox"), ["image", "video", "asset"]),
        (JobInputs(prompt="a fox", mesh=True), ["video"]),
        (JobInputs(prompt="a fox", image=True), ["video", "asset"]),
        (JobInputs(prompt="it runs", image=True, mesh=True), ["video"]),
    ],
)
def test_every_mix_has_its_route(given: JobInputs, products: list[str], store: ModelStore) -> None:
    route = plan(given, GeneratorSettings(image_to_video="svd"), store)
    assert [step.product for step in route.steps] == products
    assert all(step.card for step in route.steps)


def test_what_is_rendered_or_taken_says_so(store: ModelStore) -> None:
    def source(given: JobInputs) -> str:
        return plan(given, AUTO, store).steps[0].source

    assert "reference camera" in source(JobInputs(mesh=True, prompt="it runs"))
    assert "first frame" in source(JobInputs(video=True))
    assert source(JobInputs(image=True)) == "the image"
    assert source(JobInputs(prompt="a fox")) == "the text"


@pytest.mark.parametrize(
    ("given", "code"), [(JobInputs(mesh=True), "route_mesh_alone"), (JobInputs(), "route_nothing"), (JobInputs(prompt="  "), "route_nothing")]
)
def test_too_little_is_refused_with_a_sentence(given: JobInputs, code: str, store: ModelStore) -> None:
    with pytest.raises(EngineError) as caught:
        plan(given, AUTO, store)
    assert caught.value.code == code
    assert "video" in caught.value.advice


def test_a_missing_model_is_named_with_size_license_and_how_to_get_it(store: ModelStore) -> None:
    route = plan(JobInputs(prompt="a fox"), AUTO, store)
    assert not route.ready
    with pytest.raises(EngineError) as caught:
        require_ready(route)
    assert caught.value.code == "model_missing"
    text = str(caught.value)
    assert "GB" in text and "Apache-2.0" in text and "align4d models fetch" in text


def test_the_video_route_needs_nothing(store: ModelStore) -> None:
    route = plan(JobInputs(video=True), AUTO, store)
    assert route.ready
    asset = route.step("asset")
    assert asset and asset.card and asset.card.built_in
    require_ready(route)


def test_a_model_on_this_machine_is_taken_before_one_that_is_not(store: ModelStore) -> None:
    pretend_fetched(store, "sdxl", "lgm")
    route = plan(JobInputs(prompt="a fox"), AUTO, store)
    chosen = {step.product: step.card.id for step in route.steps if step.card}
    assert chosen["image"] == "sdxl" and chosen["asset"] == "lgm"


def test_with_nothing_downloaded_an_image_sways_and_the_plan_says_so(store: ModelStore) -> None:
    route = plan(JobInputs(image=True), AUTO, store)
    assert route.ready
    assert [step.card.id for step in route.steps if step.card] == ["sway", "embedded"]
    assert "only sways" in route.notes[0] and "models fetch" in route.notes[0]
    assert not plan(JobInputs(image=True, prompt="it runs"), AUTO, store).ready


def test_a_text_prefers_a_video_model_that_takes_one(store: ModelStore) -> None:
    pretend_fetched(store, "svd", "ltx")
    for identifier in ("svd", "ltx"):
        store.accept(card_of(identifier))
    with_text, without = (plan(JobInputs(image=True, prompt=prompt), AUTO, store).step("video") for prompt in ("it runs", ""))
    assert with_text and with_text.card and with_text.card.id == "ltx"
    assert without and without.card and without.card.id == "svd"


def test_a_model_that_takes_no_text_says_so(store: ModelStore) -> None:
    route = plan(JobInputs(mesh=True, prompt="it runs"), GeneratorSettings(image_to_video="svd"), store)
    assert any("takes no text" in note for note in route.notes)


def test_a_captioner_helps_where_a_model_wants_words_and_there_are_none(store: ModelStore) -> None:
    pretend_fetched(store, "wan2.2", "blip")
    assert [step.product for step in plan(JobInputs(image=True), AUTO, store).steps] == ["caption", "video", "asset"]
    assert [step.product for step in plan(JobInputs(image=True, prompt="it runs"), AUTO, store).steps] == ["video", "asset"]


def test_a_license_that_limits_commercial_use_is_to_be_accepted(store: ModelStore) -> None:
    pretend_fetched(store, "svd")
    settings = GeneratorSettings(image_to_video="svd")
    with pytest.raises(EngineError) as caught:
        require_ready(plan(JobInputs(image=True, mesh=True), settings, store))
    assert caught.value.code == "license_not_accepted"
    store.accept(card_of("svd"))
    require_ready(plan(JobInputs(image=True, mesh=True), settings, store))


@pytest.mark.parametrize("name", ["no-such-model", "sdxl"])
def test_a_wrong_name_is_answered_with_the_right_ones(name: str, store: ModelStore) -> None:
    with pytest.raises(EngineError) as caught:
        plan(JobInputs(image=True), GeneratorSettings(image_to_video=name), store)
    assert caught.value.code == "unknown_model"
    assert "svd" in caught.value.advice


def test_every_card_says_what_an_artist_must_know() -> None:
    identifiers = [one.card.id for one in GENERATORS]
    assert len(set(identifiers)) == len(identifiers)
    every = [*cards(), *prior_cards(), *(model.card for model in MASK_MODELS)]
    for role in ROLES:
        assert any(not card.non_commercial for card in every if card.role == role), role
    for card in cards():
        assert card.name and card.license
        assert card.built_in or (card.size_on_disk > 0 and card.parts and card.need.offloaded <= card.need.device)
