"""The motion prior in the refinement: with a prior that knows, depth that the track got wrong is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from puppets import Studio
from test_tracking import CAMERA, POSE_MATRIX, REFINEMENT, SIZE, STILL, TRACKING, Show, seen
from test_tracking import show as show  # the fixture
from torch import Tensor

from align4d.alignment import refinement
from align4d.alignment.lifted_depth import LiftedDepth, LiftedDepthSettings
from align4d.alignment.lifted_start import fit_to_depth
from align4d.alignment.pose_cost import PoseCost
from align4d.alignment.refinement import Refined, refine
from align4d.alignment.track import Track
from align4d.job.reporting import RecordingReporter
from align4d.lifting.network import DepthModes
from align4d.lifting.tokens import Tracks

SWING = [0.0, 10.0, 20.0, 30.0]
"""Of the wing about the vertical [degrees]: away from the camera."""

SETTINGS = LiftedDepthSettings(points=128, weight=0.02)


class Knowing(torch.nn.Module):
    """A prior that has seen the very motion: at the points it is asked about, told by their place at rest, it says the true depth."""

    def __init__(self, rest: Tensor, depth: Tensor, spread: float) -> None:
        super().__init__()
        self.rest, self.depth, self.spread, self.asked = rest, depth, spread, 0

    def forward(self, tracks: Tracks) -> DepthModes:
        self.asked += 1
        index = torch.cdist(tracks.rest, self.rest[None]).argmin(-1)
        depth = self.depth[:, index].transpose(0, 1)
        wrong = -depth  # the mirror twin, less likely: where the start is near it, the cost lets it be
        share = torch.tensor([0.8, 0.2]).log().expand(*index.shape, 2)
        return DepthModes(torch.stack([depth, wrong], -1), torch.full((*depth.shape, 2), self.spread), share)


def swung(show: Show, degrees: list[float]) -> Track:
    """The wing turned about the vertical by so much in each frame."""
    poses = show.bent([0.0] * len(degrees))
    poses.turn[:, show.wing, 2] = torch.deg2rad(torch.tensor(degrees))
    return poses


def prior(show: Show, spread: float = 0.01) -> LiftedDepth:
    """One that knows `SWING`."""
    made = LiftedDepth(Knowing(torch.zeros(1, 3), torch.zeros(1, 1), spread), show.animated, POSE_MATRIX, 24.0, SETTINGS, 0)  # type: ignore[arg-type]
    truth = swung(show, SWING)
    with torch.no_grad():
        motion = show.skeleton.pose(truth.turn, truth.shift)
        places = made.surface.perform(motion).means
    made.network = Knowing(made.camera.see(made.surface.bound.means), made.camera.see(places)[..., 2] - made.rest_depth, spread)  # type: ignore[assignment]
    return made


def depth_error(show: Show, track: Track) -> float:
    """Mean error along the line of sight over that of the puppet at rest."""
    found, true = show.vertices(track)[..., 1], show.vertices(swung(show, SWING))[..., 1]
    return float(np.abs(found - true).mean() / np.abs(show.asset.vertices[:, 1] - true).mean())


def refined(show: Show, start: Track, lifted: LiftedDepth | None) -> Refined:
    truth = show.vertices(swung(show, SWING))
    reference = Studio(CAMERA).reference(show.asset, truth, SIZE)
    settings = replace(REFINEMENT, lifted=SETTINGS, iterations=8, trial=2)
    return refine(show.animated, show.skeleton, seen(reference), start, 0, STILL, TRACKING, settings, 0, RecordingReporter(), lifted)


@pytest.fixture(scope="module")
def cost(show: Show) -> PoseCost:
    return PoseCost(show.animated, show.skeleton, seen(show.video([0.0])), STILL, TRACKING)


def test_depth_as_the_prior_says_is_cheap_and_so_is_its_twin(show: Show) -> None:
    lifted = prior(show)
    truth, frames = swung(show, SWING), torch.arange(4)

    def price(track: Track) -> float:
        motion = show.skeleton.pose(track.turn, track.shift)
        with torch.no_grad():
            return float(lifted.price(lifted.surface.perform(motion).means, frames))

    lifted.ask(show.skeleton.pose(truth.turn, truth.shift))
    right, twin, between, off = (price(swung(show, [share * one for one in SWING])) for share in (1.0, -1.0, 0.0, 2.0))
    assert right < 0.4 * twin and twin < 0.8 * min(between, off)


def test_depth_is_told_by_as_much_as_it_is_more_than_its_doubt(show: Show) -> None:
    truth = swung(show, SWING)
    motion = show.skeleton.pose(truth.turn, truth.shift)
    told = []
    for spread in (0.005, 0.5):
        lifted = prior(show, spread)
        lifted.ask(motion)
        told.append(float((lifted.modes.depth * lifted.modes.log_share.exp()).sum(-1).abs().mean()))
    moved = float(prior(show).depth(motion).abs().mean())
    assert 0.5 * moved < told[0] < 0.65 * moved, "its twin has two of ten"
    assert told[1] < 0.05 * told[0]


def test_a_prior_that_tells_next_to_nothing_is_sure_of_that_unless_it_knows_nothing(show: Show) -> None:
    """A body that runs across the picture stays in its plane; of one whose spread is large anything may be true."""
    kept = []
    for spread in (0.01, 0.5):
        lifted = prior(show, spread)
        network = lifted.network
        assert isinstance(network, Knowing)
        network.depth = 0.02 * network.depth
        truth = swung(show, SWING)
        lifted.ask(show.skeleton.pose(truth.turn, truth.shift))
        kept.append(float(lifted.modes.spread.mean()) / spread)
    assert kept[0] < 0.5
    assert kept[1] > 0.9


def test_it_is_not_asked_twice_about_what_looks_the_same(show: Show) -> None:
    lifted, still = prior(show), show.bent([0.0] * 4)
    network = lifted.network
    assert isinstance(network, Knowing)
    for poses, asks in ((still, 1), (show.bent([0.1] * 4), 1), (show.bent([20.0] * 4), 2), (show.bent([20.0] * 4), 2)):
        lifted.answer(show.skeleton.pose(poses.turn, poses.shift))
        assert network.asked == asks


def test_the_price_of_moving_in_depth_counts_where_the_prior_is_unsure(show: Show) -> None:
    truth, frames = swung(show, SWING), torch.arange(4)
    doubts = []
    for spread in (0.005, 0.5):
        lifted = prior(show, spread)
        lifted.ask(show.skeleton.pose(truth.turn, truth.shift))
        doubts.append(float(lifted.doubt(frames, 0.05).mean()))
    assert doubts[0] < 0.1 and doubts[1] > 0.9


@pytest.mark.parametrize(("share", "goes_on"), [(0.8, True), (-0.4, False)])
def test_where_track_and_prior_agree_the_track_goes_on(
    show: Show, cost: PoseCost, monkeypatch: pytest.MonkeyPatch, share: float, goes_on: bool
) -> None:
    """Where they do not, what the prior makes of it does, though both cost the same."""
    monkeypatch.setattr(refinement._Refinement, "_tried", lambda self, round_, start: round_.begin(start) or 1.0)
    start, video = swung(show, [share * one for one in SWING]), seen(show.video(SWING))
    settings = replace(REFINEMENT, lifted=SETTINGS)
    chosen = refinement._Refinement(show.animated, show.skeleton, video, 0, cost, settings, 0, RecordingReporter(), prior(show))._poses(start)
    assert torch.allclose(chosen.turns * chosen.turn_lever, start.turn[1:], atol=1e-6) == goes_on


def test_a_limb_bent_the_wrong_way_is_fitted_to_the_prior(show: Show, cost: PoseCost) -> None:
    """In the picture the mirror twin is nearly the same; the fit keeps it there."""
    lifted, start = prior(show), swung(show, [-0.4 * one for one in SWING])
    lifted.ask(show.skeleton.pose(start.turn, start.shift))
    fitted = fit_to_depth(lifted, show.skeleton, cost, start, 0, REFINEMENT.smooth)
    assert depth_error(show, start) > 1.2
    # the modes have 0.6 of the true depth in the mean, so that no fit to them comes below 0.4
    assert depth_error(show, fitted) < 0.6 * depth_error(show, start)
    # the prior is asked about points, which the whole body may bring nearer as well: of the wrong bend hardly anything is left
    assert (start.turn[1:, show.wing, 2] < 0).all() and fitted.turn[-1, show.wing, 2] > 0.25 * start.turn[-1, show.wing, 2]
    assert show.in_view(show.vertices(fitted), show.vertices(start)).mean() < 0.02
    assert (fitted.turn[0] == 0).all() and (fitted.shift[0] == 0).all()


def test_refinement_with_the_prior_finds_depth_that_the_track_has_wrong(show: Show) -> None:
    start, lifted = swung(show, [-0.4 * one for one in SWING]), prior(show)
    errors = []
    for known in (None, lifted):
        poses = refined(show, start, known).motion
        found = show.vertex_skin.move(poses, show.rest).detach().numpy()[..., 1]
        true = show.vertices(swung(show, SWING))[..., 1]
        errors.append(float(np.abs(found - true).mean() / np.abs(show.asset.vertices[:, 1] - true).mean()))
    assert errors[1] < 0.6 * errors[0]
    assert lifted.network.asked == SETTINGS.rounds  # type: ignore[comparison-overlap]
