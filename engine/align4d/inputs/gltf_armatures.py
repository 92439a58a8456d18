"""The armatures that Blender's import makes of a glTF file's skins.

An armature is the node on which all joints of a skin hang, and every node between it and a joint is a bone. Skins whose joints hang
together share one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from .gltf_file import GltfFile
from .gltf_nodes import Nodes


@dataclasses.dataclass(frozen=True)
class Armature:
    """Attributes:
    names: of the K bones, with the armature's; those above others first.
    parent: (K,) the bone that each hangs on, -1 for none.
    head: (K, 3) where each begins, in the file's world.
    place: of a node among the bones.
    """

    names: tuple[str, ...]
    parent: np.ndarray
    head: np.ndarray
    place: dict[int, int]


def find_armatures(file: GltfFile, nodes: Nodes) -> dict[int, Armature]:
    """The armature of each node that is a bone; joints that the scene does not show are none."""
    skins = [(skin, joints) for skin in file.items("skins") if (joints := [one for one in skin.get("joints", []) if one in nodes.world])]
    order = {node: number for number, node in enumerate(nodes.world)}
    bones = {bone for skin, joints in skins for bone in _bones(nodes, order, skin, joints)}
    owner: dict[int, int] = {}  # the node that is a bone's armature; -1 where it hangs on nothing
    for node in nodes.world:
        if node in bones:
            owner[node] = owner.get(nodes.above[node], nodes.above[node])
    titles: dict[int, str] = {}
    taken: set[str] = set()
    for skin, joints in skins:
        if (above := owner[joints[0]]) not in titles:
            own = file.item("nodes", above).get("name") if above >= 0 else ""
            titles[above] = _unlike(str(own or skin.get("name") or "Armature"), above, taken)
    members: dict[int, list[int]] = {above: [] for above in titles}
    for node, above in owner.items():
        members[above].append(node)
    found = {above: _armature(file, nodes, titles[above], own) for above, own in members.items()}
    return {node: found[above] for node, above in owner.items()}


def _bones(nodes: Nodes, order: dict[int, int], skin: dict[str, Any], joints: list[int]) -> set[int]:
    """A skin's joints, and the nodes between them and what all of them hang on.

    Args:
        order: of the nodes in a walk down from the roots: what the first and the last of some hang on, all of these do.
    """
    below = [*joints, *(one for one in [skin.get("skeleton")] if one in order)]
    first, last = (set(_upwards(nodes, one(below, key=order.__getitem__))) for one in (min, max))
    outer, bones = (first & last) - set(joints), set[int]()
    for joint in joints:
        for node in _upwards(nodes, joint):
            if node in outer or node in bones:
                break
            bones.add(node)
    return bones


def _upwards(nodes: Nodes, node: int) -> Iterator[int]:
    """A node, what it hangs on, and so on up to a root."""
    while node >= 0:
        yield node
        node = nodes.above[node]


def _armature(file: GltfFile, nodes: Nodes, title: str, bones: list[int]) -> Armature:
    place = {bone: number for number, bone in enumerate(bones)}
    taken: set[str] = set()
    names = [_unlike(str(file.item("nodes", bone).get("name") or f"Node_{bone}"), bone, taken) for bone in bones]
    parent = np.array([place.get(nodes.above[bone], -1) for bone in bones])
    head = np.stack([nodes.world[bone][:3, 3] for bone in bones])
    return Armature(tuple(f"{title}/{name}" for name in names), parent, head, place)


def _unlike(name: str, number: int, taken: set[str]) -> str:
    """The name, told from all that are taken by a number; it is taken from now on."""
    while name in taken:
        name = f"{name}.{number:03}"
    taken.add(name)
    return name
