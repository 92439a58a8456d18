"""Every picture metric against an independent reference: torchmetrics, scipy, transformers' own preparation, or a closed form."""

from __future__ import annotations

import math
from pathlib import Path

import metric_models
import numpy as np
import pytest
import torch
from align4d_lab.metrics import judges
from align4d_lab.metrics.consistency import adjacent_similarity, temporal_consistency
from align4d_lab.metrics.frechet import frechet_distance
from align4d_lab.metrics.networks import musiq
from align4d_lab.metrics.networks.i3d import I3d, Unit
from align4d_lab.metrics.networks.lpips import HEADS, Lpips
from align4d_lab.metrics.networks.vision import CLIP_DEVIATION, CLIP_MEAN, ClipPictures, prepare
from align4d_lab.metrics.networks.weights import Unavailable, load_into
from align4d_lab.metrics.pictures import psnr, ssim
from PIL import Image
from scipy.linalg import sqrtm
from torch import Tensor, nn
from torchmetrics.functional.image import lpips as reference_lpips
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from align4d.errors import EngineError

CPU = torch.device("cpu")


def blotches(height: int, width: int, seed: int) -> np.ndarray:
    """(H, W, 3) uint8 with structure at several scales."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3)).repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
    return np.clip(coarse + rng.normal(0, 12, coarse.shape), 0, 255).astype(np.uint8)


def tensor(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None]


@pytest.mark.parametrize("size", [(64, 64), (33, 70), (6, 11)])
def test_psnr_and_ssim_are_torchmetrics(size: tuple[int, int]) -> None:
    first, second = blotches(*size, 0), blotches(*size, 1)
    half = ((first.astype(int) + second) // 2).astype(np.uint8)
    for other in (second, half, 255 - first):
        wanted = peak_signal_noise_ratio(tensor(other), tensor(first), data_range=255.0)
        assert psnr(first, other) == pytest.approx(float(wanted), abs=1e-4)
        wanted = structural_similarity_index_measure(tensor(other), tensor(first), data_range=255.0)
        assert ssim(first, other) == pytest.approx(float(wanted), abs=1e-4)
    assert ssim(first, first) == pytest.approx(1, abs=1e-6) and psnr(first, first) == math.inf
    with pytest.raises(ValueError, match="same shape"):
        ssim(first, first[:-1])


def test_lpips_is_torchmetrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metric_models.write_vgg(tmp_path / "vgg16")
    ours = Lpips(tmp_path / "vgg16" / "model.safetensors")
    monkeypatch.setattr(reference_lpips, "_get_tv_model_features", lambda *_: metric_models.random_vgg().features)  # in torchvision's place
    theirs = reference_lpips._LPIPS(pretrained=True, net="vgg", pnet_rand=True)  # with the heads that torchmetrics ships
    first, second = torch.rand(2, 3, 48, 40), torch.rand(2, 3, 48, 40)
    torch.testing.assert_close(ours(first, second), theirs(2 * first - 1, 2 * second - 1).flatten(), rtol=1e-4, atol=1e-6)
    assert ours(first, first).max() == 0 and HEADS.stat().st_size < 10_000


def test_frechet_distance_has_the_closed_form() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, (200, 5)), rng.normal(0.5, 2, (150, 5)) @ rng.normal(0, 1, (5, 5))
    s1, s2 = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    shift = first.mean(axis=0) - second.mean(axis=0)
    assert frechet_distance(first, second) == pytest.approx(shift @ shift + np.trace(s1 + s2 - 2 * sqrtm(s1 @ s2).real), rel=1e-6)
    line = np.array([[0.0], [2.0]]), np.array([[10.0], [10.0]])  # deviations sqrt(2) and 0
    assert frechet_distance(*line) == pytest.approx(81 + 2)
    few = rng.normal(0, 1, (3, 400))  # fewer samples than features
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(few, few + 1) == pytest.approx(400)
    with pytest.raises(ValueError, match="two or more"):
        frechet_distance(few[:1], few)


def test_consistencies_have_closed_forms() -> None:
    angles = torch.tensor([0.0, 0.5, 1.0])
    features = torch.stack([angles.cos(), angles.sin()], dim=1)
    assert adjacent_similarity(features) == pytest.approx(math.cos(0.5))
    assert temporal_consistency(features) == pytest.approx((math.cos(0.5) + (math.cos(1.0) + math.cos(0.5)) / 2) / 2)
    opposite = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert temporal_consistency(opposite) == 0 and adjacent_similarity(opposite) == -1
    with pytest.raises(ValueError, match="no neighbor"):
        temporal_consistency(features[:1])


def test_i3d_accepts_the_published_names_and_answers_per_clip() -> None:
    network = I3d().eval()
    names = set(network.state_dict())
    published = "Conv3d_1a_7x7.conv3d.weight Mixed_3b.b0.bn.running_var Mixed_4f.b1a.conv3d.weight Mixed_5c.b3b.bn.bias logits.conv3d.bias"
    assert set(published.split()) <= names and "Conv3d_1a_7x7.conv3d.bias" not in names
    assert sum(parameter.numel() for parameter in network.parameters()) == 12_697_264  # as published, for 400 classes
    with torch.inference_mode():
        network.logits.conv3d.weight.zero_()
        network.logits.conv3d.bias.copy_(torch.arange(400.0))
    answer = network(torch.zeros(1, 3, 9, 224, 224))
    assert answer.shape == (1, 400) and answer[0].tolist() == list(range(400))


def test_i3d_pads_as_tensorflow_does() -> None:
    unit = Unit(1, 1, (1, 3, 3), (1, 2, 2), plain=True)
    nn.init.ones_(unit.conv3d.weight)
    nn.init.zeros_(unit.conv3d.bias)
    with torch.no_grad():
        even = unit(torch.ones(1, 1, 1, 4, 4))[0, 0, 0]
        odd = unit(torch.ones(1, 1, 1, 5, 5))[0, 0, 0]
    assert even.tolist() == [[9, 6], [6, 4]]  # one row of zeros, behind
    assert odd.tolist() == [[4, 6, 4], [6, 9, 6], [4, 6, 4]]  # one on each side


def test_musiq_sees_three_scales_and_attends_as_torch_does() -> None:
    patches, places, scales = musiq.multiscale_patches(torch.rand(2, 3, 100, 64))
    counts = [7 * math.ceil(143 / 32), 12 * math.ceil(246 / 32), 4 * 2]
    assert patches.shape == (2, sum(counts), 3, 32, 32) and torch.bincount(scales).tolist() == counts
    assert (places[: counts[0]] // 10).unique().tolist() == [0, 1, 2, 4, 5, 7, 8]  # 7 rows on a grid of 10
    size = musiq.MusiqSize(hidden=12, heads=3, layers=2, mlp=8)
    ours, theirs = musiq.Attention(size), nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in (ours.query, ours.key, ours.value)]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in (ours.query, ours.key, ours.value)]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
        tokens = torch.rand(2, 5, 12)
        torch.testing.assert_close(ours(tokens), theirs(tokens, tokens, tokens)[0])
    whole = musiq.Musiq(size=size).eval()
    assert whole(torch.rand(2, 3, 70, 90)).shape == (2,)
    published = "block1.gn_proj.weight transformer_encoder.transformer.encoderblock_1.mlp.fc2.bias transformer_encoder.posembed_input.position_emb"
    assert set(published.split()) <= set(whole.state_dict())


def test_pictures_are_prepared_as_clip_prepares_them() -> None:
    picture = blotches(90, 120, 3)
    image = Image.fromarray(picture).resize((round(120 * 32 / 90), 32), Image.Resampling.BICUBIC)
    middle = np.asarray(image)[:, (image.width - 32) // 2 :][:, :32]
    wanted = (middle / 255 - np.array(CLIP_MEAN)) / np.array(CLIP_DEVIATION)
    ours = prepare(judges.as_tensor(picture[None], CPU), 32, "bicubic", True, CLIP_MEAN, CLIP_DEVIATION)
    levels = 255 * np.abs(ours[0].permute(1, 2, 0).numpy() - wanted) * np.array(CLIP_DEVIATION)
    assert levels.mean() < 0.5 and levels.max() < 4.5  # Pillow rounds to 8 bits between its two passes


def test_clip_judges_pairs_and_neighbors(tmp_path: Path) -> None:
    metric_models.write_clip(tmp_path / judges.CLIP_SMALL)
    clip = np.stack([blotches(40, 40, seed) for seed in range(3)])
    judge = judges.ClipJudge(tmp_path, CPU)
    judge.show(clip[:2], clip[:2])
    judge.show(clip[2:], clip[2:])
    features = ClipPictures(tmp_path, judges.CLIP_SMALL, CPU, smooth=True)(judges.as_tensor(clip, CPU))
    torch.testing.assert_close(features.norm(dim=1), torch.ones(3))
    figures = judge.end_clip()
    assert figures == {"clip": pytest.approx(1), "clip_f": pytest.approx(adjacent_similarity(features), abs=1e-5)}
    judge.show(clip[:1], clip[1:2])
    assert judge.end_clip() == {"clip": pytest.approx(float(features[0] @ features[1]), abs=1e-5)}  # one frame has no neighbor


def test_fvd_looks_at_overlapping_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class MeanColor(nn.Module):
        def __init__(self, weights: Path) -> None:
            super().__init__()

        def forward(self, clips: Tensor) -> Tensor:
            assert clips.shape == (1, 3, judges.WINDOW, 224, 224)
            return clips.mean(dim=(2, 3, 4))

    (tmp_path / "i3d").mkdir()
    (tmp_path / "i3d" / "model.safetensors").touch()
    monkeypatch.setattr(judges, "I3d", MeanColor)
    judge = judges.FvdJudge(tmp_path, CPU)
    found = np.full((24, 8, 8, 3), 255, np.uint8) * (np.arange(24) >= 12).astype(np.uint8)[:, None, None, None]
    judge.show(found[:10], np.zeros_like(found[:10]))
    assert judge.overall() == {"fvd": "it needs two clips of 16 frames or more; there are 0"}
    judge.show(found[10:], np.zeros_like(found[10:]))
    assert judge.end_clip() == {}
    gray = np.array([[4 / 16], [12 / 16]]) * 2 - 1  # frames 0 to 15, and 8 to 23
    wanted = frechet_distance(np.repeat(gray, 3, axis=1), -np.ones((2, 3)))
    assert judge.overall()["fvd"] == pytest.approx(wanted, rel=1e-5)


def test_what_is_not_there_is_not_measured(tmp_path: Path) -> None:
    found, missing = judges.make_judges(judges.PAIRED, None, CPU)
    assert [type(judge) for judge in found] == [judges.PixelJudge]
    assert set(missing) == {"lpips", "clip", "clip_f", "fvd"} and "--models" in missing["fvd"]
    (tmp_path / "i3d").mkdir()
    (tmp_path / "i3d" / "model.pt").write_bytes(b"a pickle is never opened")
    assert "not there" in judges.make_judges(judges.PAIRED, tmp_path, CPU)[1]["fvd"]
    found, missing = judges.make_judges(judges.SURROUND, tmp_path, CPU)
    assert not found and len(missing) == 4
    with pytest.raises(Unavailable):
        judges.LpipsJudge(tmp_path, CPU)


def test_other_weights_are_refused_with_a_sentence(tmp_path: Path) -> None:
    metric_models.write_aesthetic(tmp_path / "i3d")
    with pytest.raises(EngineError, match="does not hold the weights of I3d: it lacks Conv3d_1a_7x7"):
        judges.FvdJudge(tmp_path, CPU)
    path = tmp_path / "i3d" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(EngineError, match="no complete safetensors file"):
        load_into(nn.Linear(2, 2), path)
    metric_models.write_clip(tmp_path / judges.CLIP_SMALL)
    weights = tmp_path / judges.CLIP_SMALL / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EngineError, match="no complete safetensors file"):
        judges.ClipJudge(tmp_path, CPU)
