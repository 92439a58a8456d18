"""The embedded prior, replayed on a GPU."""

from __future__ import annotations

import pytest
import torch

from align4d.priors.embedded import EmbeddedPrior, load_embedded_prior
from align4d.priors.prior import Condition, MultiviewPrior, RelativeCamera, guided_noise
from align4d.priors.recorded import MOST_RECORDINGS, RecordedPrior

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.fixture(scope="module", params=[False, True], ids=["fp32", "bf16"])
def prior(request: pytest.FixtureRequest) -> EmbeddedPrior:
    return load_embedded_prior("cuda", half=request.param)


def ask(prior: MultiviewPrior, views: int, seed: int) -> tuple[Condition, torch.Tensor]:
    random = torch.Generator("cuda").manual_seed(seed)
    pictures, noise = (torch.rand(views, 3, 64, 64, generator=random, device="cuda") for _ in range(2))
    told, timestep = torch.ones(views, device="cuda"), torch.full((views,), 100 + 200 * seed, device="cuda")
    condition = prior.condition(pictures, 5 * told, 1.8 * told)
    camera = RelativeCamera(10 * told, 40 * told * seed, 0 * told)
    return condition, guided_noise(prior, prior.encode(noise), timestep, condition, camera, 5.0)


def test_it_answers_as_the_prior_does(prior: EmbeddedPrior) -> None:
    recorded = RecordedPrior(prior)
    for views, seed in ((3, 0), (3, 1), (5, 2), (3, 3)):
        one, other = ask(prior, views, seed), ask(recorded, views, seed)
        torch.testing.assert_close(one[1], other[1], rtol=1e-3, atol=1e-3)
        for a, b in zip(one[0].features, other[0].features, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_answers_stay_when_it_is_asked_again(prior: EmbeddedPrior) -> None:
    recorded = RecordedPrior(prior)
    _, first = ask(recorded, 2, 0)
    kept = first.clone()
    ask(recorded, 2, 3)
    assert torch.equal(first, kept)


def test_it_keeps_so_many_shapes_and_no_more(prior: EmbeddedPrior) -> None:
    recorded = RecordedPrior(prior)
    for views in range(1, MOST_RECORDINGS + 3):
        ask(recorded, views, 1)
    assert len(recorded._predict._recordings) == MOST_RECORDINGS
