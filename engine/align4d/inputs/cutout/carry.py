"""Where the object is in every frame of a clip, from a box around it in the first one, or from outlines of the mesh.

The first frame is divided by its colors, inside of the box and around it. That division is carried from frame to frame by the colors, and
then all frames are divided anew, together: the object's place in one frame shows the background that it hides in another (`plate`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from scipy import ndimage

from .camera_motion import WHOLE, Area, CameraMotion, follow_background
from .change import Change, log_odds
from .color_model import color_table, look_up
from .elsewhere import Elsewhere
from .mesh_view import MeshView
from .nearby import CELL, nearby_density
from .plate import Plate, log_density, make_plate
from .shapes import bounds, find_bad, grown, large_parts, outline_evidence, reaching_out, reduced, without_holes, without_specks
from .texture import log_odds_of_grades, roughness
from .total_variation import divide, outline_price

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in [0, 1] of the frame's width and height."""

SIDE = 384
"""Longest side that frames are divided at [px]."""
COMPONENTS = 8
"""Gaussians of a color model."""
RARE = 8.0
"""Percentile of the colors around the box below which one is rare there."""
LEAST_UNLIKE = 0.02
"""Part of the box that has to have such colors for them to be the object's."""
AWAY = 0.014
"""How far from where it was just before a place is as unlikely to be the object as by a factor e, of the longest side."""
PRICE = 2.0
"""Of the outline, see `outline_price`."""
MOST = 6.0
"""Evidence of one pixel, as a logarithm of odds, is at most this."""
LEAST_SEEN = 0.1
"""Less of the object than this, of its area in the first mask, says nothing about where it is: it is covered, or has left the picture."""
AROUND = 0.1
"""How far around the object's last place it may be, and background is compared with it, of the longest side."""
BLURRED = 3
"""Around the object's last place its edge, its blur and its step to the next frame are no background [px]."""
BESIDE_PLATE = 4.0
"""What it costs in log density that the background changed where it is known."""
NEIGHBORS, NEIGHBORS_OF_MESH = 1.0, 0.5
"""Weight of what the frames before and after say at the same place; the less where the mesh says where each part is."""
OTHER_COLOR = 2.0
"""What it costs in log density that the object has another color than the mesh at its place."""
OUTLINE = 3.0
"""Weight of the mesh's outline."""
ELSEWHERE = 1.0
"""Weight of what other frames show at the same place of the background, where the mesh has told what is object."""
LEAST_ELSEWHERE = -2.0
"""The least that it says where the mesh is known to be: blur and what a movie shows twice are no background either."""
ROUGH = 0.4
"""Weight of how rough a place is, where the mesh has told what is object; a box holds other rough things as well. Windows overlap: a part of
what a place says its neighbors have said already."""
OFF = 2
"""What a mask has farther outside of the mesh's outline than this teaches no colors of the object [px]."""
PASSES = 2
"""How often all frames are divided anew."""
FIRST_PASSES = 4
"""How often one frame by itself is."""
GOES_ON = 2.0
"""A color is so much likelier, as a logarithm, near its place around the box than anywhere around it where a thing goes on into the box."""
LEAST_KEPT = 0.3
"""Part of the unlike colors that has to remain without such things for them to be told apart."""
REACHES_OUT = 2.0
"""What a place costs at least that an even area connects with what lies outside of the box."""

Watch = Callable[[int, int], None]
"""Told of how many of how many steps are done. It may raise to stop."""


@dataclasses.dataclass(frozen=True)
class Carried:
    """Masks (T, h, w) float32 in [0, 1] at the size they were made at, and the motion of the background in pixels of that size."""

    inside: np.ndarray
    motion: CameraMotion


@dataclasses.dataclass(frozen=True)
class _Shown:
    """The mesh in a frame: its coverage (h, w), and the log density (h, w) of the frame's colors by the mesh's own; None where nobody asks."""

    outline: np.ndarray
    colors: np.ndarray | None


class Cutter:
    """Divides the frames of a clip into object and background.

    Args:
        frames: (T, H, W, 3) uint8.
        seed: of the color models.
        watch: see `Watch`.
    """

    def __init__(self, frames: np.ndarray, seed: int, watch: Watch) -> None:
        self.frames = np.stack([reduced(frame, SIDE) for frame in frames])
        self.size: tuple[int, int] = self.frames.shape[1:3]
        self._roughness = np.stack([roughness(frame) for frame in self.frames])
        self._price = [outline_price(frame, PRICE) for frame in self.frames]
        self._reach = max(4, round(AROUND * max(self.size)))
        self._seed, self._watch = seed, watch
        self._done = 0
        self._changes: np.ndarray | None = None
        self._others: Elsewhere | None = None

    def from_box(self, box: Box) -> Carried:
        """Masks of all frames, from a box around the object in the first one."""
        height, width = self.size
        left, top, right, bottom = box
        allowed = np.zeros(self.size, bool)
        allowed[int(top * height) : int(np.ceil(bottom * height)), int(left * width) : int(np.ceil(right * width))] = True
        motion = follow_background(self.frames, ~allowed)
        start = self._divided(0, allowed, None, motion)
        return Carried(self._anew(self._carried(start, 0, motion, None), motion, {}, 0), motion)

    def from_mesh(self, known: int, view: MeshView, before: Carried) -> Carried:
        """Masks of all frames where the mesh is known to stand so in one of them: that one is divided first, and the others by it.

        Args:
            view: (h, w) of the mesh in the frame `known`.
            before: as the clip was divided without it.
        """
        mesh = _Shown(view.coverage, view.density(self.frames[known]))
        start = self._divided(known, grown(view.coverage > 0.5, self._reach // 2), mesh, before.motion)
        carried = self._carried(start, known, before.motion, before.inside)
        return Carried(self._anew(carried, before.motion, {known: mesh}, known), before.motion)

    def with_mesh(self, views: Mapping[int, MeshView], before: Carried, known: int | None = None) -> Carried:
        """The masks again, by the mesh (h, w) in the frames of `views`; `known` is the one where it stands beyond doubt."""
        inside = before.inside.copy()
        for frame, view in views.items():
            inside[frame] *= grown(view.coverage > 0.5, self._reach // 2)
        meshes = {frame: _Shown(view.coverage, view.density(self.frames[frame])) for frame, view in views.items()}
        return Carried(self._anew(inside, before.motion, meshes, known), before.motion)

    def repaired(self, inside: np.ndarray, motion: CameraMotion, by_place: bool = True, known: int | None = None) -> np.ndarray:
        """Masks (T, h, w) where those that do not go with the ones around them are found again; the others stay, and that of the frame `known`.

        `by_place`: see `_cost`.
        """
        bad = find_bad(inside)
        if known is not None:
            bad[known] = False
        if bad.any() and not bad.all():
            inside = self._pass(_bridged(inside, bad), motion, {}, bad, by_place)
        return inside

    def _divided(self, frame: int, allowed: np.ndarray, mesh: _Shown | None, motion: CameraMotion) -> np.ndarray:
        """(h, w) mask of one frame by itself, inside of `allowed` (h, w) bool."""
        picture, around, classes = self.frames[frame], ~allowed & grown(allowed, self._reach), self._classes(motion)[frame]
        outside, going_on = np.zeros(self.size, bool), np.full(self.size, -np.inf, np.float32)
        if mesh is None:
            outside = reaching_out(picture, allowed)
            inside, going_on = self._unlike(picture, allowed, around)
            inside &= ~outside
        else:
            inside = allowed & (mesh.outline > 0.5)
        for _ in range(FIRST_PASSES):
            others = (without_holes(inside) <= 0.5) & (allowed | around)
            self._learn(picture, classes, self._roughness[frame], inside, others)
            behind = np.logaddexp(look_up(self._background, picture), going_on)
            if mesh is not None:
                behind = behind - ROUGH * self._rough[self._roughness[frame]]
            cost = self._against(behind, look_up(self._object, picture), classes, None if mesh is None else mesh.colors)
            if mesh is not None:
                cost -= OUTLINE * outline_evidence(mesh.outline)
            cost = np.where(outside, np.maximum(cost, REACHES_OUT), cost)
            mask = divide(np.where(allowed, cost.clip(-MOST, MOST), MOST), self._price[frame], inside)
            inside = mask > 0.5
        return without_specks(mask)

    def _unlike(self, picture: np.ndarray, allowed: np.ndarray, around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(h, w) bool: colors that are rare around the box, or the rarest in it where none is; (h, w) log density of the colors nearby around it."""
        behind = look_up(color_table(picture[around], COMPONENTS, self._seed), picture)
        rare = np.less(behind, np.percentile(behind[around], RARE)) if around.any() else np.zeros(self.size, bool)
        unlike = large_parts(allowed & (ndimage.gaussian_filter(rare.astype(np.float32), 1) > 0.4))
        if (unlike & allowed).sum() < LEAST_UNLIKE * allowed.sum():
            unlike = behind < np.percentile(behind[allowed], 20)
        nearby = nearby_density(picture, around, behind)
        own = unlike & (nearby - behind <= GOES_ON)
        return own if own.sum() > LEAST_KEPT * unlike.sum() else unlike, nearby

    def _classes(self, motion: CameraMotion) -> np.ndarray:
        """(T, h, w) how each pixel changes, see `Change`."""
        if self._changes is None:
            change = Change(self.frames, motion)
            self._changes = np.stack([change.classes(frame) for frame in range(len(self.frames))])
        return self._changes

    def _elsewhere(self, motion: CameraMotion) -> Elsewhere:
        if self._others is None:
            self._others = Elsewhere(self.frames, motion)
        return self._others

    def _learn(self, pictures: np.ndarray, classes: np.ndarray, grades: np.ndarray, ours: np.ndarray, others: np.ndarray) -> None:
        """Colors of the two, how they change and how rough they are, where `ours` and `others` (..., H, W) bool say they are."""
        self._moves = log_odds(classes[ours], classes[others])
        self._rough = log_odds_of_grades(grades[ours], grades[others])
        self._object = color_table(pictures[ours], COMPONENTS, self._seed)
        self._background = color_table(pictures[others], COMPONENTS, self._seed)

    def _carried(self, start: np.ndarray, known: int, motion: CameraMotion, before: np.ndarray | None) -> np.ndarray:
        """(T, h, w) masks, one after the other from the one of frame `known`, by the colors and the background that it taught.

        Args:
            before: masks that tell how alike frames are where both show the background, see `Elsewhere`; None where the box alone tells of the
                object, by place, see `_cost`.
        """
        only = CameraMotion(motion.homographies[known : known + 1], motion.explained[known : known + 1])
        plate = make_plate(self.frames[known : known + 1], start[None], only)
        others = None
        if before is not None:
            others = self._elsewhere(motion)
            others.learn(np.stack([without_holes(mask) for mask in before]), self._reach // 2)
            others.hide()
            others.show(known, without_holes(start))
        found = {known: start}
        for order in (range(known + 1, len(self.frames)), range(known - 1, -1, -1)):
            last, gone = start, 0  # where it was last seen, and frames since then
            for frame in order:
                found[frame] = self._followed(frame, last, gone, plate, motion, others)
                if others is not None:
                    others.show(frame, without_holes(found[frame]))
                last, gone = (found[frame], 0) if (found[frame] > 0.5).sum() >= LEAST_SEEN * (start > 0.5).sum() else (last, gone + 1)
                self._step()
        return np.stack([found[frame] for frame in range(len(self.frames))])

    def _followed(self, frame: int, last: np.ndarray, gone: int, plate: Plate, motion: CameraMotion, others: Elsewhere | None) -> np.ndarray:
        """(h, w) mask of a frame, from where the object was last seen, `gone` frames before the one before this. `others`: see `_carried`."""
        away = ndimage.distance_transform_edt(last <= 0.5) / (AWAY * max(self.size) * (1 + gone))
        beside = grown(last > 0.5, self._reach) & ~grown(last > 0.5, BLURRED)
        if others is None:
            cost = self._cost(frame, WHOLE, plate, motion, beside)
        else:
            cost = self._cost(frame, WHOLE, plate, motion, None) + ELSEWHERE * others.odds(frame, WHOLE)
        return self._placed(frame, WHOLE, (cost + away.clip(0, MOST)).clip(-MOST, MOST), last)

    def _placed(self, frame: int, area: Area, cost: np.ndarray, start: np.ndarray) -> np.ndarray:
        """(h, w) mask of a frame by the costs of an area, from about the mask `start` (h, w); nothing is outside of the area."""
        mask = np.zeros(self.size, np.float32)
        mask[area] = divide(cost, self._price[frame][area], start[area])
        return without_specks(mask)

    def _cost(
        self,
        frame: int,
        area: Area,
        plate: Plate,
        motion: CameraMotion,
        beside: np.ndarray | None,
        ours: np.ndarray | None = None,
        shown: np.ndarray | None = None,
        changes: bool = True,
    ) -> np.ndarray:
        """(h, w) what each place of an area of a frame costs as object, by its color, the background that is known, and how it changes.

        By place, colors of the background `beside` the object, and `ours`, which are the object's where that is known in this frame, both
        (h, w) bool, are likelier near their places than elsewhere. That follows the masks as they are, right or wrong: it is for those of a
        box, and None where the mesh's outline has told better. `shown` (h, w) is the log density of the mesh's own colors, where it is known to
        be. What `changes` over the clip may count or not: it shows where an object is at some time, and not when.
        """
        picture = self.frames[frame][area]
        behind, known = look_up(self._background, picture), log_density(picture, plate.seen_in(motion, frame, area))
        if beside is not None:
            behind = np.logaddexp(behind, nearby_density(picture, beside, behind))
        front = look_up(self._object, picture)
        if ours is not None:
            front = np.logaddexp(front, nearby_density(picture, ours, front))
        behind = np.where(np.isnan(known), behind, np.logaddexp(np.nan_to_num(known), behind - BESIDE_PLATE))
        if beside is None or shown is not None:
            behind = behind - ROUGH * self._rough[self._roughness[frame][area]]
        return self._against(behind, front, self._classes(motion)[frame][area] if changes else None, shown)

    def _against(self, behind: np.ndarray, front: np.ndarray, classes: np.ndarray | None, shown: np.ndarray | None) -> np.ndarray:
        """(h, w) how much likelier the background is than the object, by log densities of the colors and how they change. `shown`: see `_cost`."""
        if shown is not None:
            return behind - np.logaddexp(shown, front - OTHER_COLOR)
        return behind - front - (0 if classes is None else self._moves[classes])

    def _anew(self, inside: np.ndarray, motion: CameraMotion, meshes: Mapping[int, _Shown], known: int | None = None) -> np.ndarray:
        """All frames together, some times over; `known` is the one that the others go by, where there is one."""
        by_place = not meshes
        for _ in range(PASSES):
            inside = self._pass(inside, motion, meshes, np.ones(len(inside), bool), by_place)
        return self.repaired(inside, motion, by_place, known)

    def _pass(self, inside: np.ndarray, motion: CameraMotion, meshes: Mapping[int, _Shown], wanted: np.ndarray, by_place: bool) -> np.ndarray:
        """The `wanted` (T,) frames anew, of the masks as they are. `by_place`: see `_cost`.

        Holes in a mask teach nothing about the background: what is taken for a hole once, such as an eye, would be one forever.
        """
        filled = np.stack([without_holes(mask) for mask in inside])
        plate = make_plate(self.frames, filled, motion)
        ours, others = inside > 0.6, (filled < 0.3) & np.stack([grown(mask > 0.5, self._reach) for mask in inside])
        for frame, mesh in meshes.items():
            ours[frame] &= grown(mesh.outline > 0.5, OFF)
        classes = self._classes(motion)
        self._learn(self.frames, classes, self._roughness, ours, others)
        if not by_place:
            self._elsewhere(motion).learn(filled, self._reach // 2)
        after = inside.copy()
        for frame in np.flatnonzero(wanted).tolist():
            mask, around = inside[frame], inside[max(0, frame - 1) : frame + 2].mean(axis=0)
            near, area = grown(mask > 0.5, self._reach // 2), bounds(grown(mask > 0.5, self._reach), CELL) or WHOLE
            shown = meshes[frame].colors if frame in meshes else None
            beside = others[frame][area] if by_place or shown is not None else None
            own, seen = ours[frame][area] if by_place else None, None if shown is None else shown[area]
            cost = self._cost(frame, area, plate, motion, beside, own, seen, changes=by_place)
            if not by_place:
                odds = self._elsewhere(motion).odds(frame, area)
                cost = cost + ELSEWHERE * (odds if shown is None else odds.clip(LEAST_ELSEWHERE))
            neighbors = NEIGHBORS if shown is None else NEIGHBORS_OF_MESH
            cost = cost - neighbors * (2 * ndimage.gaussian_filter(around[area], 1) - 1)
            if frame in meshes:
                cost = cost - OUTLINE * outline_evidence(meshes[frame].outline)[area]
            after[frame] = self._placed(frame, area, np.where(near[area], cost.clip(-MOST, MOST), MOST), mask)
            self._step()
        return after

    def _step(self) -> None:
        self._done += 1
        self._watch(self._done, max(self._done, (1 + PASSES) * len(self.frames)))


def _bridged(inside: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Masks (T, h, w) where each bad one is between the good ones before and after it."""
    good, bridged = np.flatnonzero(~bad), inside.copy()
    for frame in np.flatnonzero(bad):
        before, after = good[good < frame][-1:], good[good > frame][:1]
        ends = [*before, *after]
        far = np.array([abs(end - frame) for end in ends], float)
        share = (1 / far) / (1 / far).sum()
        bridged[frame] = sum(weight * inside[end] for weight, end in zip(share, ends, strict=True))
    return bridged
