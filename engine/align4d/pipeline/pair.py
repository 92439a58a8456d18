"""Carrying out a route: what is missing of the pair of video and 3D asset is generated, step by step, and kept in the job's folder.

Each product is stored when its step is done, so that a job that was broken off goes on with the next one, see `products`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..cameras.orbit import Orbit, blender_from_normalized, normalized_from_blender
from ..errors import EngineError, writing
from ..generators.asset_object import arrays_of, asset_from, keep_gaussians, write_object
from ..generators.catalog import generator_of
from ..generators.interfaces import GeneratedAsset, GenerationOptions
from ..generators.mesh_extraction import extract_mesh
from ..generators.pictures import around_object, cut_out, fitted_fovy
from ..inputs.asset import Asset, load_asset
from ..inputs.gaussian_file import read_gaussians
from ..inputs.image_file import open_image
from ..inputs.images import load_picture
from ..inputs.masks import find_masks
from ..inputs.pictures import on_white
from ..inputs.reference_view import render_reference_view
from ..inputs.video import Clip, load_clip
from ..job.checkpoint import Checkpoint
from ..job.fingerprint import mesh_digest
from ..job.reporting import Reporter, tell_once
from ..machine.device import choose_device
from ..models.placing import Place
from ..models.store import ModelStore
from ..priors.prior import same_apparent_size
from ..protocol import COMPLETED, CameraSpec, Request, VideoSpec, as_matrix, write_json
from .cutting import cut_clip, given_masks
from .products import Products
from .route import JobInputs, Product, Route, plan, require_ready
from .settings import Settings, settings_for

STAGES: dict[Product, str] = {"image": "painting", "caption": "describing", "video": "filming", "asset": "reconstructing"}
"""Names of the stages, by what they make."""

LARGEST = 1024
"""Longest side of a picture that is worked on [px]."""

EXTRACTED = "extracted"
"""Of a stored asset: whether its mesh was extracted from its Gaussians, which are the asset then."""

MARGIN = 0.35
"""Of a picture that is cut around its object, what the object leaves free: it needs room to move."""


def given_by(request: Request) -> JobInputs:
    """What the artist gave."""
    video = bool(request.video.path or request.video.images)
    return JobInputs(bool(request.objects or request.gaussian_asset), video, bool(request.image), request.prompt)


def route_of(request: Request, settings: Settings, store: ModelStore | None = None) -> Route:
    """The route of a job. Raises EngineError, see `routes.plan`."""
    return plan(given_by(request), settings.generators, store or ModelStore())


def complete_pair(folder: Path, request: Request, report: Reporter, steps_after: int) -> tuple[Request, Route]:
    """A request with meshes and a video, and the route to it. Raises EngineError, see `PairMaker.complete` and `routes.plan`."""
    settings = settings_for(request.preset, request.settings)
    maker = PairMaker(folder, request, settings, choose_device(request.device), report, steps_after)
    return maker.complete(), maker.route


class PairMaker:
    """Makes what is missing of the pair.

    Args:
        folder: of the job.
        request: what was given.
        device: where models work.
        steps_after: stages of the job after these, for the progress.
    """

    def __init__(self, folder: Path, request: Request, settings: Settings, device: str, report: Reporter, steps_after: int) -> None:
        self.folder, self.request, self.settings, self.report = folder, request, settings, report
        self.route = route_of(request, settings)
        self.place = Place(torch.device(device), round(settings.generators.memory_gb * 1e9))
        self.total = len(self.route.steps) + steps_after
        made_by = settings.generators, settings.video_side, request.seed
        self.products = Products(folder, made_by, tell_once(report, "made_anew"))

    def complete(self) -> Request:
        """The request with meshes and a video.

        Raises:
            EngineError: "model_missing", "license_not_accepted", what is wrong with a model or with what was given.
        """
        require_ready(self.route)
        request = self.request
        if not self.route.steps and not request.gaussian_asset:
            return request
        if request.gaussian_asset:
            request = self._with_given_gaussians(request)
        picture = self._picture(request) if self.route.steps else None
        if picture is not None and self.route.step("video"):
            request = self._with_video(request, picture)
        if picture is not None and self.route.step("asset"):
            request = self._with_asset(request, picture)
        with writing():
            (self.folder / COMPLETED).parent.mkdir(exist_ok=True)
            write_json(self.folder / COMPLETED, request)
        return request

    # -- the picture that everything else is made of

    def _picture(self, request: Request) -> np.ndarray:
        """(H, W, 4) uint8: the object with its mask."""
        origin, make = self._origin(request)
        kept = self.products.made_of(**origin)
        stored = kept.load("picture")
        if stored is None:
            picture = make()
            if not request.objects and self.route.step("video"):
                picture = cut_out(picture, around_object(picture[..., 3], MARGIN), LARGEST)
            stored = {"pixels": picture}
            kept.save("picture", stored)
        return stored["pixels"]

    def _origin(self, request: Request) -> tuple[dict[str, object], Callable[[], np.ndarray]]:
        """What the picture is made of, by its name in a sentence, and what makes it."""
        if self.route.step("image"):
            return {"text": request.prompt}, lambda: self._painted(request)
        if request.image:
            image = _reduced(load_picture(Path(request.image)))
            return {"image": image}, lambda: _masked(image, "image")
        if request.video.path or request.video.images:
            clip = load_clip(request.video, self.settings.video_side)
            made_of = {"video": clip, "masks": given_masks(request.video)}
            return made_of, lambda: self._first_frame(request, clip, self.products.made_of(**made_of))
        asset = load_asset(request, self.folder)
        return {"mesh": mesh_digest(asset), "camera": request.camera}, lambda: _reference_view(asset, request.camera)

    def _first_frame(self, request: Request, clip: Clip, checkpoint: Checkpoint) -> np.ndarray:
        """(H, W, 4) uint8 with the object's mask."""
        masks, _ = cut_clip(self.folder, request, clip, checkpoint, self.report)
        return np.dstack([clip.frames[0], (masks.alpha[0] * 255).round().astype(np.uint8)])

    def _painted(self, request: Request) -> np.ndarray:
        with self._stage("image"), self._opened("image") as painter:
            return _masked(painter.paint(request.prompt, request.seed, self.report), "generated image")

    # -- the video

    def _with_video(self, request: Request, picture: np.ndarray) -> Request:
        prompt = request.prompt.strip() or self._caption(picture)
        kept = self.products.video(picture=picture, text=prompt)
        stored = kept.load()
        if stored is None:
            with self._stage("video"), self._opened("video") as camera:
                footage = camera.animate(on_white(picture), prompt, request.seed, self.report)
            kept.save(footage.frames, footage.fps)
            stored = kept.load()
        assert stored is not None  # it was just stored
        frames, fps = stored
        with open_image(frames[0]) as first:
            size = first.height, first.width
        video = VideoSpec(images=tuple(str(path.resolve()) for path in frames), fps=fps)
        fovy = fitted_fovy(request.camera.fovy, picture.shape, size)
        return dataclasses.replace(request, video=video, camera=dataclasses.replace(request.camera, fovy=fovy))

    def _caption(self, picture: np.ndarray) -> str:
        if not self.route.step("caption"):
            return ""
        kept = self.products.made_of(picture=picture)
        stored = kept.load("caption")
        if stored is None:
            with self._stage("caption"), self._opened("caption") as writer:
                stored = {"words": np.array(writer.describe(on_white(picture)))}
            kept.save("caption", stored)
        return str(stored["words"])

    # -- the asset

    def _with_asset(self, request: Request, picture: np.ndarray) -> Request:
        kept = self.products.made_of(picture=picture)
        stored = kept.load("asset")
        if stored is None:
            with self._stage("asset"), self._opened("asset") as maker:
                made = maker.reconstruct(picture, request.seed, self.report)
            whole = dataclasses.replace(made, mesh=made.mesh or extract_mesh(made, self.report))
            stored = {**arrays_of(whole), EXTRACTED: np.array(made.mesh is None)}
            kept.save("asset", stored)
        asset = asset_from(stored)
        assert asset.mesh is not None  # it was extracted before it was stored
        keep_gaussians(asset.gaussians if stored.get(EXTRACTED, False) else None, self.folder)
        spec = write_object(asset.mesh, self.folder, as_matrix(np.eye(4)))
        return dataclasses.replace(request, objects=(spec,), camera=self._camera(request, asset, picture))

    def _camera(self, request: Request, asset: GeneratedAsset, picture: np.ndarray) -> CameraSpec:
        """From where the video shows the asset: known where both were made of one picture, else a first guess."""
        camera, fovy, solve = asset.camera, asset.camera.fovy, not asset.exact
        if self.route.step("video"):
            with open_image(Path(request.video.images[0])) as frame:
                fovy = fitted_fovy(fovy, picture.shape, (frame.height, frame.width))
        elif self.request.image:
            fovy, solve = request.camera.fovy, True
            camera = Orbit(camera.azimuth, camera.elevation, same_apparent_size(camera.distance, camera.fovy, fovy))
        matrix = blender_from_normalized(camera.world_to_camera(), np.zeros(3), 1.0)
        return CameraSpec(as_matrix(matrix), fovy, solve)

    def _with_given_gaussians(self, request: Request) -> Request:
        """A file of Gaussians as an object where the file has them."""
        gaussians = read_gaussians(Path(request.gaussian_asset))
        low, high = gaussians.means.amin(0), gaussians.means.amax(0)
        center, size = (low + high) / 2, float((high - low).max()) or 1.0
        kept = self.products.made_of(Gaussians=gaussians, camera=request.camera.fovy)
        stored = kept.load("asset")
        if stored is None:
            inside = dataclasses.replace(gaussians, means=(gaussians.means - center) / size, scales=gaussians.scales / size)
            asset = GeneratedAsset(inside, Orbit(fovy=request.camera.fovy))
            stored = arrays_of(dataclasses.replace(asset, mesh=extract_mesh(asset, self.report)))
            kept.save("asset", stored)
        whole = asset_from(stored)
        mesh = whole.mesh
        assert mesh is not None  # it was extracted before it was stored
        keep_gaussians(whole.gaussians, self.folder)
        matrix = np.diag([size, size, size, 1.0])
        matrix[:3, 3] = center.numpy()
        spec = dataclasses.replace(write_object(mesh, self.folder, as_matrix(matrix)), name=Path(request.gaussian_asset).stem)
        return dataclasses.replace(request, objects=(spec,))

    # -- how a step runs

    @contextmanager
    def _stage(self, product: Product) -> Iterator[None]:
        step = self.route.step(product)
        assert step is not None  # only asked for steps of the route
        self.report.stage(STAGES[product], self.route.steps.index(step), self.total)
        self.report.check_cancelled()
        yield

    @contextmanager
    def _opened(self, product: Product) -> Iterator[Any]:
        """The generator of a step; closed at the end."""
        step = self.route.step(product)
        assert step is not None and step.card is not None and step.folder is not None  # the route is ready
        chosen = generator_of(step.card.id)
        assert chosen is not None  # its card is from the catalog
        settings = self.settings.generators
        with self.place.limited():
            generator = chosen.open(step.folder, self.place, GenerationOptions(settings.steps, settings.scale, settings.frames))
            try:
                yield generator
            finally:
                generator.close()


def _reference_view(asset: Asset, spec: CameraSpec) -> np.ndarray:
    """(H, W, 4) uint8: the mesh as the reference camera sees it. Raises EngineError "mesh_not_seen"."""
    camera = normalized_from_blender(np.array(spec.matrix_world), asset.similarity.center, asset.similarity.size)
    picture = render_reference_view(asset, camera, spec.fovy, LARGEST)
    if picture[..., 3].max() < 255:
        raise EngineError("mesh_not_seen", "The reference camera does not see the mesh.", "Point the camera at the mesh, or choose the front view.")
    return picture


def _masked(pixels: np.ndarray, what: str) -> np.ndarray:
    """(H, W, 4) with the object's mask, of (H, W, 3) or (H, W, 4) uint8. Raises EngineError, see `find_masks`."""
    alpha = pixels[None, ..., 3] if pixels.shape[2] == 4 and pixels[..., 3].min() < 255 else None
    colors = on_white(pixels) if pixels.shape[2] == 4 else pixels
    if alpha is None:
        clip = Clip(colors[None], None, 1.0, (pixels.shape[1], pixels.shape[0]))
        return np.dstack([colors, (find_masks(clip, what).alpha[0] * 255).round().astype(np.uint8)])
    return pixels


def _reduced(pixels: np.ndarray) -> np.ndarray:
    """The same, its longest side at most `LARGEST`."""
    scale = LARGEST / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    image = Image.fromarray(pixels)
    if image.mode == "RGBA":  # premultiplied: hidden colors must not bleed in
        return np.asarray(image.convert("RGBa").resize(size, Image.Resampling.BOX).convert("RGBA"))
    return np.asarray(image.resize(size, Image.Resampling.BOX))
