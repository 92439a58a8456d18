"""The nodes of a glTF file: where they stand, and what hangs on what."""

from __future__ import annotations

from typing import Any

import numpy as np

from .gltf_file import GltfFile


class Nodes:
    """The nodes of a file that its scene shows.

    Attributes:
        world: (4, 4) of each, where it stands, in the order of a walk down from the roots.
        above: the node that each hangs on; -1 for none.
    """

    def __init__(self, file: GltfFile) -> None:
        nodes = file.items("nodes")
        scenes = file.items("scenes")
        children = {int(child) for node in nodes for child in node.get("children", [])}
        roots = [index for index in range(len(nodes)) if index not in children]
        if scenes:
            roots = [int(index) for index in file.item("scenes", file.json.get("scene", 0)).get("nodes", [])]
        self.world: dict[int, np.ndarray] = {}
        self.above: dict[int, int] = {}
        waiting = [(index, -1) for index in reversed(roots)]
        while waiting:
            index, above = waiting.pop()
            node = file.item("nodes", index)
            if index in self.world:
                raise file.unreadable(f"nodes[{index}] has two parents")
            local = local_matrix(node)
            self.world[index] = self.world[above] @ local if above >= 0 else local
            self.above[index] = above
            waiting += [(int(child), index) for child in reversed(node.get("children", []))]


def local_matrix(node: dict[str, Any]) -> np.ndarray:
    """(4, 4) of a node, from its parent's space."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = np.array(node.get("rotation", [0, 0, 0, 1]), np.float64)
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * np.array(node.get("scale", [1, 1, 1]), np.float64)
    matrix[:3, 3] = node.get("translation", [0, 0, 0])
    return matrix
