"""Judges of pictures: each is shown a clip batch by batch, keeps only small features, and gives its figures.

A judge whose weights or library are not there raises `Unavailable` when it is made: its figures are then "not measured", with the reason.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .consistency import adjacent_similarity, temporal_consistency
from .frechet import frechet_distance
from .networks.i3d import SIDE, I3d
from .networks.lpips import Lpips
from .networks.musiq import Musiq
from .networks.vision import AestheticHead, ClipPictures, DinoPictures
from .networks.weights import Unavailable, weights_in
from .pictures import psnr, ssim

CLIP_SMALL, CLIP_LARGE, DINO = "clip-vit-base-patch32", "clip-vit-large-patch14", "dino-vitb16"
"""Folders of the transformers models in the folder of metric models."""

WINDOW, STRIDE = 16, 8
"""FVD's clips [frames]: 16 long, one every 8."""

LONGEST_MUSIQ = 512
"""VBench shrinks larger pictures to this before MUSIQ [px]."""


Measure = Callable[[Tensor], Tensor]
Maker = Callable[[Path | None, torch.device], "Judge"]


class Judge(ABC):
    """One kind of figure."""

    @abstractmethod
    def show(self, found: np.ndarray, reference: np.ndarray | None) -> None:
        """The next pictures of the clip, (N, H, W, 3) uint8 each; the reference is None for judges of the found alone."""

    @abstractmethod
    def end_clip(self) -> dict[str, float]:
        """The clip's own figures; the next one begins. Figures that a clip alone does not have are left out."""

    def overall(self) -> dict[str, float | str]:
        """Figures over all clips that are no mean of the clips': a number, or why there is none."""
        return {}


class PixelJudge(Judge):
    """PSNR [dB] and SSIM: the mean over the frames, as Consistent4D has it. A frame that equals its reference is infinitely good."""

    def __init__(self) -> None:
        self._pairs: list[tuple[float, float]] = []

    def show(self, found: np.ndarray, reference: np.ndarray | None) -> None:
        """See `Judge`."""
        assert reference is not None
        self._pairs += [(psnr(one, other), ssim(one, other)) for one, other in zip(found, reference, strict=True)]

    def end_clip(self) -> dict[str, float]:
        """See `Judge`."""
        mean = np.mean(self._pairs, axis=0)
        self._pairs = []
        return {"psnr": float(mean[0]), "ssim": float(mean[1])}


class LpipsJudge(Judge):
    """LPIPS (VGG), one pair at a time: the features of a large picture take much memory."""

    def __init__(self, models: Path | None, device: torch.device) -> None:
        self._network = Lpips(weights_in(models, "vgg16")).to(device)
        self._device = device
        self._distances: list[float] = []

    def show(self, found: np.ndarray, reference: np.ndarray | None) -> None:
        """See `Judge`."""
        assert reference is not None
        for pair in zip(found, reference, strict=True):
            one, other = (as_tensor(picture[None], self._device) for picture in pair)
            self._distances.append(float(self._network(one, other)))

    def end_clip(self) -> dict[str, float]:
        """See `Judge`."""
        mean = float(np.mean(self._distances))
        self._distances = []
        return {"lpips": mean}


class ClipJudge(Judge):
    """CLIP similarity of found and reference (ViT-B/32), and CLIP-F, that of neighboring found frames."""

    def __init__(self, models: Path | None, device: torch.device) -> None:
        self._features = ClipPictures(models, CLIP_SMALL, device, smooth=True)
        self._device = device
        self._kept: list[tuple[Tensor, Tensor]] = []

    def show(self, found: np.ndarray, reference: np.ndarray | None) -> None:
        """See `Judge`."""
        assert reference is not None
        one, other = (self._features(as_tensor(pictures, self._device)).cpu() for pictures in (found, reference))
        self._kept.append((one, other))

    def end_clip(self) -> dict[str, float]:
        """See `Judge`."""
        found, reference = (torch.cat(parts) for parts in zip(*self._kept, strict=True))
        self._kept = []
        figures = {"clip": float((found * reference).sum(dim=1).mean())}
        return figures | ({"clip_f": adjacent_similarity(found)} if len(found) > 1 else {})


class FvdJudge(Judge):
    """FVD: the Fréchet distance of I3D's answers to 16-frame clips of the found and of the reference videos."""

    def __init__(self, models: Path | None, device: torch.device) -> None:
        self._network = I3d(weights_in(models, "i3d")).to(device)
        self._device = device
        self._waiting: tuple[list[Tensor], list[Tensor]] = ([], [])
        self._answers: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])

    def show(self, found: np.ndarray, reference: np.ndarray | None) -> None:
        """See `Judge`."""
        assert reference is not None
        for pictures, waiting, answers in zip((found, reference), self._waiting, self._answers, strict=True):
            for picture in pictures:
                small = functional.interpolate(as_tensor(picture[None], self._device), (SIDE, SIDE), mode="bilinear", antialias=True)
                waiting.append(2 * small[0] - 1)
                if len(waiting) == WINDOW:
                    answers.append(self._network(torch.stack(waiting, dim=1)[None])[0].cpu().numpy())
                    del waiting[:STRIDE]

    def end_clip(self) -> dict[str, float]:
        """See `Judge`; what is left over is shorter than a window, or was in the last one."""
        for waiting in self._waiting:
            waiting.clear()
        return {}

    def overall(self) -> dict[str, float | str]:
        """See `Judge`."""
        found, reference = self._answers
        if len(found) < 2:
            return {"fvd": f"it needs two clips of {WINDOW} frames or more; there are {len(found)}"}
        return {"fvd": frechet_distance(np.stack(found), np.stack(reference))}


class ConsistencyJudge(Judge):
    """VBench's consistency of a clip. Args: figure: its name; features: unit features (N, D) of (N, 3, H, W) sRGB in [0, 1]."""

    def __init__(self, figure: str, features: Measure, device: torch.device) -> None:
        self._figure = figure
        self._features, self._device = features, device
        self._kept: list[Tensor] = []

    def show(self, found: np.ndarray, reference: np.ndarray | None) -> None:
        """See `Judge`."""
        self._kept.append(self._features(as_tensor(found, self._device)).cpu())

    def end_clip(self) -> dict[str, float]:
        """See `Judge`."""
        features = torch.cat(self._kept)
        self._kept = []
        return {self._figure: temporal_consistency(features)}


class ScoreJudge(Judge):
    """The mean score of a clip's pictures. Args: figure: its name; score: (N,) of (N, 3, H, W) sRGB in [0, 1]."""

    def __init__(self, figure: str, score: Measure, device: torch.device) -> None:
        self._figure = figure
        self._score, self._device = score, device
        self._scores: list[float] = []

    def show(self, found: np.ndarray, reference: np.ndarray | None) -> None:
        """See `Judge`."""
        self._scores += self._score(as_tensor(found, self._device)).tolist()

    def end_clip(self) -> dict[str, float]:
        """See `Judge`."""
        mean = float(np.mean(self._scores))
        self._scores = []
        return {self._figure: mean}


def subject_judge(models: Path | None, device: torch.device) -> Judge:
    """VBench's subject consistency: DINO's features."""
    return ConsistencyJudge("subject_consistency", DinoPictures(models, DINO, device), device)


def background_judge(models: Path | None, device: torch.device) -> Judge:
    """VBench's background consistency: CLIP's features."""
    return ConsistencyJudge("background_consistency", ClipPictures(models, CLIP_SMALL, device, smooth=False), device)


def aesthetic_judge(models: Path | None, device: torch.device) -> Judge:
    """VBench's aesthetic quality: LAION's head on CLIP ViT-L/14, a tenth of its 0 to 10."""
    weights = weights_in(models, "aesthetic")
    features = ClipPictures(models, CLIP_LARGE, device, smooth=False)
    head = AestheticHead(weights, int(features.model.config.projection_dim)).to(device)
    return ScoreJudge("aesthetic_quality", lambda pictures: head(features(pictures)) / 10, device)


def imaging_judge(models: Path | None, device: torch.device) -> Judge:
    """VBench's imaging quality: MUSIQ (SPAQ), a hundredth of its 0 to 100."""
    network = Musiq(weights_in(models, "musiq")).to(device)

    def score(pictures: Tensor) -> Tensor:
        scale = LONGEST_MUSIQ / max(pictures.shape[2:])
        if scale < 1:
            height, width = (round(side * scale) for side in pictures.shape[2:])
            pictures = functional.interpolate(pictures, (height, width), mode="bilinear")
        return network(pictures) / 100

    return ScoreJudge("imaging_quality", score, device)


PAIRED: tuple[tuple[tuple[str, ...], Maker], ...] = (
    (("psnr", "ssim"), lambda models, device: PixelJudge()),
    (("lpips",), LpipsJudge),
    (("clip", "clip_f"), ClipJudge),
    (("fvd",), FvdJudge),
)
"""Judges that compare with a reference, and their figures."""

SURROUND: tuple[tuple[tuple[str, ...], Maker], ...] = (
    (("subject_consistency",), subject_judge),
    (("background_consistency",), background_judge),
    (("aesthetic_quality",), aesthetic_judge),
    (("imaging_quality",), imaging_judge),
)
"""Judges of the found alone: VBench's four dimensions."""


def make_judges(kinds: tuple[tuple[tuple[str, ...], Maker], ...], models: Path | None, device: torch.device) -> tuple[list[Judge], dict[str, str]]:
    """The judges that can work here, and for the figures of the others why they cannot.

    Raises:
        EngineError: "metric_weights" where weights are there, but broken or of another network.
    """
    judges, missing = [], {}
    for figures, make in kinds:
        try:
            judges.append(make(models, device))
        except Unavailable as reason:
            missing.update(dict.fromkeys(figures, str(reason)))
    return judges, missing


def as_tensor(pictures: np.ndarray, device: torch.device) -> Tensor:
    """(N, 3, H, W) float32 in [0, 1] of (N, H, W, 3) uint8."""
    return torch.from_numpy(np.array(pictures)).to(device).permute(0, 3, 1, 2).float() / 255
