"""How a surface hangs on the channels of a rig's controls, with constraints in between: the rig itself says where it is."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from mathutils import Matrix

from ..capture.slices import Fractions
from .bone_kinematics import NUDGE, Channel, Channels
from .control_solver import ControlSolver
from .pose_solver import Skinned, spread

POINTS = 250
"""Of the surface that responses tell of."""


class ControlledSurface:
    """A surface on controls whose channels are close to a motion; see `key_reduction.Surface`."""

    def __init__(self, rig: bpy.types.Object, solver: ControlSolver, channels: Sequence[Channel], surface: Skinned) -> None:
        """The rig has no animation and rests, now and after each use; `solver` has been probed for that surface. `begin` comes next."""
        self._rig, self._solver, self._channels = rig, solver, channels
        self._controls = [control.name for control in solver.controls]
        self._points = spread(surface.weights, count=POINTS)
        self._values = [channel.values for channel in channels]
        self._levers: list[np.ndarray] = []
        self._above: list[list[Matrix]] = []
        self._true = np.zeros((0, 0, 3))

    def begin(self) -> Fractions[None]:
        """Looks where the surface is in each frame, and how it hangs on the controls there."""
        self._true = yield from self._shown(self._values, remember=True)

    def off(self, values: Sequence[np.ndarray]) -> Fractions[float]:
        """How far the surface is from where it was, in the mean over its points and the frames, for other values (T, C) of the channels."""
        shown = yield from self._shown(values)
        return float(np.linalg.norm(shown - self._true, axis=-1).mean())

    def responses(self, channel: int) -> np.ndarray:
        """(T, P, C) how coordinates of the surface change with each value of a channel; over the root of the number of points."""
        one = self._channels[channel]
        index, values, columns = self._controls.index(one.bone), list(self._values), []
        before = Channels(self._rig, self._channels, values)
        for column in range(one.values.shape[1]):
            values[channel] = one.values.copy()
            values[channel][:, column] += NUDGE
            after = Channels(self._rig, self._channels, values)
            frames = [self._change(index, before.own(one.bone, frame), after.own(one.bone, frame), frame) for frame in range(len(one.values))]
            columns.append(np.stack(frames) / NUDGE)
        result: np.ndarray = np.stack(columns, axis=-1).astype(np.float32) / np.sqrt(len(self._points))
        return result

    def _change(self, index: int, before: Matrix, after: Matrix, frame: int) -> np.ndarray:
        """(P,) how the surface changes in a frame where a control's own matrix does, by a little."""
        above = np.array(self._above[frame][index])
        turn = after.to_quaternion() @ before.to_quaternion().inverted()
        vector = 2 * np.sign(turn.w) * np.array([turn.x, turn.y, turn.z])  # of so small a turn
        turned = np.cross(above @ vector, self._levers[frame][index])
        moved = above @ np.array(after.translation - before.translation)
        result: np.ndarray = (turned + self._solver.shares[self._points, None] * moved).ravel()
        return result

    def _shown(self, values: Sequence[np.ndarray], remember: bool = False) -> Fractions[np.ndarray]:
        """(T, V, 3) of the surface; `remember` keeps what `responses` needs to know of each frame."""
        channels, rows = Channels(self._rig, self._channels, values), []
        for frame in range(len(values[0])):
            yield frame / len(values[0])
            for control in self._solver.controls:
                control.matrix_basis = channels.own(control.name, frame)
            bones = self._solver.bones()
            rows.append(self._solver.surface(bones))
            if remember:
                self._levers.append(self._solver.levers(bones)[:, self._points])
                own = [control.matrix_basis.to_3x3().inverted() for control in self._solver.controls]
                self._above.append([control.matrix.to_3x3() @ one for control, one in zip(self._solver.controls, own, strict=True)])
        for control in self._solver.controls:
            control.matrix_basis.identity()
        self._solver.bones()
        return np.array(rows)
