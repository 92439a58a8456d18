"""How much of a clip's first frame a mesh explains as it stands, before anything is searched: its silhouette against the object's mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..cameras.orbit import intrinsics_for, normalized_from_blender
from ..rendering.zbuffer import render_surface
from .masks import Masks
from .video import Clip

BOX = 128
"""Longest side of the box in which outlines are compared [px]."""
ENOUGH = 0.7
"""Overlap from which nothing is advised: what is left the camera's search makes good."""
SURER = "It is found more surely with the camera where the video was taken from, or with the mesh posed as in that frame."
TINT = np.array((30, 110, 255), np.float32)
"""Color of the silhouette over the frame."""


@dataclass(frozen=True)
class Agreement:
    """Attributes:
    overlap: intersection over union of the two outlines, laid onto each other: how far away the camera is and where it aims is found anyway.
    good: whether that is enough.
    sentence: it in words, with what to do where it is not.
    """

    overlap: float
    good: bool
    sentence: str


def silhouette_of(clip: Clip, vertices: np.ndarray, triangles: np.ndarray, matrix_world: np.ndarray, fovy: float) -> np.ndarray:
    """(H, W) bool where a mesh in world space is seen in a frame of the clip, by a Blender camera of this matrix_world (4, 4) and fovy."""
    height, width = clip.frames.shape[1:3]
    viewmat = normalized_from_blender(matrix_world, np.zeros(3), 1.0)
    seen: np.ndarray = (
        render_surface(vertices.astype(np.float64), triangles, viewmat, intrinsics_for(fovy, width, height), (height, width)).triangle >= 0
    )
    return seen


def first_frame_match(masks: Masks, silhouette: np.ndarray) -> Agreement:
    """How well a silhouette (H, W) bool, seen by the start camera, agrees with the object in the first frame of a clip."""
    video, mesh = _in_box(np.asarray(masks.alpha[0], np.float32) > 0.5), _in_box(silhouette)
    if video is None or mesh is None:
        what = "The start camera does not see the mesh" if mesh is None else "The first frame does not show the object"
        return Agreement(0.0, False, f"{what}. Choose another entry under Seen From, or other frames.")
    overlap = float((video & mesh).sum() / (video | mesh).sum())
    found = f"The mesh agrees with the first frame by {overlap:.0%}"
    if overlap >= ENOUGH:
        return Agreement(overlap, True, f"{found}.")
    return Agreement(overlap, False, f"{found}: its pose will be searched. {SURER}")


def overlay(clip: Clip, silhouette: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8, the clip's first frame with a silhouette (H, W) bool over it."""
    shown: np.ndarray = np.where(silhouette[..., None], (clip.frames[0] + TINT) / 2, clip.frames[0]).round().astype(np.uint8)
    return shown


def _in_box(mask: np.ndarray) -> np.ndarray | None:
    """(BOX, BOX) bool: what of a mask (H, W) lies in its box, with the same longer side for all, in the middle; None for an empty one."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return None
    cut = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = BOX / max(cut.shape)
    size = max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale))
    scaled = np.asarray(Image.fromarray(cut.astype(np.uint8) * 255).resize(size)) > 127
    top, left = (BOX - scaled.shape[0]) // 2, (BOX - scaled.shape[1]) // 2
    box = np.zeros((BOX, BOX), bool)
    box[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
    return box
