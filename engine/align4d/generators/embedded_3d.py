"""Image to 3D with nothing downloaded: the embedded prior is asked what the object looks like from all around, and the picture's outline
is carved by its answers.

    picture -> shot: where the camera stood (`take_shot`)
            -> 25 views from all around, blurred where the prior does not know (`look_around`)
            -> a closed surface: the picture's outline, as deep as the views allow, round at its edges (`carve`)
            -> a UV map and one texture: the picture's own pixels in front, the views' colors elsewhere (`unwrap`, `paint`)
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from ..cameras.orbit import Orbit, orbit_from_matrix
from ..job.reporting import Reporter
from ..models.card import ModelCard, ModelNeed
from ..models.placing import Place
from ..priors.embedded import load_embedded_prior
from ..priors.prior import MultiviewPrior, PriorFacts
from ..priors.view_geometry import FOVY
from ..reconstruction.carving import lattice_behind
from ..reconstruction.shot import Shot, straight_intrinsics, take_shot
from ..reconstruction.solid import SolidSettings, Surface, carve
from ..reconstruction.surrounding_views import SurroundingViews, look_around
from ..reconstruction.texture import paint
from ..reconstruction.textured_asset import surface_gaussians
from ..reconstruction.textured_mesh import TexturedMesh
from ..reconstruction.unwrapping import unwrap
from .interfaces import GeneratedAsset, GenerationOptions, ImageTo3D

ELEVATION = 0.0
"""From which pictures are taken to be shot [degrees]: level, as most are."""

TEXTURE_SIDE = 1024
"""[px]"""

GAUSSIANS = 20_000

LEAST_SEEN = 0.2
"""Covered part of the views over that of the picture, below which the prior has seen no object in it."""

AT_WORK = 400_000_000
"""Alive beside the prior's weights while it answers [bytes]."""


class Embedded3D(ImageTo3D):
    """See `ImageTo3D`; ships with the engine, and a CPU is enough."""

    card = ModelCard(
        id="embedded",
        role="image_to_3d",
        name="Align4D's own",
        license="GPL-3.0-or-later",
        non_commercial=False,
        source="",
        size_on_disk=0,
        need=ModelNeed(AT_WORK, AT_WORK, AT_WORK),
    )

    def __init__(self, prior: MultiviewPrior | None, facts: PriorFacts, settings: SolidSettings | None = None) -> None:
        """`prior`: None only inflates the outline: what the views are measured against."""
        self.prior, self.facts, self.settings = prior, facts, settings or SolidSettings()

    @classmethod
    def open(cls, folder: Path, place: Place, options: GenerationOptions) -> Self:
        """See `Generator`."""
        prior = load_embedded_prior(place.device)
        return cls(prior, prior.facts)

    def reconstruct(self, picture: np.ndarray, seed: int, report: Reporter) -> GeneratedAsset:
        """See `ImageTo3D`."""
        shot = take_shot(picture, FOVY, ELEVATION, self.facts)
        views = self.look_around(shot, seed, report)
        surface = self.surface(shot, views)
        report.check_cancelled()
        unwrapped = unwrap(surface, TEXTURE_SIDE)
        texture = paint(unwrapped, shot, views, TEXTURE_SIDE)
        vertices, camera = normalized(surface, shot.camera)
        mesh = TexturedMesh(vertices, surface.triangles, unwrapped.corner_uv, texture)
        return GeneratedAsset(surface_gaussians(mesh, GAUSSIANS, seed), camera, mesh, exact=True)

    def look_around(self, shot: Shot, seed: int, report: Reporter) -> SurroundingViews | None:
        """What the prior says; None where it makes nothing of the picture, so that the outline has to do."""
        if self.prior is None:
            return None
        views = look_around(self.prior, shot, seed, report)
        _, coverage = shot.straight(self.facts.size, self.facts.fovy, self.facts)
        if float(views.alpha.mean()) >= LEAST_SEEN * float(coverage.mean()):
            return views
        report.warn("outline_only", "Align4D's own model makes nothing of this picture: its other sides are guessed from the outline alone.")
        return None

    def surface(self, shot: Shot, views: SurroundingViews | None) -> Surface:
        """The object's surface around the origin, longest side about 1."""
        side = self.settings.side
        _, coverage = shot.straight(side, shot.close_fovy, self.facts)
        straight = shot.camera.moved(yaw=0.0, pitch=0.0).world_to_camera()
        lattice = lattice_behind(straight_intrinsics(shot.close_fovy, side), straight, side, shot.camera.distance)
        return carve(lattice, coverage[0].numpy(), views, self.settings)


def normalized(surface: Surface, camera: Orbit) -> tuple[np.ndarray, Orbit]:
    """Vertices (V, 3) float32 with the bounding box's center at the origin and its longest side 1, and the camera that sees them as before."""
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    center, size = (low + high) / 2, float((high - low).max())
    matrix = camera.world_to_camera()
    matrix[:3, 3] = (matrix[:3, :3] @ center + matrix[:3, 3]) / size
    return ((surface.vertices - center) / size).astype(np.float32), orbit_from_matrix(matrix, camera.fovy)
