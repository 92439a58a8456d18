"""Surfaces are cut into small triangles that still fit together."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from trimesh.remesh import subdivide_to_size

from align4d.motion import subdivision
from align4d.motion.subdivision import subdivided


def lying(nodes: np.ndarray, triangles: np.ndarray) -> set[tuple[tuple[float, ...], ...]]:
    """Triangles as their corners, from the least of these on."""
    corners = np.round(nodes[triangles], 9) + 0.0
    turned = ([tuple(one) for one in each] for each in corners.tolist())
    return {tuple(each[(i + each.index(min(each))) % 3] for i in range(3)) for each in turned}


@pytest.mark.parametrize("longest", [0.2, 0.6, 5.0])
def test_every_edge_is_halved_as_in_another_program(longest: float) -> None:
    mesh = trimesh.creation.cone(radius=0.4, height=2.0, sections=7)
    generator = np.random.default_rng(0)
    nodes = np.asarray(mesh.vertices) + generator.normal(0, 0.05, mesh.vertices.shape)
    found, there = subdivided(nodes, np.asarray(mesh.faces), longest), subdivide_to_size(nodes, mesh.faces, longest, max_iter=16)
    assert lying(*found) == lying(*there)
    assert trimesh.Trimesh(*found, process=False).is_watertight


def test_an_edge_that_stays_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subdivision, "ROUNDS", 2)
    with pytest.raises(ValueError, match="long"):
        subdivided(np.eye(3), np.array([[0, 1, 2]]), 0.1)
