"""Where the clip's motion is picked up: the frame that the mesh explains best, from where it is seen, and in which pose.

Most clips begin in the pose that the mesh stands in, and `solve_pose` sees it. A rig in its bind pose does not look like any
frame. Its camera then cannot be told from its pose, so the artist's own camera says from where the video was taken, and the
pose is searched: outlines draw many starts (`pose_search`), the picture judges among the best.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..cameras.orbit import Orbit, orbit_from_matrix
from ..inputs.asset import Asset
from ..job.reporting import Reporter
from ..motion.mirror import find_twins, mirrored
from ..motion.skeleton import Skeleton
from ..motion.skinning import Skin
from .all_round import POSED, Sight, as_turned_body, sights
from .animated_asset import AnimatedAsset
from .distance import DistanceCurve
from .frame_step import NEARBY, WHOLE, Effort, FrameStep
from .lighting import Lighting, fit_lighting
from .pose import PoseSettings, RestScene, SolvedPose
from .pose_search import PoseSearch, PoseSearchSettings
from .posed_asset import posed_asset
from .reference import Reference
from .standing_place import away, moved_body, moved_camera
from .tracking_settings import TrackingSettings
from .view import View

UNEXPLAINED = 0.03
"""Known-view loss that is left where nothing is wrong, by the sizes of pixels and Gaussians: what is gained below says nothing."""
AS_WELL = 1.55
"""The mesh as it stands shows a frame as well as in a pose where it costs at most so many times as much: a pose makes up for what it is not."""
NEARLY = 4.0
"""Directions that are nearer to each other are nearly the same [degrees]: a pose has less to make up for, so that it must cost no less."""
_AIMED = ("yaw", "pitch", "distance")
"""What of a camera is found by where an object is in the picture, and how large."""


@dataclass(frozen=True)
class FirstPose:
    """Attributes:
    frame: of the clip where the pose is known.
    turn, shift: (1, K, 3) joints in it, see `Skeleton.pose`.
    camera: of the clip's first frame.
    lighting: of the video.
    overlap: intersection over union of rendered and video mask there.
    apart: how far these are from each other, see `outline.apart`.
    loss: known-view loss there.
    """

    frame: int
    turn: Tensor
    shift: Tensor
    camera: Orbit
    lighting: Lighting
    overlap: float
    apart: float
    loss: float

    def to_arrays(self) -> dict[str, np.ndarray]:
        """For the checkpoint."""
        return {
            "turn": self.turn.cpu().numpy(),
            "shift": self.shift.cpu().numpy(),
            "camera": np.array(astuple(self.camera)),
            "lighting": self.lighting.coefficients.cpu().numpy(),
            "agreement": np.array([self.frame, self.overlap, self.apart, self.loss]),
        }

    @staticmethod
    def from_arrays(arrays: dict[str, np.ndarray], device: str) -> FirstPose:
        """From `to_arrays`."""
        turn, shift = (torch.from_numpy(arrays[name]).to(device) for name in ("turn", "shift"))
        frame, *agreement = arrays["agreement"].tolist()
        lighting = Lighting(torch.from_numpy(arrays["lighting"]))
        return FirstPose(int(frame), turn, shift, Orbit(*arrays["camera"].tolist()), lighting, *agreement)

    @property
    def known_frame(self) -> int | None:
        """The frame that shows the mesh as it stands; None where no frame does."""
        return self.frame if not (self.turn.any() or self.shift.any()) else None

    def solved(self) -> SolvedPose:
        """Its camera, whose distance was not swept."""
        curve = DistanceCurve(np.array([self.camera.distance]), np.array([self.loss]), self.camera.distance)
        return SolvedPose(self.camera, self.lighting, curve, self.overlap, self.apart)


def standing(solved: SolvedPose, skeleton: Skeleton, like: Tensor) -> FirstPose:
    """The mesh as it stands, in the clip's first frame; on the device of `like`."""
    still = like.new_zeros(1, skeleton.count, 3)
    return FirstPose(0, still, still, solved.camera, solved.lighting, solved.overlap, solved.apart, 0.0)


def sighted(start: Orbit, centered: Orbit, aim: float) -> Orbit:
    """The artist's own camera, moved along its line of sight to the distance of `centered`.

    Where the body has moved away from where the mesh stands, only the artist's camera knows it. It is not believed where it
    would put the body farther off than `aim` [longest sides]: then it is `centered` on it.
    """
    matrix = start.world_to_camera()
    matrix[2, 3] += centered.distance - start.distance
    found = orbit_from_matrix(matrix, start.fovy)
    off = np.radians([found.yaw - centered.yaw, found.pitch - centered.pitch])
    return found if centered.distance * float(np.hypot(*off)) <= aim else centered


class FirstPoseSearch:
    """Searches the pose of a mesh that stands otherwise than in the clip.

    Args:
        asset: the mesh.
        skin: of its vertices.
        animated: its Gaussians; their lighting is not used.
        skeleton: of both.
        reference: all frames.
        moves: (T, 4, 4) of the camera, see `cameras.path.moves`.
        pose, search, tracking: settings.
    """

    def __init__(
        self,
        asset: Asset,
        skin: Skin,
        animated: AnimatedAsset,
        skeleton: Skeleton,
        reference: Reference,
        moves: np.ndarray,
        pose: PoseSettings,
        search: PoseSearchSettings,
        tracking: TrackingSettings,
    ) -> None:
        self.asset, self.skin, self.animated, self.skeleton, self.reference = asset, skin, animated, skeleton, reference
        self.moves, self.pose, self.search, self.tracking = moves, pose, search, tracking
        self.still = reference.color.new_zeros(1, skeleton.count, 3)

    def find(self, start: Orbit, seed: int, report: Reporter) -> FirstPose:
        """The pose in one of the frames that the mesh fits best as it stands, seen from the direction of `start`."""
        frames, camera = self._anchors(start)
        drawn = []
        for frame in frames:
            report.check_cancelled()
            drawn += self._drawn(frame, camera, self.still, self.still, seed)
        drawn.sort(key=lambda one: one[0])
        found: list[tuple[float, FirstPose]] = []
        for number, (_, frame, turn, shift) in enumerate(drawn[: self.search.kept]):
            report.progress(number, self.search.kept + 1)
            found.append(self._compared(frame, camera, turn, shift, self.still, report))
        best = min(found, key=lambda one: one[0])[1]
        twins = find_twins(self.skeleton)
        if twins is not None:
            found.append(self._compared(best.frame, camera, *mirrored(twins, best.turn, best.shift), self.still, report))
        report.progress(self.search.kept + 1, self.search.kept + 1)
        return self._at_its_distance(min(found, key=lambda one: one[0])[1], self.still, report)

    def all_round(self, start: Orbit, seed: int, report: Reporter) -> FirstPose | None:
        """The same where the body lies otherwise than the mesh: it may be turned by whatever angle, and that costs nothing.

        None where the mesh looks no more like the clip's first frame when it is turned.
        """
        tried: list[Sight] = []
        for frame in self._evenly(self.search.anchors):
            report.check_cancelled()
            tried += sights(self._rest_scene(frame), frame, self._in_frame(start, frame), self.pose.iterations)
            if not tried:
                return None
        found: list[tuple[float, FirstPose]] = []
        for number, sight in enumerate(sorted(tried, key=lambda one: one.loss)[:POSED]):
            report.progress(number, POSED)
            found += self._turned(start, sight, seed, report)
        best = min(found, key=lambda one: one[0])[1]
        return self._at_its_distance(best, best.turn, report)

    def _turned(self, start: Orbit, sight: Sight, seed: int, report: Reporter) -> list[tuple[float, FirstPose]]:
        """The body turned as the mesh was seen, in the direction of `start`: as it stands, and drawn to the outline; cost and pose of each."""
        matrix, move = self._in_frame(start, sight.frame).world_to_camera(), self.moves[sight.frame]
        matrix[:3, 3] = sight.camera.world_to_camera()[:3, 3]
        camera = sighted(start, orbit_from_matrix(np.linalg.inv(move) @ matrix, start.fovy), self.search.aim)
        turned = as_turned_body(self.skeleton, self._in_frame(camera, sight.frame), sight.camera, self.still)
        _, _, turn, shift = min(self._drawn(sight.frame, camera, *turned, seed), key=lambda one: one[0])
        return [self._compared(sight.frame, camera, *pose, turned[0], report) for pose in (turned, (turn, shift))]

    def _in_frame(self, camera: Orbit, frame: int) -> Orbit:
        """A camera of the clip's first frame as it stands in another one."""
        return orbit_from_matrix(self.moves[frame] @ camera.world_to_camera(), camera.fovy)

    def near(self, start: Orbit, placed: Orbit, report: Reporter) -> FirstPose:
        """The pose in the first frame, from the mesh as it stands.

        Args:
            placed: the camera in the direction of `start` from which the mesh as it stands covers the object.
        """
        first = self._compared(0, sighted(start, placed, self.search.aim), self.still, self.still, self.still, report)[1]
        return self._at_its_distance(first, self.still, report)

    def is_beside(self, placed: SolvedPose, solved: SolvedPose, report: Reporter) -> bool:
        """Whether the camera `placed`, in the artist's direction, looks clearly beside where the video was taken, and `solved` does not.

        The outlines of the mesh as it stands do not tell alone: a body in another pose looks like that seen from beside. But its picture
        does not: a pose from the artist's direction then shows the first frame much better than the mesh as it stands does from there.
        """
        outline = self.search.standing / self.pose.resolution
        if solved.apart > outline or placed.apart <= outline:
            return False
        posed, _ = self._compared(0, placed.camera, self.still, self.still, self.still, report)
        step = self._step(solved.camera, self._light(0, solved.camera, self.still, self.still), self.still)
        away = np.degrees(np.arccos(min(1.0, float(placed.camera.world_to_camera()[2, :3] @ solved.camera.world_to_camera()[2, :3]))))
        return float(step.judge(0, self.still, self.still)[0]) < (AS_WELL if away > NEARLY else 1.0) * posed

    def is_clear(self, found: FirstPose, placed: Orbit) -> bool:
        """Whether a pose explains its frame clearly better, in outline and color, than the mesh as it stands does the first one.

        Args:
            placed: as of `near`.
        """
        step = self._step(placed, self._light(0, placed, self.still, self.still), self.still)
        _, _, before = step.agreement(0, self.still, self.still)
        return found.loss + UNEXPLAINED < self.search.posed_share * (before + UNEXPLAINED)

    def _anchors(self, start: Orbit) -> tuple[list[int], Orbit]:
        """The frames that the mesh as it stands covers best, and the camera that sees it in its place in the middle of the frames."""
        tried = self._evenly(self.search.frames)
        scenes = [self._rest_scene(frame) for frame in tried]
        starts = [self._in_frame(start, frame) for frame in tried]
        cameras = [scene.centered(one) for scene, one in zip(scenes, starts, strict=True)]
        ranked = sorted(zip(tried, scenes, cameras, strict=True), key=lambda one: -one[1].overlap(one[2])[0])
        off = {name: [getattr(one, name) - getattr(begun, name) for one, begun in zip(cameras, starts, strict=True)] for name in _AIMED}
        middle = {name: getattr(start, name) + float(np.median(values)) for name, values in off.items()}
        return [frame for frame, _, _ in ranked[: self.search.anchors]], sighted(start, start.moved(**middle), self.search.aim)

    def _evenly(self, count: int) -> list[int]:
        """At most so many of the frames that show the object, the first and the last among them."""
        usable = np.flatnonzero(self.reference.usable)
        frames: list[int] = usable[np.linspace(0, len(usable) - 1, min(count, len(usable))).round().astype(int)].tolist()
        return frames

    def _rest_scene(self, frame: int) -> RestScene:
        return RestScene(self.asset, self.animated.bound, self.reference.only(frame), self.pose, self.animated.backend)

    def _drawn(self, frame: int, camera: Orbit, turn: Tensor, shift: Tensor, seed: int) -> list[tuple[float, int, Tensor, Tensor]]:
        """Cost, frame, turn and shift of poses drawn to a frame's outline from many around one (1, K, 3)."""
        view = self._view(camera)
        lit = replace(self.animated, lighting=self._light(frame, camera, turn, shift))
        finder = PoseSearch(lit, self.skeleton, (view,), self.search, self.tracking.joint_radius)
        turns, shifts, costs = finder.draw(frame, *finder.around(turn, shift, frame, seed), turn, self.search.iterations)
        return [(cost, frame, turns[i : i + 1], shifts[i : i + 1]) for i, cost in enumerate(costs.tolist())]

    def _compared(
        self, frame: int, camera: Orbit, turn: Tensor, shift: Tensor, neutral: Tensor, report: Reporter, effort: Effort = WHOLE
    ) -> tuple[float, FirstPose]:
        """The pose drawn to the frame's picture in its own light, and what it costs there. `neutral` as of `FrameStep`."""
        step = self._step(camera, self._light(frame, camera, turn, shift), neutral)
        turn, shift, _ = step.solve(frame, turn, shift, report, effort)
        light = self._light(frame, camera, turn, shift)
        step = self._step(camera, light, neutral)
        turned = (turn - neutral)[0, self.skeleton.root]
        cost = float(step.judge(frame, turn, shift)[0]) + self.search.turned * float((turned**2).sum())
        return cost, FirstPose(frame, turn, shift, camera, light, *step.agreement(frame, turn, shift))

    def _at_its_distance(self, first: FirstPose, neutral: Tensor, report: Reporter) -> FirstPose:
        """The same as large as it is: the camera's distance goes by the pose that was found, in the place of the mesh as it stands.

        Where motion in depth has its price, a body that is seen from too far grows as far as its joints let it.
        """
        step = self._step(first.camera, first.lighting, neutral, afloat=True)
        turn, shift, _ = step.solve(first.frame, first.turn, first.shift, report, NEARBY)
        axis = self._view(first.camera).viewmats[first.frame, 2, :3]
        by = -away(self.animated, self.skeleton, turn, shift, axis)
        return self._compared(first.frame, moved_camera(first.camera, by), turn, moved_body(self.skeleton, shift, by), neutral, report, NEARBY)[1]

    def _light(self, frame: int, camera: Orbit, turn: Tensor, shift: Tensor) -> Lighting:
        posed = posed_asset(self.asset, self.skin, self.skeleton.pose(turn, shift))
        return fit_lighting(posed, self.reference, self._view(camera).viewmats[frame], frame)

    def _step(self, camera: Orbit, light: Lighting, neutral: Tensor, afloat: bool = False) -> FrameStep:
        animated = replace(self.animated, lighting=light)
        return FrameStep(animated, self.skeleton, (self._view(camera),), neutral, self.tracking, afloat)

    def _view(self, camera: Orbit) -> View:
        """The clip, seen by a camera that stands there in its first frame."""
        return View(self.reference, self.moves @ camera.world_to_camera())
