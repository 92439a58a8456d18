"""Multiview-aligned distance, eqs. 5 and 11, against priors whose curve is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from analytic_priors import MixturePrior
from torch import Tensor

from align4d.alignment.distance import sweep_around
from align4d.alignment.multiview_distance import MultiviewDistanceSettings, choose_minimum, multiview_aligned_distance
from align4d.alignment.novel_views import NovelViews, novel_distances
from align4d.alignment.video_conditions import FramedVideo
from align4d.errors import EngineError
from align4d.priors.prior import Condition, RelativeCamera

SIZE = 16
FAST = MultiviewDistanceSettings(timesteps=(600, 900), batch=32)


def disc(distance: Tensor, azimuth: Tensor) -> Tensor:
    """(B, 3, S, S) a soft disc on white whose radius falls with the distance and whose color turns with the azimuth."""
    steps = (torch.arange(SIZE) + 0.5) / SIZE * 2 - 1
    radius = (steps[:, None] ** 2 + steps[None] ** 2).sqrt()
    cover = torch.sigmoid((1.2 / distance[:, None, None] - radius) * 12)
    angle = torch.deg2rad(azimuth)
    color = torch.stack([0.5 + 0.4 * angle.cos(), 0.5 + 0.4 * angle.sin(), torch.full_like(angle, 0.2)], 1)
    return cover[:, None] * color[..., None, None] + 1 - cover[:, None]


def around(distance: float) -> np.ndarray:
    """The candidates of a sweep around d_V."""
    return sweep_around(distance, FAST.nearest, FAST.farthest, FAST.step)


def seen(views: NovelViews) -> Tensor:
    return disc(views.distance, views.azimuth - 20)


def wants(distance: float) -> MixturePrior:
    """A prior that believes in the asset as it looks from `distance`, in every direction, whatever it is told."""

    def belief(condition: Condition, camera: RelativeCamera) -> Tensor:
        return disc(torch.full((camera.count,), distance), camera.azimuth)[None]

    return MixturePrior(belief, SIZE)


def condition(prior: MixturePrior, distance: float) -> FramedVideo:
    digested = prior.condition(disc(torch.tensor([distance]), torch.zeros(1)), torch.tensor([5.0]), torch.tensor([distance]))
    return FramedVideo(digested, torch.tensor([20.0]), torch.zeros(1, 3))


def test_the_curve_is_the_closed_form_and_its_minimum_is_what_the_prior_wants() -> None:
    """A prior that is sure of one picture predicts (z_t - sqrt(abar) mean) / sqrt(1 - abar): L is abar / (1 - abar) times the squared distance."""
    prior = wants(1.837)
    curve = multiview_aligned_distance(seen, prior, condition(prior, 2.1), FAST)
    assert curve.found and curve.best == pytest.approx(1.837, abs=0.01)  # the step is 2.5 %
    np.testing.assert_allclose(curve.distance, around(2.1))
    azimuths = torch.tensor([0.0, 90.0, 180.0, 270.0])
    for row, t in enumerate(FAST.timesteps):
        abar = float(prior.schedule.abar[t])
        for column in (0, 20, 55):
            there = disc(torch.full((4,), float(curve.distance[column])), azimuths)
            wanted = ((there - disc(torch.full((4,), 1.837), azimuths)) ** 2).mean()
            assert curve.per_timestep[row, column] == pytest.approx(abar / (1 - abar) * float(wanted), rel=2e-3, abs=1e-6)
    np.testing.assert_allclose(curve.error, curve.per_timestep.mean(0))
    shown = curve.lists()
    assert set(shown) == {"distance", "error", "error_at_600", "error_at_900"} and shown["error_at_900"] == curve.per_timestep[1].tolist()


def test_one_noise_for_all_distances_views_and_timesteps() -> None:
    prior = wants(1.8)
    multiview_aligned_distance(seen, prior, condition(prior, 2.0), FAST, seed=3)
    far, start, noises = torch.from_numpy(around(2.0)).float(), 0, []
    for number, (noisy, timestep, _, camera) in enumerate(prior.asked):
        count = len(noisy) // 4
        clean = disc(far[start : start + count].repeat_interleave(4), camera.azimuth)
        abar = prior.schedule.at(timestep, noisy)
        noises.append((noisy - abar.sqrt() * clean) / (1 - abar).sqrt())  # what is left of z_t without the picture
        start += count * (number % len(FAST.timesteps))  # both timesteps, then the next distances
    assert start == len(far)
    noise = torch.cat(noises)
    torch.testing.assert_close(noise, noise[:1].expand_as(noise), rtol=0, atol=1e-4)
    assert 0.8 < float(noise[0].std()) < 1.2


def test_what_the_prior_is_told() -> None:
    prior = wants(1.8)
    given = condition(prior, 2.0)
    multiview_aligned_distance(seen, prior, given, FAST)
    assert all((camera.distance == 0).all() and (camera.elevation == 0).all() for *_, camera in prior.asked)
    assert all((told.elevation == 5).all() and (told.distance == 2).all() for _, _, told, _ in prior.asked)
    own = wants(1.8)
    multiview_aligned_distance(seen, own, given, MultiviewDistanceSettings(timesteps=(700,), told="own"))
    told = torch.cat([camera.distance for *_, camera in own.asked])
    torch.testing.assert_close(told, torch.from_numpy(around(2.0) - 2.0).float().repeat_interleave(4))
    blind = MixturePrior(own.belief, SIZE, takes_distance=False)
    multiview_aligned_distance(seen, blind, given, MultiviewDistanceSettings(timesteps=(700,), told="own"))
    assert all((camera.distance == 0).all() for *_, camera in blind.asked)
    raw = wants(1.8)
    multiview_aligned_distance(seen, raw, given, MultiviewDistanceSettings(timesteps=(700,), told="raw"))
    told = torch.cat([camera.distance for *_, camera in raw.asked])
    torch.testing.assert_close(told, torch.from_numpy(around(2.0)).float().repeat_interleave(4))
    with pytest.raises(ValueError, match="none of"):
        MultiviewDistanceSettings(told="nothing")  # type: ignore[arg-type]


def test_a_prior_without_distances_is_asked_for_three_azimuths() -> None:
    """Eq. 11."""
    alone = MixturePrior(wants(1.8).belief, SIZE, takes_distance=False)
    curve = multiview_aligned_distance(seen, alone, condition(alone, 2.0), FAST)
    assert {float(one) for *_, camera in alone.asked for one in camera.azimuth} == {90.0, 180.0, 270.0}
    assert curve.best == pytest.approx(1.8, abs=0.01)


def test_a_prior_of_four_views_sees_all_four_and_is_judged_by_three() -> None:
    def belief(given: Condition, camera: RelativeCamera) -> Tensor:
        wanted = torch.where(camera.azimuth == 0, 1.3, 1.8)  # wrong in the front view, which does not count
        return disc(wanted, camera.azimuth)[None]

    joint = MixturePrior(belief, SIZE, takes_distance=False, views=4)
    curve = multiview_aligned_distance(seen, joint, condition(joint, 2.0), FAST)
    assert all(camera.azimuth.tolist() == [0.0, 90.0, 180.0, 270.0] * (camera.count // 4) for *_, camera in joint.asked)
    assert curve.best == pytest.approx(1.8, abs=0.01)


def test_another_seed_is_another_noise_and_the_same_seed_the_same_curve() -> None:
    curves = []
    for seed in (1, 1, 2):
        prior = wants(1.8)
        prior.sigma = 0.3  # one that is sure does not depend on the noise
        curves.append(multiview_aligned_distance(seen, prior, condition(prior, 2.0), FAST, seed).per_timestep)
    assert np.array_equal(curves[0], curves[1]) and not np.allclose(curves[0], curves[2], rtol=1e-4)


DISTANCE = np.geomspace(1.0, 4.0, 57)


def valleys(*places: tuple[float, float, float]) -> np.ndarray:
    """(1, M) a flat curve with valleys: (place, depth, width)."""
    return 1 - sum(depth * np.exp(-(((DISTANCE - place) / width) ** 2)) for place, depth, width in places)[None]


@pytest.mark.parametrize(
    ("curve", "best"),
    [
        (valleys((1.62, 0.3, 0.1), (3.8, 0.9, 0.4)), 1.62),  # the global minimum, far away, is never taken
        (valleys((1.3, 0.5, 0.1), (1.71, 0.2, 0.1)), 1.71),  # the nearest, not the deepest
        (valleys((1.71, 0.2, 0.1), (2.3, 0.6, 0.1)), 1.71),  # left of d_V, even if one to the right is nearer
        (valleys((1.5, 0.5, 0.1), (1.9, 0.005, 0.05)), 1.5),  # a ripple is no minimum
        (valleys((2.06, 0.5, 0.1)), 2.06),  # at d_V itself, give or take
    ],
)
def test_the_local_minimum_left_of_the_video_s_distance(curve: np.ndarray, best: float) -> None:
    found = choose_minimum(DISTANCE, curve, 2.0, MultiviewDistanceSettings(timesteps=(700,)))
    assert found.found and found.best == pytest.approx(best, abs=0.01)


@pytest.mark.parametrize("curve", [valleys((3.5, 0.9, 2.0)), valleys((2.5, 0.5, 0.1)), np.ones((1, len(DISTANCE)))], ids=["falling", "right", "flat"])
def test_without_a_local_minimum_it_says_so_and_takes_the_video_s_distance(curve: np.ndarray) -> None:
    found = choose_minimum(DISTANCE, curve, 2.0, MultiviewDistanceSettings(timesteps=(700,)))
    assert not found.found and found.best == 2.0


def test_the_prominence_is_a_setting() -> None:
    curve = valleys((1.5, 0.5, 0.1), (1.9, 0.02, 0.04))
    assert choose_minimum(DISTANCE, curve, 2.0, MultiviewDistanceSettings(prominence=0.001)).best == pytest.approx(1.9, abs=0.02)
    assert choose_minimum(DISTANCE, curve, 2.0, MultiviewDistanceSettings(prominence=0.1)).best == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize(("changes", "best"), [({"choice": "global"}, 3.8), ({"choice": "fixed"}, 2.0), ({"choice": "fixed", "fixed": 1.25}, 2.5)])
def test_other_choices_of_the_distance_for_comparison(changes: dict[str, object], best: float) -> None:
    """Figs. 11 and 12 of the paper: the global minimum, d_V itself, and beyond it."""
    curve = valleys((1.62, 0.3, 0.1), (3.8, 0.9, 0.4))
    found = choose_minimum(DISTANCE, curve, 2.0, MultiviewDistanceSettings(timesteps=(700,), **changes))  # type: ignore[arg-type]
    assert found.best == pytest.approx(best, abs=0.03) and found.found
    with pytest.raises(EngineError, match="distance of 0"):
        novel_distances("render", 2.0, 0.0, wants(1.8).facts)
    assert novel_distances("radius", 2.0, 0.0, wants(1.8).facts).raw == 0


def test_three_uses_of_the_distance() -> None:
    told, blind = wants(1.8).facts, MixturePrior(wants(1.8).belief, takes_distance=False).facts
    for mode, expected in (("render", (1.7, 0.0)), ("delta", (2.0, 0.3)), ("radius", (2.0, 1.7))):
        plan = novel_distances(mode, 2.0, 1.7, told)  # type: ignore[arg-type]
        found = 2.0 * plan.rendered, float(plan.told(torch.tensor(2.0)))
        assert found == pytest.approx(expected, abs=1e-6)
    assert 2 * novel_distances("render", 2.0, 1.7, blind).rendered == pytest.approx(1.7)
    for mode, facts in (("delta", blind), ("radius", blind), ("both", told)):
        with pytest.raises(EngineError) as caught:
            novel_distances(mode, 2.0, 1.7, facts)  # type: ignore[arg-type]
        assert caught.value.code == "prior_distance"
