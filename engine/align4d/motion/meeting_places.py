"""Where parts of a surface meet."""

from __future__ import annotations

import numpy as np

from .parts import Parts
from .surface_graph import SurfaceGraph

CONTACT_SHARE = 0.5
"""Shells that merely touch are held together by this much less than slices of one shell by the same area."""

Places = dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]


def pair_of(part: int, other: int) -> tuple[int, int]:
    """Two parts as a pair, whichever comes first."""
    return (int(min(part, other)), int(max(part, other)))


def meeting_places(surface: SurfaceGraph, parts: Parts) -> Places:
    """For each pair of neighboring parts: points where they meet (P, 3) and the area that each stands for (P,)."""
    graph = surface.graph.tocoo()
    inner = parts.label[graph.row] < parts.label[graph.col]
    row, column = graph.row[inner], graph.col[inner]
    touching = np.concatenate([parts.contacts, parts.contacts[:, ::-1]])
    touching = touching[parts.label[touching[:, 0]] != parts.label[touching[:, 1]]]
    node, other = np.unique(np.stack([touching[:, 0], parts.label[touching[:, 1]]], axis=1), axis=0).T
    first = np.concatenate([parts.label[row], parts.label[node]])
    second = np.concatenate([parts.label[column], other])
    points = np.concatenate([(surface.nodes[row] + surface.nodes[column]) / 2, surface.nodes[node]])
    weight = np.concatenate([np.minimum(surface.area[row], surface.area[column]), CONTACT_SHARE * surface.area[node]]) + 1e-12
    pair = np.minimum(first, second) * parts.count + np.maximum(first, second)
    order = np.argsort(pair, kind="stable")
    unique, start = np.unique(pair[order], return_index=True)
    pieces = np.split(order, start)[1:]
    return {pair_of(int(one) // parts.count, int(one) % parts.count): (points[i], weight[i]) for one, i in zip(unique, pieces, strict=True)}
