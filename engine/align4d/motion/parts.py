"""Which pieces of a mesh move as one: rigid parts, found from its shells and its shape."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from .surface_graph import SurfaceGraph

SHORTEST = 1e-4
"""Edges count as this long at least, for the flow of heat."""
HEAT_STEPS = 3
"""Implicit steps in which heat flows."""
EVENED = 0.05
"""How far the thickness of the body is evened out along the surface [of the asset's longest side]."""


@dataclass(frozen=True)
class PartSettings:
    """How a mesh is cut into parts. Lengths are of the asset's longest side.

    Attributes:
        size: length of a part along a limb, where the mesh is one shell.
        shell_size: the same where it has several: whoever made them has cut at most of the joints already.
        contact: shells closer than this touch.
        small: a shell with less than this part of the whole area belongs to the shell that it touches most.
        attached: a shell of which this part of the area touches another shell belongs to it (a belt, a collar).
        compact_ratio, compact_size: a shell whose longest extent is less than `compact_ratio` times its second, and less
            than `compact_size`, is one part (a head, a helmet, a torso).
        blend: how far the skinning weights of parts of one shell reach into each other, for tracking.
        rig_blend: the same for an armature that is made of the parts, over the thickness of the body there: a bent knee creases, a bent
            trunk does not.
        least_rig_blend, most_rig_blend: limits of that length.
    """

    size: float = 0.15
    shell_size: float = 0.25
    contact: float = 0.03
    small: float = 0.02
    attached: float = 0.8
    compact_ratio: float = 1.5
    compact_size: float = 0.55
    blend: float = 0.05
    rig_blend: float = 0.6
    least_rig_blend: float = 0.03
    most_rig_blend: float = 0.1


@dataclass(frozen=True)
class Parts:
    """A partition of the surface graph.

    Attributes:
        label: (n,) part of each node, 0..K-1.
        weights: (n, K) float32 skinning weights, rows sum to 1.
        contacts: (M, 2) pairs of nodes of different shells that touch.
        bones: (K,) which of the asset's bones each part is; None where they are no bones.
    """

    label: np.ndarray
    weights: np.ndarray
    contacts: np.ndarray
    bones: np.ndarray | None = None

    @property
    def count(self) -> int:
        """Number of parts K."""
        return self.weights.shape[1]


def find_parts(surface: SurfaceGraph, settings: PartSettings) -> Parts:
    """Cuts the surface into parts: shells where the asset has them, slices of about `size` where a shell is long or branches."""
    contacts = find_contacts(surface, settings)
    group = _group_shells(surface, contacts, settings)
    label = np.full(len(surface.nodes), -1)
    numbers = np.unique(group)
    size = settings.size if len(numbers) == 1 else settings.shell_size
    for number in numbers:
        members = np.flatnonzero(group == number)
        label[members] = label.max() + 1 + _slice_group(surface, members, size, settings)
    return Parts(label, _blend(surface, label, np.full(len(label), settings.blend)), contacts)


def parts_for_posing(surface: SurfaceGraph, parts: Parts, settings: PartSettings) -> Parts:
    """Found parts with the weights of an armature that is made of them: one that an artist bends farther than any clip shows."""
    thickness = _spread(surface, surface.thickness[:, None], np.full(len(parts.label), EVENED))[:, 0]
    width = np.clip(settings.rig_blend * thickness, settings.least_rig_blend, settings.most_rig_blend)
    return dataclasses.replace(parts, weights=_blend(surface, parts.label, width))


def find_contacts(surface: SurfaceGraph, settings: PartSettings) -> np.ndarray:
    """(M, 2) pairs of nodes of different shells that touch."""
    pairs = cKDTree(surface.nodes).query_pairs(settings.contact, output_type="ndarray")
    return pairs[surface.shell[pairs[:, 0]] != surface.shell[pairs[:, 1]]]


def _group_shells(surface: SurfaceGraph, contacts: np.ndarray, settings: PartSettings) -> np.ndarray:
    """(n,) group of each node: its shell, or the shell that its own belongs to."""
    group = surface.shell.astype(np.int64).copy()
    area = np.bincount(surface.shell, surface.area)
    for shell in np.argsort(area):
        if area[shell] < settings.small * area.sum():
            _join(group, group[surface.shell == shell][0], _most_touched(surface, group, group[surface.shell == shell][0], contacts))
    joined = True
    while joined:
        joined = False
        numbers = np.unique(group)
        for number in sorted(numbers, key=lambda one: surface.area[group == one].sum()):
            inside = group == number
            if len(numbers) == 1:
                break
            distance, nearest = cKDTree(surface.nodes[~inside]).query(surface.nodes[inside])
            weight = surface.area[inside] * (distance < settings.contact)
            if weight.sum() > settings.attached * surface.area[inside].sum():
                _join(group, number, int(np.bincount(group[~inside][nearest], weight).argmax()))
                joined = True
                break
    return group


def _join(group: np.ndarray, number: int, into: int) -> None:
    group[group == number] = into


def _most_touched(surface: SurfaceGraph, group: np.ndarray, number: int, contacts: np.ndarray) -> int:
    """The other group with most contact to group `number`; where there is no contact, the nearest."""
    inside = group == number
    crossing = contacts[inside[contacts[:, 0]] != inside[contacts[:, 1]]]
    if len(crossing):
        other = np.where(inside[crossing[:, 0]], crossing[:, 1], crossing[:, 0])
        distance = np.linalg.norm(surface.nodes[crossing[:, 0]] - surface.nodes[crossing[:, 1]], axis=1)
        return int(np.bincount(group[other], 1 / (1e-3 + distance)).argmax())
    if inside.all():
        return number
    distance, nearest = cKDTree(surface.nodes[~inside]).query(surface.nodes[inside])
    return int(group[~inside][nearest[distance.argmin()]])


def _extents(points: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Side lengths, longest first, of the box with the same second moments."""
    if len(points) < 4:
        return np.sort(np.ptp(points, axis=0))[::-1]
    return np.sqrt(12 * np.maximum(np.linalg.eigvalsh(np.cov(points.T, aweights=weight + 1e-12))[::-1], 0))


def _slice_group(surface: SurfaceGraph, members: np.ndarray, size: float, settings: PartSettings) -> np.ndarray:
    """(m,) slice, about `size` long, of each member: farthest-point seeds, evened out, cells by shortest path.

    Lengths count less where the body is thick.
    """
    points, weight = surface.nodes[members], surface.area[members]
    extents = _extents(points, weight)
    if extents[0] < settings.compact_ratio * extents[1] and extents[0] < settings.compact_size:
        return np.zeros(len(members), np.int64)
    graph = _scaled(surface, members, size)
    reach = 0.8 * size
    middle = int(np.linalg.norm(points - np.average(points, axis=0, weights=weight + 1e-12), axis=1).argmin())
    distance = dijkstra(graph, directed=False, indices=middle)
    seeds = [int(distance.argmax()) if distance.max() > reach else middle]
    fields = [dijkstra(graph, directed=False, indices=seeds[0])]
    while (nearest := np.min(fields, axis=0)).max() > reach:
        seeds.append(int(nearest.argmax()))
        fields.append(dijkstra(graph, directed=False, indices=seeds[-1]))
    for _ in range(6):
        seeds = _centered(points, weight, np.argmin(fields, axis=0), seeds)
        fields = list(dijkstra(graph, directed=False, indices=seeds))
    return np.unique(np.argmin(fields, axis=0), return_inverse=True)[1].reshape(-1)


def _centered(points: np.ndarray, weight: np.ndarray, cell: np.ndarray, seeds: list[int]) -> list[int]:
    """Each seed moves to the member of its cell that is nearest to the cell's center of area (Lloyd)."""
    moved = []
    for number, seed in enumerate(seeds):
        inside = np.flatnonzero(cell == number)
        if len(inside) == 0:
            moved.append(seed)
            continue
        center = np.average(points[inside], axis=0, weights=weight[inside] + 1e-12)
        moved.append(int(inside[np.linalg.norm(points[inside] - center, axis=1).argmin()]))
    return moved


def _scaled(surface: SurfaceGraph, members: np.ndarray, size: float) -> csr_matrix:
    """The members' graph with lengths divided by how much thicker than `size` the body is there; loose shells are tied to the nearest other."""
    scale = np.maximum(1.0, surface.thickness[members] / size)
    graph = surface.graph[members][:, members].tocoo()
    rows, columns, length = [graph.row], [graph.col], [graph.data / np.maximum(scale[graph.row], scale[graph.col])]
    count, piece = connected_components(graph, directed=False)
    points, weight = surface.nodes[members], surface.area[members]
    main = np.bincount(piece, weight).argmax()
    for number in range(count):
        if number == main:
            continue
        inside, outside = np.flatnonzero(piece == number), np.flatnonzero(piece == main)
        distance, nearest = cKDTree(points[outside]).query(points[inside])
        best = np.argsort(distance)[:8]
        rows.append(inside[best])
        columns.append(outside[nearest[best]])
        length.append(np.maximum(distance[best], 1e-3))
    tied = coo_matrix((np.concatenate(length), (np.concatenate(rows), np.concatenate(columns))), shape=graph.shape).tocsr()
    return tied.maximum(tied.T).tocsr()


def _blend(surface: SurfaceGraph, label: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Skinning weights (n, K): the labels after heat has flowed along the surface for a while (so never from one shell to another)."""
    labels = np.zeros((len(label), int(label.max()) + 1))
    labels[np.arange(len(label)), label] = 1
    weights = _spread(surface, labels, width)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _spread(surface: SurfaceGraph, values: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Values (n, C), none negative, after heat has carried them `width` (n,) far along the surface, whatever the size of the triangles.

    Heat has spread by a width at the time width^2 / 2 (implicit steps, Desbrun et al. 1999).
    """
    count, (first, second) = len(values), surface.edges.T
    length = np.maximum(np.linalg.norm(surface.nodes[first] - surface.nodes[second], axis=1), SHORTEST)
    area = np.maximum(surface.area, SHORTEST**2)
    share = 4 * area / np.maximum(np.bincount(surface.edges.ravel(), minlength=count), 1)
    time = (width[first] ** 2 + width[second] ** 2) / 4
    flow = time / HEAT_STEPS * (share[first] + share[second]) / 2 / length**2
    links = coo_matrix((flow, (first, second)), shape=(count, count)).tocsr()
    links = links + links.T
    system = splu((diags(area + np.asarray(links.sum(axis=1)).ravel()) - links).tocsc())
    for _ in range(HEAT_STEPS):
        values = np.maximum(system.solve(area[:, None] * values), 0)
    return values
