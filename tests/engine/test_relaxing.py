"""Relaxing before the bake: torn edges close, and what is not torn stays."""

from __future__ import annotations

import numpy as np
import pytest
from builders import Job
from puppets import asset_of, puppet

from align4d.bake.relaxing import Relaxation, RelaxingSettings
from align4d.inputs.asset import Asset, Weld, weld


@pytest.fixture(scope="module")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Asset:
    return asset_of(Job(tmp_path_factory.mktemp("relaxing")), puppet())


@pytest.fixture(scope="module")
def welded(asset: Asset) -> Weld:
    return weld(asset)


def stretch(asset: Asset, vertices: np.ndarray) -> float:
    """Mean relative change of the edges' lengths."""
    lengths = [np.linalg.norm(points[asset.triangles] - points[asset.triangles[:, [1, 2, 0]]], axis=-1) for points in (vertices, asset.vertices)]
    return float(np.abs(lengths[0] / lengths[1] - 1).mean())


def torn(asset: Asset) -> np.ndarray:
    """Everything right of the middle pulled away from the rest."""
    moved = asset.vertices.copy()
    moved[moved[:, 0] > np.median(moved[:, 0])] += np.array([0.03, 0.0, 0.02], np.float32)
    return moved


def test_a_tear_closes_and_little_else_moves(asset: Asset, welded: Weld) -> None:
    before = torn(asset)
    after = Relaxation(welded, RelaxingSettings()).relax(before)
    assert after.dtype == np.float32 and stretch(asset, after) < 0.75 * stretch(asset, before)
    assert np.linalg.norm(after - before, axis=1).max() < 0.036  # nobody moves farther than the pull itself


def test_what_is_whole_stays(asset: Asset, welded: Weld) -> None:
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]], np.float32)
    for whole in (asset.vertices, asset.vertices @ turn.T + np.float32(0.1)):
        np.testing.assert_allclose(Relaxation(welded, RelaxingSettings()).relax(whole), whole, atol=1e-6)


def test_a_pull_that_reaches_far_stays(asset: Asset, welded: Weld) -> None:
    long = asset.vertices * np.array([1.0, 1.0, 1.1], np.float32)
    after = Relaxation(welded, RelaxingSettings(reach=0.01)).relax(long)
    assert np.ptp(after[:, 2]) > 1.08 * np.ptp(asset.vertices[:, 2])


def test_seams_stay_closed(asset: Asset, welded: Weld) -> None:
    after = Relaxation(welded, RelaxingSettings()).relax(torn(asset))
    for corner in np.unique(welded.index):
        together = after[welded.index == corner] - torn(asset)[welded.index == corner]
        assert np.ptp(together, axis=0).max() < 1e-7
