"""Triton kernels: the robust known-view loss of pictures and of means over squares, with its gradient, and how it curves.

A program takes some squares of `side` x `side` pixels; those at the border that are not whole count in the picture as it is alone.
`views` (F, 8) holds of each frame of the clip: whether the object is seen, 1 / its area in the picture and in the squares, the price of
motion in depth, the axis of that (3), and nothing.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ..picture_curvature import SHARP

KEPT = 10
"""Of each square kept for its curvature: means of color on white (3), of alpha, errors (3), and what is behind it short of white (3)."""

_KEPT = tl.constexpr(KEPT)
_SHARP = tl.constexpr(SHARP)


@triton.jit
def _squares(group, side, squares_x, squares_y, height, width, SQUARES: tl.constexpr, PIXELS: tl.constexpr):
    """Squares (S,), their column and row, which are whole; pixels (S, P), and which are inside."""
    square, p = group * SQUARES + tl.arange(0, SQUARES), tl.arange(0, PIXELS)
    x, y = square % squares_x, square // squares_x
    column, row = x[:, None] * side + (p % side)[None, :], y[:, None] * side + (p // side)[None, :]
    inside = (p < side * side)[None, :] & (y < squares_y)[:, None] & (column < width) & (row < height)
    whole = ((x + 1) * side <= width) & ((y + 1) * side <= height)
    return square, x, y, whole, column, row, inside


@triton.jit
def _visible(worst, camouflage):
    """By how much an uncovered pixel counts."""
    return tl.where(camouflage > 0, tl.minimum(worst / tl.maximum(camouflage, 1e-9), 1.0), 1.0)


@triton.jit
def _missed(alpha, wanted, worst, by_mask, camouflage):
    """The loss of the mask, and its gradient."""
    visible = _visible(worst, camouflage)
    missed = (alpha - wanted) * visible
    return by_mask * missed * missed, 2 * by_mask * missed * visible


@triton.jit
def _short_of_white(behind, at, inside, there):
    """What the background is short of white, where there is one."""
    return 1.0 - tl.load(behind + at, mask=inside & (there > 0), other=1.0)


@triton.jit
def compare_kernel(
    color, alpha, target, target_alpha, behind, frames, views, g_color, g_alpha, kept, sums,
    height, width, side, squares_x, squares_y, groups, by_color, by_mask, robust, camouflage, has_behind, keeps,
    SQUARES: tl.constexpr, PIXELS: tl.constexpr,
):  # fmt: skip
    """Fills the gradients of color (B, 3, H, W) and alpha (B, 1, H, W), and `sums` (B, groups, 2) of both losses times the object's area.

    Args:
        target, target_alpha, behind: of the F frames of the clip, the last where it `has_behind`, which else is white.
        frames: (B,) int32.
        kept: (B, KEPT, squares), to be filled where it `keeps` them.
        by_color, by_mask, robust, camouflage: see `KnownViewSettings`.
    """
    pose, group = tl.program_id(0) // groups, tl.program_id(0) % groups
    square, _, _, whole, column, row, inside = _squares(group, side, squares_x, squares_y, height, width, SQUARES, PIXELS)
    frame, area, squares = tl.load(frames + pose), height * width, squares_x * squares_y
    pixel = row * width + column
    share = 1.0 / (side * side)
    view = views + frame * 8
    by_sharp, by_small = tl.load(view) * tl.load(view + 1), tl.where(whole, tl.load(view) * tl.load(view + 2) * share, 0.0)
    covered = tl.load(alpha + pose * area + pixel, mask=inside, other=0.0)
    wanted = tl.load(target_alpha + frame * area + pixel, mask=inside, other=0.0)
    worst, small_worst, g_behind = tl.zeros_like(covered), tl.zeros([SQUARES], tl.float32), tl.zeros_like(covered)
    loss, small_loss = tl.zeros_like(covered), tl.zeros([SQUARES], tl.float32)
    keep = kept + pose * _KEPT * squares + square
    small_covered, small_wanted = tl.sum(covered, 1) * share, tl.sum(wanted, 1) * share
    for channel in tl.static_range(3):
        shown = tl.load(color + (pose * 3 + channel) * area + pixel, mask=inside, other=0.0)
        right = tl.load(target + (frame * 3 + channel) * area + pixel, mask=inside, other=0.0)
        tl.store(keep + channel * squares, tl.sum(shown, 1) * share, mask=whole & (keeps > 0))
        short = _short_of_white(behind, (frame * 3 + channel) * area + pixel, inside, has_behind)
        shown -= (1.0 - covered) * short
        wrong = shown - right
        small_wrong = tl.sum(wrong, 1) * share
        root, small_root = tl.sqrt(wrong * wrong + robust * robust), tl.sqrt(small_wrong * small_wrong + robust * robust)
        loss += by_color * (root - robust)
        small_loss += by_color * (small_root - robust)
        worst, small_worst = tl.maximum(worst, tl.abs(wrong)), tl.maximum(small_worst, tl.abs(small_wrong))
        g = by_sharp * by_color * wrong / root + (by_small * by_color * small_wrong / small_root)[:, None]
        tl.store(g_color + (pose * 3 + channel) * area + pixel, g, mask=inside)
        g_behind += g * short
        tl.store(keep + (4 + channel) * squares, small_wrong, mask=whole & (keeps > 0))
        tl.store(keep + (7 + channel) * squares, tl.sum(short, 1) * share, mask=whole & (keeps > 0))
    of_mask, g_mask = _missed(covered, wanted, worst, by_mask, camouflage)
    small_mask, g_small = _missed(small_covered, small_wanted, small_worst, by_mask, camouflage)
    tl.store(g_alpha + pose * area + pixel, by_sharp * g_mask + (by_small * g_small)[:, None] + g_behind, mask=inside)
    tl.store(keep + 3 * squares, small_covered, mask=whole & (keeps > 0))
    into = sums + (pose * groups + group) * 2
    tl.store(into, tl.sum(tl.where(inside, loss + of_mask, 0.0)))
    tl.store(into + 1, tl.sum(tl.where(whole, small_loss + small_mask, 0.0)))


@triton.jit
def _slope(image, at, step, there):
    """Half the difference of the neighbors."""
    return 0.5 * (tl.load(image + at + step, mask=there, other=0.0) - tl.load(image + at - step, mask=there, other=0.0))


@triton.jit
def curve_kernel(
    color, alpha, target, behind, frames, views, kept, curved,
    height, width, side, squares_x, squares_y, groups, by_color, by_mask, robust, camouflage, has_behind,
    SQUARES: tl.constexpr, PIXELS: tl.constexpr,
):  # fmt: skip
    """Fills `curved` (B, 3, H, W), see `FrameView.curvature`; arguments as of `compare_kernel`."""
    pose, group = tl.program_id(0) // groups, tl.program_id(0) % groups
    square, x, y, whole, column, row, inside = _squares(group, side, squares_x, squares_y, height, width, SQUARES, PIXELS)
    frame, area, squares = tl.load(frames + pose), height * width, squares_x * squares_y
    pixel = row * width + column
    view = views + frame * 8
    by_sharp, by_small = _SHARP * tl.load(view) * tl.load(view + 1), _SHARP * tl.load(view) * tl.load(view + 2)
    across, down = inside & (column > 0) & (column < width - 1), inside & (row > 0) & (row < height - 1)
    small_across, small_down = whole & (x > 0) & (x < width // side - 1), whole & (y > 0) & (y < height // side - 1)
    covered = alpha + pose * area
    alpha_x, alpha_y = _slope(covered, pixel, 1, across), _slope(covered, pixel, width, down)
    keep = kept + pose * _KEPT * squares
    small_x = _slope(keep + 3 * squares, square, 1, small_across)
    small_y = _slope(keep + 3 * squares, square, squares_x, small_down)
    xx, xy, yy, worst = tl.zeros_like(alpha_x), tl.zeros_like(alpha_x), tl.zeros_like(alpha_x), tl.zeros_like(alpha_x)
    small_xx, small_xy, small_yy = tl.zeros([SQUARES], tl.float32), tl.zeros([SQUARES], tl.float32), tl.zeros([SQUARES], tl.float32)
    small_worst = tl.zeros([SQUARES], tl.float32)
    here = tl.load(covered + pixel, mask=inside, other=0.0)
    for channel in tl.static_range(3):
        image = color + (pose * 3 + channel) * area
        wrong = tl.load(image + pixel, mask=inside, other=0.0) - tl.load(target + (frame * 3 + channel) * area + pixel, mask=inside, other=0.0)
        one_x, one_y = _slope(image, pixel, 1, across), _slope(image, pixel, width, down)
        many_x = _slope(keep + channel * squares, square, 1, small_across)
        many_y = _slope(keep + channel * squares, square, squares_x, small_down)
        short = _short_of_white(behind, (frame * 3 + channel) * area + pixel, inside, has_behind)
        wrong -= (1.0 - here) * short
        one_x, one_y = one_x + alpha_x * short, one_y + alpha_y * short
        small_short = tl.load(keep + (7 + channel) * squares + square, mask=whole, other=0.0)
        many_x, many_y = many_x + small_x * small_short, many_y + small_y * small_short
        small_wrong = tl.load(keep + (4 + channel) * squares + square, mask=whole, other=0.0)
        worst, small_worst = tl.maximum(worst, tl.abs(wrong)), tl.maximum(small_worst, tl.abs(small_wrong))
        each, many = by_color / tl.sqrt(wrong * wrong + robust * robust), by_color / tl.sqrt(small_wrong * small_wrong + robust * robust)
        xx, xy, yy = xx + each * one_x * one_x, xy + each * one_x * one_y, yy + each * one_y * one_y
        small_xx, small_xy, small_yy = small_xx + many * many_x * many_x, small_xy + many * many_x * many_y, small_yy + many * many_y * many_y
    visible, small_visible = _visible(worst, camouflage), _visible(small_worst, camouflage)
    by_alpha, by_square = 2 * by_mask * (visible * visible), 2 * by_mask * (small_visible * small_visible)
    # a square of side x side pixels moves by 1 / side of it when they move by one, and each has its part of it
    share = tl.where(whole, by_small / (1.0 * side * side * side * side), 0.0)
    xx = by_sharp * (xx + by_alpha * alpha_x * alpha_x) + (share * (small_xx + by_square * small_x * small_x))[:, None]
    xy = by_sharp * (xy + by_alpha * alpha_x * alpha_y) + (share * (small_xy + by_square * small_x * small_y))[:, None]
    yy = by_sharp * (yy + by_alpha * alpha_y * alpha_y) + (share * (small_yy + by_square * small_y * small_y))[:, None]
    into = curved + pose * 3 * area + pixel
    tl.store(into, xx, mask=inside)
    tl.store(into + area, xy, mask=inside)
    tl.store(into + 2 * area, yy, mask=inside)
