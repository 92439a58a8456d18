"""Skins of a glTF file: where their joints put a mesh, and these as its bones."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from .gltf_armatures import find_armatures
from .gltf_file import GltfFile
from .gltf_nodes import Nodes
from .gltf_primitive import Primitive
from .imported import ImportedBones, ImportedMesh


class Skins:
    """The skins of a file."""

    def __init__(self, file: GltfFile, nodes: Nodes) -> None:
        self.file, self.nodes, self._armatures = file, nodes, find_armatures(file, nodes)

    def posed(self, index: Any, part: Primitive, piece: ImportedMesh) -> ImportedMesh:
        """A primitive where the joints of skin `index` put it, in the file's world, with all bones of their armature."""
        skin = self.file.item("skins", index)
        joints = [int(joint) for joint in skin["joints"]]
        moves = np.stack([self.nodes.world.get(joint, np.eye(4)) for joint in joints])
        if "inverseBindMatrices" in skin:
            moves = moves @ self.file.accessor(skin["inverseBindMatrices"]).astype(np.float64).reshape(-1, 4, 4)[: len(joints)].transpose(0, 2, 1)
        sets = [number for number in range(4) if f"JOINTS_{number}" in part.attributes and f"WEIGHTS_{number}" in part.attributes]
        which = np.concatenate([part.attributes[f"JOINTS_{number}"] for number in sets], 1).astype(np.int64)
        shares = np.concatenate([part.attributes[f"WEIGHTS_{number}"] for number in sets], 1).astype(np.float64)
        total = shares.sum(axis=1, keepdims=True)
        blended = np.einsum("vk,vkij->vij", shares / np.where(total > 0, total, 1), moves[which])
        blended[total[:, 0] <= 0] = np.eye(4)
        positions = np.einsum("vij,vj->vi", blended[:, :3, :3], piece.vertices) + blended[:, :3, 3]
        normals = np.einsum("vij,vj->vi", blended[:, :3, :3], piece.normals)
        return dataclasses.replace(piece, vertices=positions, normals=normals, bones=self._bones(joints, which, shares))

    def _bones(self, joints: list[int], which: np.ndarray, shares: np.ndarray) -> ImportedBones | None:
        """The bones of these joints' armature; None where a joint stands nowhere.

        Args:
            which, shares: (V, k) of the joints that move each vertex, and how much each does.
        """
        if any(joint not in self._armatures for joint in joints):
            return None
        armature = self._armatures[joints[0]]
        bone = np.array([armature.place[joint] for joint in joints])[which]
        vertex, column = np.nonzero(shares > 0)
        size = len(shares), len(armature.names)
        weights = csr_matrix((shares[vertex, column], (vertex, bone[vertex, column])), shape=size, dtype=np.float32)
        return ImportedBones(armature.names, armature.parent, armature.head, weights)
