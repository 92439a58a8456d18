"""What is good and bad about a clip, before anything is made of it: rate, length, cuts, background, sharpness, size of the object, camera."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage

from .cutout.camera_motion import follow_background
from .cutout.shapes import reduced
from .cuts import longest_shot
from .keying import find_background, key_all
from .masks import Masks
from .video import Clip

LEAST_RATE = 10.0
"""Frames a second below which limbs are somewhere else from one frame to the next."""
MANY = 240
"""More frames than this take long."""
LEAST_SIZE = 0.3
"""Of the frame's shorter side: a smaller object shows little of its pose."""
BLURRED = 1.35
"""Sharpness, see `sharpness`, below which edges are wider than a few pixels."""
STRONGEST = 98.0
"""Percentile of the gradient above which a place is an edge."""
COARSER = 2.0
"""Standard deviation of the blur that edges are compared with [px]."""
LOOKED_AT = 16
"""Frames, spread over the clip, in which the object, its edges and the camera are looked at."""
SIDE = 192
"""Longest side that the camera's motion is followed at [px]."""
MOVES = 1.0
"""Shift of the background [% of the longest side] from which on the camera moves."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing about a clip.

    Attributes:
        code: "rate", "length", "cuts", "background", "sharpness", "size" or "camera".
        good: whether it is as it should be.
        sentence: what was found, and where it is not good what to do.
        fix: the repair that a button offers, one of `protocol.FIXES`; "" where there is none.
    """

    code: str
    good: bool
    sentence: str
    fix: str = ""


def judge_clip(clip: Clip) -> tuple[Finding, ...]:
    """What there is to say of a clip that was read with a longest side of about 256 px: small pictures tell as much, in a second."""
    piece, cuts = _cuts(clip)
    looked_at = np.unique(np.linspace(0, len(piece.frames) - 1, LOOKED_AT).round().astype(int))
    frames = piece.frames[looked_at] if piece.window is None else piece.frames[looked_at][:, *piece.window.area]
    alpha = _coverage(None if piece.alpha is None else piece.alpha[looked_at], frames)
    found = [_rate(clip), _length(clip), cuts, _background(clip, alpha), _sharpness(frames)]
    if alpha is None:
        found.append(_camera(frames))
    elif (alpha > 0.5).any():
        found.append(_size(alpha))
    return tuple(found)


def sharpness(picture: np.ndarray) -> float:
    """How much steeper the strongest edges of a picture (H, W, 3) in [0, 255] are than after a blur: 1 where it is as blurred already."""
    gray = picture.astype(np.float32).mean(axis=2)
    steep, flat = (ndimage.gaussian_gradient_magnitude(one, 0.5) for one in (gray, ndimage.gaussian_filter(gray, COARSER)))
    edges = flat >= np.percentile(flat, STRONGEST)
    return float(steep[edges].mean() / max(float(flat[edges].mean()), 1e-3))


def _coverage(alpha: np.ndarray | None, frames: np.ndarray) -> np.ndarray | None:
    """(T, H, W) where the object is, where the clip itself says so (T, H, W) uint8, or its background is plain."""
    if alpha is not None:
        return np.divide(alpha, 255, dtype=np.float32)
    background = find_background(frames)
    return None if background is None else key_all(frames, background)


def _rate(clip: Clip) -> Finding:
    if clip.fps >= LEAST_RATE:
        return Finding("rate", True, f"{clip.fps:.4g} frames a second.")
    return Finding("rate", False, f"Only {clip.fps:.2g} frames a second: quick limbs may be lost. Take a clip with 12 or more.", "choose_video")


def _length(clip: Clip) -> Finding:
    count = len(clip.frames)
    if count <= MANY:
        return Finding("length", True, f"{count} frames, {count / clip.fps:.1f} seconds.")
    return Finding("length", False, f"{count} frames take long. Choose the part that counts.", f"end_earlier:{MANY}")


def _cuts(clip: Clip) -> tuple[Clip, Finding]:
    """The longest piece without a cut, which the rest is said of; and whether that is all."""
    shape = clip.frames.shape[:3]
    everything = Masks(np.ones(shape, np.float16), "pictures", np.ones(shape[0], bool), np.zeros(shape[0], bool))
    piece, _, notes = longest_shot(clip, everything)
    if not notes:
        return clip, Finding("cuts", True, "No cut.")
    begin, end = piece.skipped - clip.skipped, round(len(piece.frames) * clip.pace)
    if len(piece.frames) == shape[0]:
        return clip, Finding("cuts", False, notes[0], "choose_video")
    return piece, Finding("cuts", False, notes[0], f"start_later:{begin}" if begin else f"end_earlier:{end}")


def _background(clip: Clip, alpha: np.ndarray | None) -> Finding:
    if alpha is not None:
        return Finding("background", True, "The clip has alpha." if clip.alpha is not None else "The background is plain.")
    sentence = "The background is not plain. Draw a box around the object, give masks, or let a network cut it out."
    return Finding("background", False, sentence, "draw_box")


def _sharpness(frames: np.ndarray) -> Finding:
    blurred = float(np.mean([sharpness(frame) < BLURRED for frame in frames]))
    if blurred < 0.5:
        return Finding("sharpness", True, "Sharp." if not blurred else f"Sharp, but for {blurred:.0%} of the frames.")
    sentence = f"{blurred:.0%} of the frames are blurred: thin limbs may be lost. Take a sharper clip, or one with a shorter exposure."
    return Finding("sharpness", False, sentence, "choose_video")


def _size(alpha: np.ndarray) -> Finding:
    longest = max(max(_extent((mask > 0.5).any(axis=axis)) for axis in (0, 1)) for mask in alpha)
    size = longest / min(alpha.shape[1:])
    if size >= LEAST_SIZE:
        return Finding("size", True, f"The object is {size:.0%} as large as the picture.")
    sentence = f"The object is only {size:.0%} as large as the picture. Crop the clip around it, or take one from nearer."
    return Finding("size", False, sentence, "choose_video")


def _extent(covered: np.ndarray) -> int:
    """How far apart the first and the last True of (N,) are."""
    places = np.flatnonzero(covered)
    return int(places[-1] - places[0] + 1) if len(places) else 0


def _camera(frames: np.ndarray) -> Finding:
    small = np.stack([reduced(frame, SIDE) for frame in frames])
    motion = follow_background(small, np.ones(small.shape[1:3], bool))
    shift = 100 * float(motion.shift((small.shape[1], small.shape[2])).max()) / max(small.shape[1:3])
    if shift < MOVES:
        return Finding("camera", True, "The camera stands still.")
    sentence = f"The camera moves, by up to {shift:.1f} % of the picture. One that turns is followed; a still one is better."
    return Finding("camera", False, sentence)
