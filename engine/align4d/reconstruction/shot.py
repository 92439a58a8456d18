"""The picture that an object is reconstructed from, and the camera that is taken to have made it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from torch import Tensor

from ..alignment.reference import Reference, make_reference
from ..alignment.video_conditions import ConditionCamera, condition_pictures
from ..cameras.orbit import Orbit, intrinsics_for
from ..inputs.masks import judge
from ..inputs.pictures import on_white
from ..inputs.video import Clip
from ..priors.prior import PriorFacts

WORKING_SIDE = 512
"""Side of the square around the object that is worked on [px]."""

SOLID = 0.5
"""Coverage from which a pixel belongs to the object."""

HALF_DEPTH = 0.05
"""What the outline's plane lies nearer than the object's center, in longest sides: between a flat object (0) and a ball (0.13 at these distances)."""

FREE = 0.12
"""Free space around the object in a close picture, of its longer side."""


@dataclasses.dataclass(frozen=True)
class Shot:
    """A picture of one object, which was taken as the object's size is not known, from as far as the prior knows cameras.

    A picture does not tell field of view and distance apart (but for a little perspective). So the distance is the one at which the
    object would fill the picture with the field of view asked for, brought into the prior's range, and the field of view follows from it.

    Attributes:
        reference: the square around the object; its intrinsics are the whole picture's, shifted and scaled.
        camera: looks past the object's center as the picture does; azimuth 0.
        close_fovy: of a straight, square picture that holds the object and little else [degrees].
    """

    reference: Reference
    camera: Orbit
    close_fovy: float

    def straight(self, side: int, fovy: float, facts: PriorFacts) -> tuple[Tensor, Tensor]:
        """What a camera at the same place sees that looks at the object's center: colors (3, side, side) on white, coverage (1, side, side).

        Args:
            fovy: of that picture [degrees].
            facts: of the prior, for its background.
        """
        camera = ConditionCamera(self.camera, fovy, self.camera.distance)
        like = dataclasses.replace(facts, size=side, background=1.0)
        color, alpha, intrinsics = self.reference.color, self.reference.alpha, self.reference.intrinsics
        black = (1 - alpha).expand_as(color)  # a black object on white shows what is covered
        covered = 1 - condition_pictures(black, alpha, intrinsics, [camera], like)[0, :1]
        return condition_pictures(color, alpha, intrinsics, [camera], like)[0], covered


def take_shot(picture: np.ndarray, fovy: float, elevation: float, facts: PriorFacts) -> Shot:
    """The shot of `picture` (H, W, 4) uint8 with straight alpha.

    Args:
        fovy: vertical field of view that the picture is thought to have [degrees].
        elevation: of its camera [degrees].
        facts: of the prior, for its field of view and its range of distances.

    Raises:
        EngineError: "video_empty" where the mask is empty.
    """
    height, width = picture.shape[:2]
    alpha = picture[..., 3].astype(np.float32) / 255
    clip = Clip(on_white(picture)[None], None, 1.0, (width, height))
    reference = make_reference(clip, judge(alpha[None], "alpha"), fovy, WORKING_SIDE, whole=True)
    left, right, top, bottom = _sides(reference)
    extent = max(right - left, bottom - top)
    nearest, farthest = facts.distances
    distance = min(max(1 / extent + HALF_DEPTH, nearest), farthest)
    # the same picture, taken with another lens from another distance
    zoom = (distance - HALF_DEPTH) * extent
    lens = reference.intrinsics.copy()
    lens[[0, 1], [0, 1]] *= zoom
    reference = dataclasses.replace(reference, intrinsics=lens)
    across, down = (left + right) / 2 / zoom, (top + bottom) / 2 / zoom
    yaw, pitch = -math.degrees(math.atan(across)), math.degrees(math.atan(down))
    camera = Orbit(0.0, elevation, distance, yaw=yaw, pitch=pitch, fovy=_fovy(math.tan(math.radians(fovy) / 2) / zoom))
    return Shot(reference, camera, _fovy(extent / zoom * (0.5 + FREE)))


def _sides(reference: Reference) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of the object as tangents of angles from the viewing axis."""
    covered = reference.alpha[0, 0].numpy() > SOLID
    rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
    corners = np.array([[columns[0], rows[0], 1.0], [columns[-1] + 1, rows[-1] + 1, 1.0]]) @ np.linalg.inv(reference.intrinsics).T
    return float(corners[0, 0]), float(corners[1, 0]), float(corners[0, 1]), float(corners[1, 1])


def _fovy(tangent: float) -> float:
    return 2 * math.degrees(math.atan(tangent))


def straight_intrinsics(fovy: float, side: int) -> np.ndarray:
    """(3, 3) K [px] of a straight, square picture."""
    return intrinsics_for(fovy, side, side)
