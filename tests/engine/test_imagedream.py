"""ImageDream: its network against the published names and against diffusers' U-Net; cameras, groups of views, conditions."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from PIL import Image
from prior_models import SMALL_UNET, save_imagedream
from transformers import CLIPImageProcessor, CLIPTextModel

from align4d.cameras.orbit import Orbit
from align4d.priors.imagedream import ImageDreamPrior, camera_matrices, load_imagedream
from align4d.priors.imagedream_unet.attention import Attention
from align4d.priors.imagedream_unet.config import MultiviewUNetConfig
from align4d.priors.imagedream_unet.network import MultiviewUNet
from align4d.priors.prior import Condition, RelativeCamera, guided_noise
from align4d.priors.prior_options import PriorOptions

CPU = torch.device("cpu")

BACKBONE_PARAMETERS = 865_910_724
"""Of Stable Diffusion 2.1's U-Net, as others count them in the published weights."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_imagedream(tmp_path_factory.mktemp("models") / "imagedream-ipmv-diffusers")


@pytest.fixture(scope="module")
def prior(folder: Path) -> ImageDreamPrior:
    return load_imagedream(folder, CPU, PriorOptions())


@pytest.fixture(scope="module")
def condition(prior: ImageDreamPrior) -> Condition:
    pictures = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(5))
    return prior.condition(pictures, torch.tensor([10.0, 20.0]), torch.tensor([1.5, 1.5]))


def around(count: int = 4) -> RelativeCamera:
    zero = torch.zeros(count)
    return RelativeCamera(zero, torch.arange(count) % 4 * 90.0, zero)


def noisy(count: int = 4) -> torch.Tensor:
    return torch.randn(count, 4, 32, 32, generator=torch.Generator().manual_seed(7))


def own_additions(config: MultiviewUNetConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes that the published weights have beside Stable Diffusion 2.1's."""
    wide, context, tokens, clip = config.time_channels, config.context_dim, config.image_tokens, config.image_dim
    inner = config.resampler_heads * 64
    names: dict[str, tuple[int, ...]] = {
        "camera_embed.0.weight": (wide, 16),
        "camera_embed.0.bias": (wide,),
        "camera_embed.2.weight": (wide, wide),
        "camera_embed.2.bias": (wide,),
        "image_embed.latents": (1, tokens, context),
        "image_embed.proj_in.weight": (context, clip),
        "image_embed.proj_in.bias": (context,),
        "image_embed.proj_out.weight": (context, context),
        "image_embed.proj_out.bias": (context,),
        "image_embed.norm_out.weight": (context,),
        "image_embed.norm_out.bias": (context,),
    }
    for layer in range(config.resampler_depth):
        attention, feed = f"image_embed.layers.{layer}.0", f"image_embed.layers.{layer}.1"
        names |= {f"{attention}.{norm}.{part}": (context,) for norm in ("norm1", "norm2") for part in ("weight", "bias")}
        names |= {f"{attention}.to_q.weight": (inner, context), f"{attention}.to_kv.weight": (2 * inner, context)}
        names |= {f"{attention}.to_out.weight": (context, inner), f"{feed}.0.weight": (context,), f"{feed}.0.bias": (context,)}
        names |= {f"{feed}.1.weight": (4 * context, context), f"{feed}.3.weight": (context, 4 * context)}
    places = {**{f"input_blocks.{i}.1": [320, 640, 1280][i // 3] for i in (1, 2, 4, 5, 7, 8)}, "middle_block.1": 1280}
    places |= {f"output_blocks.{i}.1": [1280, 1280, 640, 320][i // 3] for i in range(3, 12)}
    for place, channels in places.items():
        names |= {f"{place}.transformer_blocks.0.attn2.to_{what}_ip.weight": (channels, context) for what in ("k", "v")}
    return names


def as_diffusers(weights: dict[str, torch.Tensor], layers: int) -> dict[str, torch.Tensor]:
    """Weights under the names of diffusers' U-Net, by diffusers' own converter from the original names of Stable Diffusion."""
    original = {f"model.diffusion_model.{name}": one for name, one in weights.items()}
    return convert_ldm_unet_checkpoint(original, {"layers_per_block": layers})


def diffusers_unet(config: MultiviewUNetConfig) -> UNet2DConditionModel:
    """Stable Diffusion 2.1's U-Net of the same sizes."""
    channels = tuple(multiple * config.model_channels for multiple in config.channel_mult)
    attends = [2**level in config.attention_resolutions for level in range(len(channels))]
    return UNet2DConditionModel(
        in_channels=4,
        out_channels=4,
        block_out_channels=channels,
        layers_per_block=config.num_res_blocks,
        down_block_types=tuple("CrossAttnDownBlock2D" if one else "DownBlock2D" for one in attends),
        up_block_types=tuple("CrossAttnUpBlock2D" if one else "UpBlock2D" for one in reversed(attends)),
        cross_attention_dim=config.context_dim,
        attention_head_dim=tuple(one // config.num_head_channels for one in channels),
        use_linear_projection=True,
    )


def test_the_published_names_and_shapes() -> None:
    config = MultiviewUNetConfig()
    with torch.device("meta"):
        found = {name: one for name, one in MultiviewUNet(config).state_dict().items()}
        expected = diffusers_unet(config).state_dict()
    additions = own_additions(config)
    assert {name: tuple(found.pop(name).shape) for name in additions} == additions
    assert sum(one.numel() for one in found.values()) == BACKBONE_PARAMETERS
    assert {name: one.shape for name, one in as_diffusers(found, config.num_res_blocks).items()} == {n: one.shape for n, one in expected.items()}


@torch.no_grad()
def test_one_view_without_picture_and_camera_is_stable_diffusion() -> None:
    torch.manual_seed(3)
    config = replace(SMALL_UNET, channel_mult=(1, 2, 2), attention_resolutions=(2, 1), num_res_blocks=2)
    network, reference = MultiviewUNet(config).eval(), diffusers_unet(config).eval()
    for name, parameter in network.named_parameters():
        if name.startswith("camera_embed.2") or name.endswith("to_v_ip.weight"):
            parameter.zero_()
    weights = {name: one for name, one in network.state_dict().items() if not name.startswith(("camera_embed", "image_embed")) and "_ip." not in name}
    reference.load_state_dict(as_diffusers(weights, config.num_res_blocks))
    latent, text, when = torch.randn(2, 4, 16, 16), torch.randn(2, 5, config.context_dim), torch.tensor([3, 900])
    image = torch.randn(2, config.image_tokens, config.context_dim)
    found = network(latent, when, torch.randn(2, 16), text, image, views=1)
    torch.testing.assert_close(found, reference(latent, when, encoder_hidden_states=text).sample, atol=1e-5, rtol=1e-4)


def test_the_conditions_view_is_imagedreams_front_on_plus_x() -> None:
    front = camera_matrices(torch.zeros(1), torch.zeros(1)).reshape(4, 4)
    expected = torch.tensor([[0.0, 0, 1, 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])  # columns: right, up, back, place
    torch.testing.assert_close(front, expected, atol=1e-6, rtol=0)


def test_cameras_are_the_engines_own_turned_by_the_fronts_azimuth() -> None:
    elevation, azimuth = 20.0, 40.0
    found = camera_matrices(torch.tensor([elevation]), torch.tensor([azimuth])).reshape(4, 4)
    world_to_camera = torch.as_tensor(Orbit(azimuth=azimuth + 90, elevation=elevation, distance=1.0).world_to_camera(), dtype=torch.float32)
    ours = torch.linalg.inv(world_to_camera) @ torch.diag(torch.tensor([1.0, -1, -1, 1]))  # down and forward become up and back
    torch.testing.assert_close(found, ours.reshape(4, 4), atol=1e-5, rtol=0)


def test_latent_of_the_condition_is_scaled(prior: ImageDreamPrior, condition: Condition) -> None:
    pictures = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        torch.testing.assert_close(condition.features[1], prior.encode(pictures))


def test_picture_tokens_come_from_clips_last_layer_but_one(prior: ImageDreamPrior, condition: Condition) -> None:
    pictures = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(5))
    clip = prior.image_encoder.module
    with torch.no_grad():
        hidden = clip.pre_layrnorm(clip.embeddings(prior.clip_pictures(pictures)))
        for layer in clip.encoder.layers[:-1]:
            hidden = layer(hidden, None)
        torch.testing.assert_close(condition.features[0], prior.unet.module.image_embed(hidden))


def test_pictures_are_prepared_as_clips_own_processor_does(prior: ImageDreamPrior) -> None:
    picture = torch.rand(3, 256, 256, generator=torch.Generator().manual_seed(6))
    image = Image.fromarray((picture.permute(1, 2, 0) * 255).round().byte().numpy())
    expected = CLIPImageProcessor()(image, return_tensors="pt").pixel_values
    assert (prior.clip_pictures(picture[None]) - expected).abs().mean() < 0.01


def test_prompt_is_begun_ended_and_padded(prior: ImageDreamPrior, folder: Path) -> None:
    with torch.no_grad():
        expected = CLIPTextModel.from_pretrained(folder / "text_encoder")(torch.tensor([[6, 7, *[0] * 75]]))[0]
    torch.testing.assert_close(prior.text, expected)


def test_views_of_a_frame_are_coupled_and_frames_are_not(prior: ImageDreamPrior, condition: Condition) -> None:
    index, when = torch.tensor([0] * 4 + [1] * 4), torch.full((8,), 500)
    changed = noisy(8)
    changed[1] += 1
    before, after = (prior.predict_noise(one, when, condition.take(index), around(8)) for one in (noisy(8), changed))
    moved = (after - before).abs().amax((1, 2, 3))
    assert (moved[:4] > 1e-4).all()
    assert (moved[4:] == 0).all()


def test_frames_that_are_judged_in_turns_are_whole(folder: Path, condition: Condition) -> None:
    thrifty = load_imagedream(folder, CPU, PriorOptions(batch=5))
    index, when = torch.tensor([0] * 4 + [1] * 4), torch.full((8,), 500)
    found, expected = (
        one.predict_noise(noisy(8), when, condition.take(index), around(8)) for one in (thrifty, load_imagedream(folder, CPU, PriorOptions(batch=8)))
    )
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_the_order_of_views_does_not_matter(prior: ImageDreamPrior, condition: Condition) -> None:
    order, when, given = torch.tensor([2, 0, 3, 1]), torch.full((4,), 500), condition.take(torch.zeros(4, dtype=torch.long))
    camera = around()
    shuffled = RelativeCamera(camera.elevation, camera.azimuth[order], camera.distance)
    found = prior.predict_noise(noisy()[order], when, given, shuffled)
    torch.testing.assert_close(found, prior.predict_noise(noisy(), when, given, camera)[order], atol=1e-5, rtol=1e-4)


def test_picture_and_camera_count_and_distance_does_not(prior: ImageDreamPrior, condition: Condition) -> None:
    when, first = torch.full((4,), 500), torch.zeros(4, dtype=torch.long)
    base = prior.predict_noise(noisy(), when, condition.take(first), around())
    other_picture = replace(condition.take(first + 1), elevation=condition.elevation[first])
    assert (prior.predict_noise(noisy(), when, other_picture, around()) - base).abs().max() > 1e-4
    camera = around()
    higher = RelativeCamera(camera.elevation + 20, camera.azimuth, camera.distance)
    assert (prior.predict_noise(noisy(), when, condition.take(first), higher) - base).abs().max() > 1e-4
    farther = RelativeCamera(camera.elevation, camera.azimuth, camera.distance + 1)
    torch.testing.assert_close(prior.predict_noise(noisy(), when, condition.take(first), farther), base)


def test_tokens_and_latent_of_the_picture_each_count(prior: ImageDreamPrior, condition: Condition) -> None:
    when, given = torch.full((4,), 500), condition.take(torch.zeros(4, dtype=torch.long))
    tokens, latent = given.features
    base = prior.predict_noise(noisy(), when, given, around())
    for features in ((tokens + 1, latent), (tokens, latent + 1)):
        assert (prior.predict_noise(noisy(), when, replace(given, features=features), around()) - base).abs().max() > 1e-4


@torch.no_grad()
def test_what_is_seen_in_the_picture_is_added_to_what_is_read_in_the_text() -> None:
    torch.manual_seed(4)
    layer = Attention(8, 8, 6, image_tokens=True)
    tokens, text, image = torch.randn(2, 5, 8), torch.randn(2, 4, 6), torch.randn(2, 3, 6)
    weight = (layer.to_q(tokens) @ layer.to_k_ip(image).mT / math.sqrt(8)).softmax(-1)
    seen = (weight @ layer.to_v_ip(image)) @ layer.to_out[0].weight.T
    torch.testing.assert_close(layer(tokens, text, image), layer(tokens, text) + seen)


def test_elevations_add_up_to_where_the_camera_stands(prior: ImageDreamPrior, condition: Condition) -> None:
    when, given = torch.full((4,), 500), condition.take(torch.zeros(4, dtype=torch.long))
    camera = around()
    base = prior.predict_noise(noisy(), when, given, RelativeCamera(camera.elevation + 5, camera.azimuth, camera.distance))
    lower = prior.predict_noise(noisy(), when, replace(given, elevation=given.elevation + 5), camera)
    torch.testing.assert_close(lower, base)


def test_views_from_the_same_side_are_judged_alone_each_by_its_own_picture(prior: ImageDreamPrior, condition: Condition) -> None:
    when, own = torch.full((4,), 500), condition.take(torch.tensor([0, 1, 0, 1]))
    same = RelativeCamera.same(4)
    changed = noisy()
    changed[1] += 1
    before, after = (prior.predict_noise(one, when, own, same) for one in (noisy(), changed))
    assert ((after - before).abs().amax((1, 2, 3)) > 0).tolist() == [False, True, False, False]
    swapped = prior.predict_noise(noisy(), when, condition.take(torch.tensor([0, 0, 0, 1])), same)
    assert ((swapped - before).abs().amax((1, 2, 3)) > 0).tolist() == [False, True, False, False]


def test_without_a_condition_clip_and_latent_are_zeros(prior: ImageDreamPrior) -> None:
    tokens, latent = prior.null(4).features
    assert (latent == 0).all()
    with torch.no_grad():
        torch.testing.assert_close(tokens[:1], prior.unet.module.image_embed(torch.zeros(1, 17, SMALL_UNET.image_dim)))


def test_guidance_leaves_the_camera_where_it_is(prior: ImageDreamPrior, condition: Condition) -> None:
    when, given = torch.full((4,), 500), condition.take(torch.ones(4, dtype=torch.long))
    nothing = replace(prior.null(4), elevation=given.elevation)
    with_picture, without = (prior.predict_noise(noisy(), when, one, around()) for one in (given, nothing))
    torch.testing.assert_close(guided_noise(prior, noisy(), when, given, around(), 5.0), without + 5 * (with_picture - without))


def test_slicing_and_bfloat16_change_next_to_nothing(folder: Path, prior: ImageDreamPrior, condition: Condition) -> None:
    when, given = torch.full((4,), 500), condition.take(torch.zeros(4, dtype=torch.long))
    expected = prior.predict_noise(noisy(), when, given, around())
    sliced = load_imagedream(folder, CPU, PriorOptions(attention_slicing=True)).predict_noise(noisy(), when, given, around())
    torch.testing.assert_close(sliced, expected, atol=1e-5, rtol=1e-4)
    half = load_imagedream(folder, CPU, PriorOptions("bfloat16")).predict_noise(noisy(), when, given, around())
    assert 0 < (half - expected).abs().mean() < 0.03 * expected.abs().mean()


def test_gradients_reach_the_pictures(prior: ImageDreamPrior) -> None:
    picture = torch.full((1, 3, 256, 256), 0.5, requires_grad=True)
    prior.encode(picture).square().sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0


def test_facts(prior: ImageDreamPrior) -> None:
    facts = prior.facts
    assert (facts.views, facts.takes_distance, facts.size, facts.latent_size, facts.license) == (4, False, 256, 32, "OpenRAIL")
    visible = [distance * math.tan(math.radians(facts.fovy / 2)) for distance in facts.distances]
    assert visible == pytest.approx([0.6, 0.75], abs=0.01)


def test_views_that_do_not_fill_a_group_are_refused(prior: ImageDreamPrior, condition: Condition) -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        prior.predict_noise(noisy(2), torch.full((2,), 500), condition, around(2))
