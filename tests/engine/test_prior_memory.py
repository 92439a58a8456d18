"""The memory of priors: estimated before anything is loaded, run out of with a sentence, spared by offloading."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
import torch

from align4d.errors import EngineError
from align4d.models import memory_estimate
from align4d.models.memory_estimate import MemoryNeed, Part, estimate
from align4d.models.placement import Placed
from align4d.priors import diffusion_components
from align4d.priors.imagedream import ImageDreamPrior
from align4d.priors.loading import PriorSpec, load_prior
from align4d.priors.zero123 import Zero123Prior

CPU = torch.device("cpu")


def test_too_little_memory_is_a_sentence_before_anything_is_loaded(published: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_estimate, "free_host_bytes", lambda: 1_000_000_000)
    monkeypatch.setattr(diffusion_components, "load_network", lambda *_: pytest.fail("loaded although the memory does not suffice"))
    with pytest.raises(EngineError, match="1.0 GB are free") as caught:
        load_prior(PriorSpec(str(published["xl"])), CPU)
    assert caught.value.code == "model_memory"


def test_memory_of_the_published_zero123() -> None:
    parts = [Part(1_719_000_000), Part(608_000_000), Part(335_000_000, stays=True)]
    whole, offloaded = (estimate(parts, 4, 4, offload, on_cpu=False) for offload in (False, True))
    assert whole == MemoryNeed(2_662_000_000 + 4 * 900_000_000 + 700_000_000, 1_719_000_000)
    assert offloaded == MemoryNeed(whole.device - 608_000_000, 2_327_000_000)
    on_cpu = estimate(parts, 4, 4, False, on_cpu=True)
    assert on_cpu.host == on_cpu.device == 2_662_000_000 + 4 * 900_000_000


def test_free_memory_is_what_the_machine_has_free() -> None:
    assert 0 < memory_estimate.free_host_bytes() <= psutil.virtual_memory().total


def test_running_out_of_memory_is_a_sentence(published: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    prior = load_prior(PriorSpec(str(published["xl"])), CPU)
    assert isinstance(prior, Zero123Prior)

    def exhausted(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    monkeypatch.setattr(prior.vae, "encode", exhausted)
    with pytest.raises(EngineError) as caught:
        prior.encode(torch.rand(1, 3, 256, 256))
    assert caught.value.code == "out_of_memory"


def test_an_offloaded_module_visits_the_device_and_comes_back() -> None:
    layer = torch.nn.BatchNorm1d(3).requires_grad_(False).eval()
    before = {name: one.clone() for name, one in layer.state_dict().items()}
    placed = Placed(layer, torch.device("meta"), offload=True)
    assert layer.weight.device == CPU
    with placed.ready() as module:
        assert {one.device.type for one in module.state_dict().values()} == {"meta"}
        assert module(torch.ones(1, 3, device="meta")).device.type == "meta"
    torch.testing.assert_close(dict(layer.state_dict()), before)
    with pytest.raises(KeyError), placed.ready():
        raise KeyError
    assert layer.weight.device == CPU
    with placed.ready(), placed.ready() as module:
        assert module.weight.device.type == "meta"
    assert layer.weight.device == CPU


@torch.no_grad()
def test_whole_networks_can_be_offloaded(published: dict[str, Path]) -> None:
    there = torch.device("meta")
    zero123, imagedream = (load_prior(PriorSpec(str(published[name])), CPU) for name in ("xl", "imagedream"))
    assert isinstance(zero123, Zero123Prior)
    assert isinstance(imagedream, ImageDreamPrior)
    for encoder in (zero123.image_encoder, imagedream.image_encoder):
        with Placed(encoder.module, there, offload=True).ready() as module:
            assert module(torch.zeros(1, 3, 224, 224, device=there))[0].device == there
    latent, when, text, image = (torch.zeros(shape, device=there) for shape in ((2, 4, 32, 32), (2,), (2, 77, 16), (2, 3, 16)))
    with Placed(zero123.unet.module, there, offload=True).ready() as unet:
        assert unet(torch.cat([latent, latent], 1), when, encoder_hidden_states=text).sample.device == there
    with Placed(imagedream.unet.module, there, offload=True).ready() as unet:
        assert unet(latent, when, torch.zeros(2, 16, device=there), text, image, 2).device == there
