"""Generators through diffusers and transformers: small random models in the published layouts, loaded by component, placed by a budget."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import generator_models as saved
import numpy as np
import pytest
import torch

from align4d.errors import Cancelled, EngineError
from align4d.generators.blip import Blip
from align4d.generators.flux2 import Flux2Klein
from align4d.generators.interfaces import GenerationOptions, ImageToVideo, TextToImage
from align4d.generators.ltx import LTX
from align4d.generators.prompted_video import whole_groups
from align4d.generators.sdxl import SDXL
from align4d.generators.svd import SVD, ShortSVD
from align4d.generators.sway import Sway
from align4d.generators.wan import Wan
from align4d.generators.z_image import ZImage
from align4d.job.reporting import RecordingReporter
from align4d.models import placing
from align4d.models.placing import Place, Placement, ReservedMemory, Stage, choose_placement, needs, placements

CPU = Place(torch.device("cpu"))
GB = 1_000_000_000


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("generators")

    def made(name: str) -> Path:
        place = folder / name
        return place if place.is_dir() else getattr(saved, f"save_{name}")(place)

    return made


def picture() -> np.ndarray:
    pixels = np.full((100, 80, 3), 255, np.uint8)
    pixels[20:80, 20:60] = (200, 50, 30)
    return pixels


@pytest.mark.parametrize(
    ("kind", "name", "scale", "side"), [(SDXL, "sdxl", 1 / 16, 64), (Flux2Klein, "flux2", 1 / 32, 32), (ZImage, "z_image", 1 / 32, 32)]
)
def test_text_becomes_a_picture(model: Callable[[str], Path], kind: Any, name: str, scale: float, side: int) -> None:
    report = RecordingReporter()
    generator: TextToImage = kind.open(model(name), CPU, GenerationOptions(steps=2, scale=scale))
    first, again, other = (generator.paint("a fox", seed, report) for seed in (0, 0, 1))
    generator.close()
    assert first.shape == (side, side, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert report.events[-1]["done"] == report.events[-1]["total"] == 2


@pytest.mark.parametrize(
    ("kind", "name", "scale", "frames", "shape", "fps"),
    [
        (ShortSVD, "svd", 1 / 16, 3, (3, 64, 64, 3), 7),
        (Wan, "wan", 1 / 20, 5, (5, 32, 64, 3), 24),
        (LTX, "ltx", 1 / 10, 9, (9, 64, 64, 3), 24),
    ],
)
def test_a_picture_becomes_a_video(
    model: Callable[[str], Path], kind: Any, name: str, scale: float, frames: int, shape: tuple[int, ...], fps: float
) -> None:
    generator: ImageToVideo = kind.open(model(name), CPU, GenerationOptions(1, scale, frames))
    footage = generator.animate(picture(), "it runs", 0, RecordingReporter())
    assert footage.frames.shape == shape and footage.frames.dtype == np.uint8
    assert footage.fps == fps


def test_without_a_model_the_object_sways_on_its_feet() -> None:
    report = RecordingReporter()
    footage = Sway.open(Path(), CPU, GenerationOptions(scale=0.25, frames=8)).animate(picture(), "", 0, report)
    assert footage.frames.shape == (8, 192, 192, 3) and footage.frames.dtype == np.uint8
    red = footage.frames[..., 2] < 140
    foot, top = (np.array([np.flatnonzero(frame[row]).mean() for frame in red]) for row in (150, 42))
    assert np.ptp(foot) < 0.5 and np.ptp(top) > 6
    assert (footage.frames[:, 0] == 255).all() and (footage.frames[:, -1] == 255).all()
    assert abs(red[0].sum() - red.sum((1, 2)).mean()) / red[0].sum() < 0.05


def test_svd_makes_as_many_frames_as_its_weights_were_trained_for(tmp_path: Path) -> None:
    for frames in (2, 3):
        generator = SVD.open(saved.save_svd(tmp_path / f"svd-{frames}", frames), CPU, GenerationOptions(1, 1 / 16))
        assert len(generator.animate(picture(), "", 0, RecordingReporter()).frames) == frames


def test_a_picture_becomes_words(model: Callable[[str], Path]) -> None:
    words = Blip.open(model("blip"), CPU, GenerationOptions()).describe(picture())
    assert words.startswith("word") and not words.endswith(".")


def test_a_cancel_is_heard_within_a_step(model: Callable[[str], Path]) -> None:
    report = RecordingReporter()
    report.cancelled.set()
    with pytest.raises(Cancelled):
        SDXL.open(model("sdxl"), CPU, GenerationOptions(50, 1 / 16)).paint("a fox", 0, report)
    assert not report.events


def test_with_less_memory_the_work_is_done_in_pieces(model: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ShortSVD.open(model("svd"), CPU, GenerationOptions(1, 1 / 16, 3))
    assert not whole.opened.placement.frugal
    least = min(one.need for one in placements(stages_of(whole), on_cpu=True))
    monkeypatch.setattr(placing, "free_host_bytes", lambda: least)
    pieces = ShortSVD.open(model("svd"), CPU, GenerationOptions(1, 1 / 16, 3))
    assert pieces.opened.placement.frugal
    decoded: list[int] = []
    decode = pieces.opened.pipe.vae.decode
    monkeypatch.setattr(pieces.opened.pipe.vae, "decode", lambda latents, **more: decoded.append(len(latents)) or decode(latents, **more))
    assert pieces.animate(picture(), "", 0, RecordingReporter()).frames.shape == (3, 64, 64, 3)
    assert decoded == [1, 1, 1]


@pytest.mark.parametrize(("kind", "name"), [(SDXL, "sdxl"), (ShortSVD, "svd"), (Wan, "wan")])
def test_layers_that_come_and_go_make_the_same(model: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, kind: Any, name: str) -> None:
    """Between the processor and itself: where they would come from a GPU's point of view is not tested here."""
    from align4d.generators import diffusion_pipeline

    def made() -> np.ndarray:
        generator = kind.open(model(name), CPU, GenerationOptions(1, 1 / 20, 2))
        report = RecordingReporter()
        return generator.paint("a fox", 0, report) if kind is SDXL else generator.animate(picture(), "it runs", 0, report).frames

    monkeypatch.setattr(diffusion_pipeline, "choose_placement", lambda *_: Placement("none", True, 0))
    expected = made()
    monkeypatch.setattr(diffusion_pipeline, "choose_placement", lambda *_: Placement("by layer", True, 0))
    assert np.array_equal(made(), expected)


def stages_of(generator: ShortSVD) -> list[Stage]:
    """As they were settled: weights of the small model, work of the real one."""
    found = []
    for name, network in generator.recipe.networks.items():
        sizes = [one.numel() * 4 for one in getattr(generator.opened.pipe, name).parameters()]
        found.append(Stage(name, sum(sizes), max(sizes), network.work, network.frugal))
    return found


def test_too_little_memory_is_a_sentence_before_anything_is_loaded(model: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from align4d.generators import diffusion_pipeline

    monkeypatch.setattr(placing, "free_host_bytes", lambda: 10_000_000)
    monkeypatch.setattr(diffusion_pipeline, "load_network", lambda *_: pytest.fail("loaded although the memory does not suffice"))
    with pytest.raises(EngineError) as caught:
        SDXL.open(model("sdxl"), CPU, GenerationOptions())
    assert caught.value.code == "model_memory"
    assert "0.0 GB may be used" in caught.value.message


TWO = (Stage("first", 6 * GB, GB // 10, GB, GB // 2), Stage("second", 2 * GB, GB // 10, 4 * GB, GB))


@pytest.mark.parametrize(
    ("free", "offload", "frugal"),
    [(13, "none", False), (10, "none", True), (8, "by network", False), (7.3, "by network", True), (3, "by layer", True)],
)
def test_the_fastest_way_that_fits_is_taken(free: float, offload: str, frugal: bool) -> None:
    found = next(one for one in placements(TWO, on_cpu=False) if one.need <= free * GB)
    assert (found.offload, found.frugal) == (offload, frugal)


def test_a_card_says_the_least_and_the_most() -> None:
    need = needs(TWO, ReservedMemory(10 * GB, 2 * GB))
    assert need.device == 8 * GB + 11_500_000_000 + 700_000_000 and need.host == 8 * GB
    assert need.offloaded == 200_000_000 + GB + 700_000_000
    assert need.within(8 * GB) == 8 * GB and need.within(30 * GB) == need.within(0) == need.device


def test_what_is_taken_is_no_less_than_is_needed_and_no_more_than_is_free() -> None:
    for reserved in (None, ReservedMemory(GB, GB), ReservedMemory(50 * GB, 50 * GB)):
        for one in placements(TWO, on_cpu=False, reserved=reserved):
            assert one.taken(one.need) == one.need
            assert one.need <= one.taken(20 * GB) <= 20 * GB
            assert one.taken(1000 * GB) == max(one.need, one.room)


def test_a_budget_binds_torch_while_a_generator_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that is not here: what torch would be told."""
    told: list[float] = []
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=80 * GB))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda share, _: told.append(share))
    with pytest.raises(ZeroDivisionError), Place(torch.device("cuda"), 8 * GB).limited():
        raise ZeroDivisionError
    with Place(torch.device("cuda")).limited():
        pass
    with Place(torch.device("cpu"), 8 * GB).limited():
        pass
    assert told == pytest.approx([7.4 / 80, 1.0, 1.0, 1.0])


def test_nothing_fits() -> None:
    class Tiny(Place):
        def free(self) -> int:
            return GB

    with pytest.raises(EngineError) as caught:
        choose_placement("This model", TWO, Tiny(torch.device("cuda")))
    assert caught.value.code == "model_memory"
    assert "1.9 GB of GPU memory" in caught.value.message and "1.0 GB may be used" in caught.value.message


def test_eight_gigabytes_are_enough_for_the_papers_models() -> None:
    for kind in (SDXL, SVD, ShortSVD):
        assert kind.card.need.offloaded < 8 * GB, kind


def test_frames_come_in_groups() -> None:
    assert [whole_groups(frames, 4) for frames in (1, 5, 6, 49)] == [5, 5, 5, 49]


def test_sizes_are_multiples() -> None:
    assert [GenerationOptions(scale=scale).sized(1024, 64) for scale in (1, 0.5, 0.52, 0.001)] == [1024, 512, 512, 64]
