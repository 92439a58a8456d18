"""What a job ends with and all that it takes to look at its frames again, as one file: for solving some of them anew."""

from __future__ import annotations

import itertools
from dataclasses import astuple, dataclass, fields

import numpy as np
import torch
from torch import Tensor

from ..gaussians.surface_bound import BoundGaussians
from ..inputs.asset import Asset, Similarity
from ..motion.hexplane import HexPlaneField, HexPlaneSettings
from ..motion.joint_limits import JointLimits
from ..motion.rotations import matrix_from_quaternion
from ..motion.skeleton import Motion, Skeleton
from ..motion.skinning import Skin
from ..protocol import FLIPS, FlipSpec
from .animated_asset import AnimatedAsset
from .held import Held
from .lighting import Lighting
from .reference import Backdrop, Reference
from .view import View

_FIELD = "field."
"""Before the names of the deformation field's parameters."""

_LIMITS = "limits."
"""Before the names of the joints' limits."""

_BOUND = [one.name for one in fields(BoundGaussians) if one.name != "corners"]


@dataclass(frozen=True)
class Solved:
    """Attributes:
    similarity: of the asset.
    skeleton: of the parts.
    skin: of the asset's vertices.
    animated: the Gaussians, as the video shows them.
    motion: T frames.
    field: the deformation field, in the rest pose.
    views: the clips, as they were compared with.
    neutral: (1, K, 3) turns of the joints that cost nothing.
    known_frame: the frame that shows the rest pose; None where no frame does.
    pinned: frames that the artist has pinned.
    flips: limbs that the artist has let go the other way since.
    guessed: whether the program itself takes the motion for a guess, so that nothing of it is worth keeping beside a pin.
    """

    similarity: Similarity
    skeleton: Skeleton
    skin: Skin
    animated: AnimatedAsset
    motion: Motion
    field: HexPlaneField
    views: tuple[View, ...]
    neutral: Tensor
    known_frame: int | None
    pinned: tuple[int, ...] = ()
    flips: tuple[FlipSpec, ...] = ()
    guessed: bool = False

    @property
    def certain(self) -> tuple[int, ...]:
        """Frames whose pose is known already."""
        return self.pinned if self.known_frame is None else (self.known_frame, *self.pinned)

    @property
    def turned(self) -> Tensor:
        """(3,) rotation vector by which the body lies in the clip otherwise than the mesh."""
        return self.neutral[0, self.skeleton.root]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """For the file; pictures in 8 bits, weights in 16."""
        bound = self.animated.bound
        return {
            **{name: getattr(self.skeleton, name) for name in ("parent", "joint", "radius", "mass", "inertia")},
            **{name: getattr(bound, name).cpu().numpy() for name in _BOUND},
            **{_FIELD + name: value.cpu().numpy() for name, value in self.field.state_dict().items()},
            **({"known": self.skeleton.known} if self.skeleton.known is not None else {}),
            "center": self.similarity.center,
            "size": np.array(self.similarity.size),
            "weights": self.skin.weights.cpu().numpy().astype(np.float16),
            "painted": self.animated.albedo.cpu().numpy(),
            "light": self.animated.lighting.coefficients.cpu().numpy(),
            "motion_quaternion": self.motion.quaternion.cpu().numpy(),
            "motion_offset": self.motion.offset.cpu().numpy(),
            **{_prefix(index) + name: array for index, view in enumerate(self.views) for name, array in _view_arrays(view).items()},
            "neutral": self.neutral.cpu().numpy(),
            **({"held_weight": held.weight.cpu().numpy(), "held_place": held.place.cpu().numpy()} if (held := self.animated.held) else {}),
            **({_LIMITS + name: one.cpu().numpy() for name, one in vars(limits).items()} if (limits := self.animated.limits) else {}),
            "known_frame": np.array(-1 if self.known_frame is None else self.known_frame),
            "pinned": np.array(self.pinned, np.int64),
            FLIPS: np.array([astuple(spec) for spec in self.flips], np.int64).reshape(-1, 3),
            "guessed": np.array(self.guessed),
        }

    @staticmethod
    def from_arrays(arrays: dict[str, np.ndarray], asset: Asset, hexplane: HexPlaneSettings, backend: str, device: str) -> Solved:
        """From `to_arrays`. Raises KeyError, ValueError or RuntimeError where the arrays are no such, or of another asset.

        Args:
            asset: the mesh of the job.
            hexplane, backend: as in the job.
        """

        def tensor(name: str) -> Tensor:
            return torch.from_numpy(arrays[name]).to(device)

        weights = tensor("weights").float()
        if len(weights) != len(asset.vertices):
            raise ValueError(f"it is of {len(weights)} vertices, the mesh has {len(asset.vertices)}")
        weights = weights / weights.sum(1, keepdim=True)
        corner = torch.from_numpy(asset.triangles[arrays["triangle"]]).long().to(device)
        corners = torch.from_numpy(asset.vertices).to(device)[corner]
        bound = BoundGaussians(**{name: tensor(name) for name in _BOUND}, corners=corners)
        held = Held(tensor("held_weight"), tensor("held_place")) if "held_weight" in arrays else None
        limits = JointLimits(**{one.name: tensor(_LIMITS + one.name) for one in fields(JointLimits)}) if _LIMITS + "part" in arrays else None
        skin, light = Skin(weights[corner].flatten(0, 1)), Lighting(tensor("light"))
        animated = AnimatedAsset(bound, skin, tensor("painted"), light, backend, held=held, limits=limits)
        quaternion = tensor("motion_quaternion")
        field = HexPlaneField(len(quaternion), hexplane)
        field.load_state_dict({name.removeprefix(_FIELD): tensor(name) for name in arrays if name.startswith(_FIELD)})
        return Solved(
            asset.similarity,
            _skeleton(arrays),
            Skin(weights),
            animated,
            Motion(quaternion, matrix_from_quaternion(quaternion), tensor("motion_offset")),
            field.to(device),
            tuple(
                _view_from(arrays, index, device) for index in itertools.takewhile(lambda at: _prefix(at) + "pictures" in arrays, itertools.count())
            ),
            tensor("neutral"),
            None if arrays["known_frame"] < 0 else int(arrays["known_frame"]),
            tuple(arrays["pinned"].tolist()),
            # files of earlier versions lack these
            tuple(FlipSpec(*spec) for spec in arrays.get(FLIPS, np.zeros((0, 3), np.int64)).tolist()),
            bool(arrays.get("guessed", False)),
        )


def _prefix(index: int) -> str:
    """Before the names of a view's arrays; none for the first, which was the only one once."""
    return f"view_{index}." if index else ""


def _view_arrays(view: View) -> dict[str, np.ndarray]:
    reference = view.reference
    arrays = {
        "pictures": _to_bytes(torch.cat([reference.color, reference.alpha], 1)),
        "intrinsics": reference.intrinsics,
        "usable": reference.usable,
        "world_to_camera": view.viewmats,
    }
    if reference.backdrop is not None:
        arrays["backdrop"] = _to_bytes(torch.cat([reference.backdrop.shown, reference.backdrop.behind], 1))
    return arrays if view.lighting is None else {**arrays, "view_light": view.lighting.coefficients.cpu().numpy()}


def _view_from(arrays: dict[str, np.ndarray], index: int, device: str) -> View:
    own = {name.removeprefix(_prefix(index)): array for name, array in arrays.items() if name.startswith(_prefix(index))}
    color, alpha = _from_bytes(own["pictures"], device).split([3, 1], 1)
    backdrop = Backdrop(*_from_bytes(own["backdrop"], device).split(3, 1)) if "backdrop" in own else None
    reference = Reference(color, alpha, own["intrinsics"], own["usable"], backdrop)
    lighting = Lighting(torch.from_numpy(own["view_light"]).to(device)) if "view_light" in own else None
    # one matrix for all frames in files of earlier versions
    return View(reference, np.array(np.broadcast_to(own["world_to_camera"], (reference.frames, 4, 4))), lighting)


def _to_bytes(pictures: Tensor) -> np.ndarray:
    return (pictures * 255).round().clamp(0, 255).byte().cpu().numpy()


def _from_bytes(pictures: np.ndarray, device: str) -> Tensor:
    return torch.from_numpy(pictures).to(device).float() / 255


def _skeleton(arrays: dict[str, np.ndarray]) -> Skeleton:
    parent = arrays["parent"]
    depth = np.zeros(len(parent), np.int64)
    above = parent.copy()
    while (above >= 0).any():
        depth += above >= 0
        above = np.where(above >= 0, parent[above], -1)
    levels = tuple(np.flatnonzero(depth == level) for level in range(depth.max() + 1))
    joint, radius, mass, inertia = (arrays[name] for name in ("joint", "radius", "mass", "inertia"))
    return Skeleton(parent, joint, radius, mass, inertia, levels, known=arrays.get("known"))
