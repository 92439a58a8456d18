"""What Blender shows of an object with Gaussians."""

from __future__ import annotations

from pathlib import Path

import bpy
import clouds
import numpy as np


class Shown:
    """The points that Blender shows of an object, at the current frame."""

    def __init__(self, item: bpy.types.Object) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        for one in bpy.context.evaluated_depsgraph_get().object_instances:
            if one.object.type == "POINTCLOUD" and one.object.name == item.name:
                self.arrays = {attribute.name: self._read(attribute) for attribute in one.object.data.attributes}

    @staticmethod
    def _read(attribute: bpy.types.Attribute) -> np.ndarray:
        kinds = {"FLOAT_VECTOR": ("vector", 3), "FLOAT_COLOR": ("color", 4), "FLOAT": ("value", 1)}
        if attribute.data_type not in kinds:
            return np.zeros(0)
        name, width = kinds[attribute.data_type]
        values = np.empty(len(attribute.data) * width, np.float32)
        attribute.data.foreach_get(name, values)
        return values.reshape(-1, width) if width > 1 else values

    @property
    def centers(self) -> np.ndarray:
        return self.arrays["splat_center"]

    @property
    def covariances(self) -> np.ndarray:
        inverse = np.linalg.inv(np.stack([self.arrays[f"splat_row_{i}"] for i in range(3)], 1).astype(np.float64))
        return inverse @ inverse.transpose(0, 2, 1)

    @property
    def encoded(self) -> np.ndarray:
        """(N, 3) colors in sRGB."""
        linear = np.clip(self.arrays["splat_color"][:, :3], 0, None)
        return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)

    @property
    def opacities(self) -> np.ndarray:
        return self.arrays["splat_color"][:, 3]


def save_where_needed(folder: Path) -> None:
    """Before Blender 4.5 Gaussians can be shown in a saved file only."""
    if bpy.app.version < (4, 5, 0) and not bpy.data.filepath:
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))


def frame_shown(item: bpy.types.Object) -> int:
    """Which frame of `clouds.sequence` is to be seen."""
    return round(float((Shown(item).centers[:, 0] - clouds.cloud()["x"]).mean()) / 0.25)
