"""Parts: what of a mesh moves as one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import trimesh
from puppets import TWO_PARTS, Mesh, block, joined, puppet
from scipy.sparse.csgraph import dijkstra

from align4d.motion.parts import Parts, PartSettings, find_parts, parts_for_posing
from align4d.motion.surface_graph import SurfaceGraph, build_surface_graph


def cut(mesh: Mesh, settings: PartSettings | None = None) -> tuple[SurfaceGraph, Parts]:
    surface = build_surface_graph(*mesh)
    return surface, find_parts(surface, settings or PartSettings())


def check_partition(surface: SurfaceGraph, parts: Parts) -> None:
    """Labels without gaps; weights that sum to 1 and never leak from one shell to another."""
    assert set(parts.label) == set(range(parts.count)) and parts.weights.shape == (len(surface.nodes), parts.count)
    np.testing.assert_allclose(parts.weights.sum(axis=1), 1, atol=1e-5)
    assert (parts.weights >= 0).all()
    for shell in np.unique(surface.shell):
        inside = surface.shell == shell
        own = np.unique(parts.label[inside])
        np.testing.assert_allclose(parts.weights[inside][:, own].sum(axis=1), 1, atol=1e-5)


def limb(length: float = 1.0) -> Mesh:
    cylinder = trimesh.creation.cylinder(radius=0.025, height=length, sections=12)
    return np.asarray(cylinder.vertices), np.asarray(cylinder.faces)


def test_the_graph_stands_for_the_whole_surface() -> None:
    surface = build_surface_graph(*block((1.0, 0.4, 0.6), (0, 0, 0), edge=10.0))
    assert surface.area.sum() == pytest.approx(2 * (0.4 + 0.6 + 0.24))
    assert np.linalg.norm(surface.nodes[surface.edges[:, 0]] - surface.nodes[surface.edges[:, 1]], axis=1).max() <= 0.035 + 1e-6
    deep = surface.thickness[(np.abs(surface.nodes - [0, 0.2, 0]) < [0.4, 0.01, 0.2]).all(axis=1)]
    assert len(deep) and np.median(deep) == pytest.approx(0.4, abs=0.01)
    assert np.array_equal(surface.nearest(surface.nodes), np.arange(len(surface.nodes)))


def test_paths_run_straight_through_the_body() -> None:
    """Two opposite faces of a slab are as near as the slab is thin."""
    surface = build_surface_graph(*block((1.0, 0.05, 1.0), (0, 0, 0)))
    front, back = surface.nearest(np.array([[0, -0.025, 0], [0, 0.025, 0]]))
    assert dijkstra(surface.graph, directed=False, indices=front)[back] < 0.15


def test_a_part_for_each_compact_shell() -> None:
    surface, parts = cut(puppet(), TWO_PARTS)
    assert parts.count == 2
    check_partition(surface, parts)
    assert len(np.unique(parts.label[surface.nodes[:, 0] < -0.01])) == 1
    assert len(parts.contacts) > 0
    assert (surface.shell[parts.contacts[:, 0]] != surface.shell[parts.contacts[:, 1]]).all()
    assert np.linalg.norm(surface.nodes[parts.contacts[:, 0]] - surface.nodes[parts.contacts[:, 1]], axis=1).max() <= 0.03


def test_a_long_limb_is_cut_into_slices_along_it() -> None:
    surface, parts = cut(limb())
    check_partition(surface, parts)
    assert 4 <= parts.count <= 10  # about 1 / 0.15
    extents = np.array([np.ptp(surface.nodes[parts.label == part], axis=0) for part in range(parts.count)])
    assert extents[:, 2].max() < 0.3  # a slice is short ...
    assert (extents[:, :2] > 0.04).all()  # ... and goes all the way around
    order = np.argsort([surface.nodes[parts.label == part, 2].mean() for part in range(parts.count)])
    heights = [surface.nodes[parts.label == part, 2] for part in order]
    assert all(np.quantile(low, 0.9) < np.quantile(high, 0.5) for low, high in itertools.pairwise(heights))


def test_larger_slices_are_fewer() -> None:
    assert cut(limb(), PartSettings(size=0.4))[1].count < cut(limb(), PartSettings(size=0.15))[1].count


def test_a_belt_belongs_to_what_it_is_around_and_a_button_too() -> None:
    body, ring = trimesh.creation.cylinder(0.17, 0.4), trimesh.creation.annulus(0.172, 0.185, 0.06)
    belt = np.asarray(ring.vertices), np.asarray(ring.faces)
    button = block((0.03, 0.03, 0.03), (0, -0.18, 0.15), edge=0.02)
    surface, parts = cut(joined((np.asarray(body.vertices), np.asarray(body.faces)), belt, button))
    assert surface.shell.max() == 2 and parts.count == 1


def test_touching_shells_that_are_not_attached_stay_apart() -> None:
    surface, parts = cut(joined(block((0.4, 0.4, 0.4), (0, 0, 0)), block((0.3, 0.3, 0.3), (0, 0, 0.36)), block((0.3, 0.3, 0.3), (0.36, 0, 0))))
    assert parts.count == 3
    check_partition(surface, parts)


def test_a_loose_crumb_joins_what_is_nearest() -> None:
    surface, parts = cut(joined(block((0.3, 0.3, 0.35), (-0.3, 0, 0)), block((0.3, 0.3, 0.35), (0.3, 0, 0)), block((0.03,) * 3, (0.6, 0, 0))))
    assert parts.count == 2
    crumb, right = surface.nodes[:, 0] > 0.55, (surface.nodes[:, 0] > 0) & (surface.nodes[:, 0] < 0.5)
    assert set(parts.label[crumb]) == set(parts.label[right])


def test_a_mesh_of_one_shell_and_one_part() -> None:
    _surface, parts = cut(block((0.4, 0.35, 0.3), (0, 0, 0)))
    assert parts.count == 1 and len(parts.contacts) == 0
    assert (parts.weights == 1).all()


def test_weights_are_smooth_over_a_cut_and_hard_between_shells() -> None:
    _surface, parts = cut(limb())
    mixed = parts.weights.max(axis=1) < 0.95
    assert mixed.any() and not mixed.all()
    hard = cut(limb(), PartSettings(blend=0))[1]
    assert set(np.unique(hard.weights)) == {0.0, 1.0}


def test_weights_reach_as_far_whatever_the_size_of_the_triangles() -> None:
    vertices, faces = limb()
    mixed = []
    for finer in (0.03, 0.012):
        surface, parts = cut(trimesh.remesh.subdivide_to_size(vertices, faces, finer, max_iter=12))
        mixed.append(surface.area[parts.weights.max(axis=1) < 0.9].sum() / parts.count)
    assert mixed[0] == pytest.approx(mixed[1], rel=0.3)


def test_weights_for_posing_reach_farther_where_the_body_is_thick() -> None:
    """A thin limb creases at its joint, a thick one bends over some length; both within limits. The parts stay."""

    def reach(radius: float, least: float, most: float) -> float:
        cylinder = trimesh.creation.cylinder(radius=radius, height=1.0, sections=24)
        settings = PartSettings(size=0.5, least_rig_blend=least, most_rig_blend=most)
        surface, parts = cut((np.asarray(cylinder.vertices), np.asarray(cylinder.faces)), settings)
        posed = parts_for_posing(surface, parts, settings)
        np.testing.assert_array_equal(posed.label, parts.label)
        np.testing.assert_allclose(posed.weights.sum(axis=1), 1, atol=1e-6)
        return float(surface.area[posed.weights.max(axis=1) < 0.9].sum() / surface.area.sum() / (parts.count - 1))

    thin = reach(0.02, 0.02, 0.08)
    assert reach(0.06, 0.02, 0.08) > 1.4 * thin
    assert reach(0.06, 0.02, 0.02) < 1.2 * thin


def test_a_dense_mesh_keeps_its_shape() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=6, radius=0.15)  # 82k triangles
    surface = build_surface_graph(np.asarray(sphere.vertices), np.asarray(sphere.faces))
    assert len(surface.nodes) < 3_000
    assert surface.area.sum() == pytest.approx(0.09 * np.pi, rel=0.02)
    assert np.abs(np.linalg.norm(surface.nodes, axis=1) - 0.15).max() < 0.005


def test_degenerate_triangles_are_harmless() -> None:
    vertices, triangles = block((0.4, 0.35, 0.3), (0, 0, 0))
    triangles = np.concatenate([triangles, [[0, 0, 1], [2, 2, 2]]])
    vertices = np.concatenate([vertices, [[5.0, 5.0, 5.0]]])  # used by no triangle
    surface, parts = cut((vertices, triangles))
    assert parts.count == 1 and np.abs(surface.nodes).max() < 1 and np.isfinite(surface.area).all()


def test_a_limb_of_a_figure_in_shells_is_cut_less_often() -> None:
    """Whoever modeled it in shells has made the joints already."""
    settings = PartSettings(size=0.15, shell_size=0.3)
    _, alone = cut(limb(), settings)
    beside, far = limb(), block((0.2, 0.2, 0.2), (0.5, 0, 0))
    surface, parts = cut(joined(beside, far), settings)
    on_limb = surface.nodes[:, 0] < 0.1
    assert alone.count > 1.5 * len(np.unique(parts.label[on_limb]))
