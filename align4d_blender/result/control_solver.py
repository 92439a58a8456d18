"""Poses of a rig's controls that bring the bones which deform to where they should be: the rig itself says where they go.

Constraints stand between the two, so each step is checked on the evaluated rig; how far a bone goes with a control is found by turning that
a little. Damped Gauss-Newton steps in each frame, which starts from the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector

from ..capture.slices import Fractions, part
from .pose_solver import Skinned, rotation_of

PROBING = 0.2
"""Part of the work that goes into seeing what goes with each control."""
PROBE = 0.05
"""How far a control is turned to see what goes with it [rad]."""
LEAST = 0.02
"""A bone that goes with a control by less does not go with it."""
STEPS = 8
"""Steps a frame at most."""
GAIN = 0.99
"""A step that leaves more than this part of what the surface was off ends the frame."""
DAMPING = 1e-4
"""Of the normal equations, over their mean diagonal."""
FARTHEST = 0.6
"""A control turns in one step [rad]."""


@dataclass(frozen=True)
class Controlled:
    """How the controls of a rig stand in each frame.

    Attributes:
        own: (T, 4, 4) matrices of each control by its name, as `PoseBone.matrix_basis`.
        off: how far the surface is from where it should be, in the mean [parts of its longest side].
    """

    own: dict[str, list[Matrix]]
    off: float


def solve(solver: ControlSolver, targets: np.ndarray) -> Fractions[Controlled]:
    """Turns the controls, the first of which moves as well, so that the solver's surface stands where it should be (T, V, 3).

    The rig has no animation and rests meanwhile, and rests afterwards; broken off, it stays as it is.
    """
    yield from part(0, PROBING, solver.probe())
    rig, controls = solver.rig, [control.name for control in solver.controls]
    own: dict[str, list[Matrix]] = {name: [] for name in controls}
    off = []
    for number, target in enumerate(targets):
        first, last = (PROBING + (1 - PROBING) * (number + end) / len(targets) for end in (0, 1))
        off.append((yield from part(first, last, solver.solve(target))))
        for name in controls:
            own[name].append(rig.pose.bones[name].matrix_basis.copy())
    for name in controls:
        rig.pose.bones[name].matrix_basis.identity()
    return Controlled(own, float(np.mean(off)) / solver.size)


class ControlSolver:
    """What the frames share: the surface as each bone sees it, and, once probed, how far each bone goes with each control."""

    def __init__(self, rig: bpy.types.Object, controls: Sequence[str], surface: Skinned) -> None:
        self.rig, self.controls = rig, [rig.pose.bones[name] for name in controls]
        used = np.flatnonzero(surface.weights.any(0))
        bones = list(rig.data.bones)
        self.deforming = [rig.pose.bones[bones[index].name] for index in used]
        self.weights = surface.weights[:, used]
        homogeneous = np.concatenate([surface.vertices, np.ones((len(surface.vertices), 1))], axis=1)
        inverse = np.linalg.inv(np.array([bones[index].matrix_local for index in used]))
        self.local = np.einsum("dij,vj->dvi", inverse, homogeneous)
        self.size = surface.size
        self.turned = self.carried = np.zeros((len(self.controls), len(used)))

    def solve(self, target: np.ndarray) -> Fractions[float]:
        """Brings the surface nearest to `target` (V, 3); returns how far it is off in the mean."""
        bones = self.bones()
        error = self.surface(bones) - target
        for number in range(STEPS):
            yield number / STEPS
            before = [control.matrix_basis.copy() for control in self.controls]
            self._take(self._step(bones, error))
            bones = self.bones()
            tried = self.surface(bones) - target
            if (tried**2).sum() > (error**2).sum():
                for control, own in zip(self.controls, before, strict=True):
                    control.matrix_basis = own
                bones = self.bones()
                break
            ended = (tried**2).sum() > GAIN * (error**2).sum()
            error = tried
            if ended:
                break
        return float(np.linalg.norm(error, axis=1).mean())

    def bones(self) -> np.ndarray:
        """(D, 4, 4) of the deforming bones as the rig has them now."""
        bpy.context.view_layer.update()
        return np.array([bone.matrix for bone in self.deforming])

    def surface(self, bones: np.ndarray) -> np.ndarray:
        """(V, 3)."""
        result: np.ndarray = (self.weights.T[..., None] * self._carried_by(bones)).sum(0)
        return result

    def _carried_by(self, bones: np.ndarray) -> np.ndarray:
        """(D, V, 3) where each bone alone would have each vertex."""
        result: np.ndarray = self.local @ bones[:, :3].transpose(0, 2, 1)
        return result

    def probe(self) -> Fractions[None]:
        """Finds (C, D) twice: by how much of a control's turn a bone turns, and by how much of it its head is carried along."""
        rest = self.bones()
        turned, carried = np.zeros((len(self.controls), len(rest))), np.zeros((len(self.controls), len(rest)))
        for index, control in enumerate(self.controls):
            yield index / len(self.controls)
            head, spun, swept, arc = np.array(control.head), 0.0, 0.0, 1e-12
            for axis in np.eye(3):
                line = np.array(control.matrix.to_3x3() @ Vector(axis.tolist()))
                control.matrix_basis = Quaternion(axis.tolist(), PROBE).to_matrix().to_4x4()
                moved = self.bones()
                control.matrix_basis.identity()
                change = moved[:, :3, :3] @ np.linalg.inv(rest[:, :3, :3])
                spin = np.stack([change[:, 2, 1] - change[:, 1, 2], change[:, 0, 2] - change[:, 2, 0], change[:, 1, 0] - change[:, 0, 1]], axis=1)
                spun = spun + spin @ line / (2 * np.sin(PROBE) * 3)
                way = np.cross(line * PROBE, rest[:, :3, 3] - head)
                swept = swept + ((moved - rest)[:, :3, 3] * way).sum(1)
                arc = arc + (way**2).sum(1)
            turned[index], carried[index] = spun, swept / np.maximum(arc, 1e-6 * self.size**2 * PROBE**2)
        self.bones()
        self.turned, self.carried = np.where(turned > LEAST, turned, 0), np.where(carried > LEAST, carried, 0)

    def levers(self, bones: np.ndarray) -> np.ndarray:
        """(C, V, 3) from the head of each control, as it is posed now, to what turns with it of each vertex."""
        heads, weights = bones[:, None, :3, 3], self.weights.T[..., None]
        arms = weights * (self._carried_by(bones) - heads)
        levers = np.tensordot(self.turned, arms, 1) + np.tensordot(self.carried, weights * heads, 1)
        hung = self.carried @ self.weights.T
        result: np.ndarray = levers - hung[..., None] * np.array([control.head for control in self.controls])[:, None]
        return result

    @property
    def shares(self) -> np.ndarray:
        """(V,) how far each vertex moves with the first control."""
        result: np.ndarray = (self.carried[0] > 0) @ self.weights.T
        return result

    def _step(self, bones: np.ndarray, error: np.ndarray) -> np.ndarray:
        """(C + 1, 3) rotation vectors of the controls about their heads, and how far the first one moves, in the armature's space."""
        levers = self.levers(bones)
        columns = np.zeros((len(error), 3, len(self.controls) + 1, 3))
        for axis in range(3):
            columns[:, :, :-1, axis] = np.cross(np.eye(3)[axis], levers).transpose(1, 2, 0)
            columns[:, axis, -1, axis] = self.shares * self.size
        system = columns.reshape(len(error) * 3, -1)
        normal = system.T @ system
        normal[np.diag_indices_from(normal)] += DAMPING * float(np.trace(normal)) / len(normal)
        step: np.ndarray = np.linalg.solve(normal, -system.T @ error.reshape(-1)).reshape(-1, 3)
        step[-1] *= self.size
        return step

    def _take(self, step: np.ndarray) -> None:
        """Turns the controls by a step, and moves the first one."""
        for index, (control, vector) in enumerate(zip(self.controls, step, strict=False)):
            length = float(np.linalg.norm(vector))
            turn = Matrix(rotation_of(vector * min(1.0, FARTHEST / max(length, 1e-9))).tolist()).to_quaternion()
            place, own, _ = control.matrix_basis.decompose()
            now = control.matrix.to_quaternion()
            if index == 0:
                above = now @ own.inverted()
                place = place + above.inverted() @ Vector(step[-1].tolist())
            control.matrix_basis = Matrix.LocRotScale(place, own @ now.inverted() @ turn @ now, None)
