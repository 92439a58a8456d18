"""Models of the published sizes with random weights in half precision, in the published layouts: what a machine without the real ones measures.

diffusers and transformers are imported where they are used: `bench.py` imports every module here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from align4d.generators.lgm import IMAGEDREAM, WEIGHTS
from align4d.generators.lgm_network import BIG, GaussianUNet
from align4d.priors.imagedream_unet.config import STRUCTURE, MultiviewUNetConfig
from align4d.priors.imagedream_unet.network import MultiviewUNet

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}

CONTENTED = 0.3
"""Of the spread that keeps a signal's size: random layers must not overflow in half precision."""


def sdxl_unet() -> Any:
    """Stable Diffusion XL's: 2.6 billion parameters."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(320, 640, 1280),
        layers_per_block=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=2048,
        attention_head_dim=(5, 10, 20),
        transformer_layers_per_block=(1, 2, 10),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )


def svd_vae() -> Any:
    """Stable Video Diffusion's picture decoder."""
    from diffusers import AutoencoderKLTemporalDecoder

    return AutoencoderKLTemporalDecoder(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, sample_size=768, down_block_types=("DownEncoderBlock2D",) * 4
    )


def save_sdxl(folder: Path, device: str) -> None:
    """Stable Diffusion XL: 3.5 billion parameters."""
    from diffusers import EulerDiscreteScheduler
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    _save(_made(sdxl_unet, device), folder / "unet", "diffusion_pytorch_model.fp16")
    _save(_made(lambda: vae(1024), device), folder / "vae", "diffusion_pytorch_model.fp16")
    small = CLIPTextConfig(vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
    large = CLIPTextConfig(
        vocab_size=49408, hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20, projection_dim=1280
    )
    _save(_made(lambda: CLIPTextModel(small), device), folder / "text_encoder", "model.fp16")
    _save(_made(lambda: CLIPTextModelWithProjection(large), device), folder / "text_encoder_2", "model.fp16")
    for name in ("tokenizer", "tokenizer_2"):
        _save_tokenizer(folder / name)
    EulerDiscreteScheduler(**BETAS).save_pretrained(folder / "scheduler")
    _write_json(folder / "model_index.json", {})


def save_svd(folder: Path, device: str) -> None:
    """Stable Video Diffusion XT: 2.3 billion parameters."""
    from diffusers import EulerDiscreteScheduler, UNetSpatioTemporalConditionModel
    from transformers import CLIPImageProcessorPil, CLIPVisionModelWithProjection

    _save(_made(UNetSpatioTemporalConditionModel, device), folder / "unet", "diffusion_pytorch_model.fp16")
    _save(_made(svd_vae, device), folder / "vae", "diffusion_pytorch_model.fp16")
    _save(_made(lambda: CLIPVisionModelWithProjection(_vision(projection_dim=1024)), device), folder / "image_encoder", "model.fp16")
    CLIPImageProcessorPil().save_pretrained(folder / "feature_extractor")
    scheduler = EulerDiscreteScheduler(
        **BETAS,
        prediction_type="v_prediction",
        use_karras_sigmas=True,
        sigma_min=0.002,
        sigma_max=700.0,
        timestep_type="continuous",
        timestep_spacing="leading",
        steps_offset=1,
    )
    scheduler.save_pretrained(folder / "scheduler")
    _write_json(folder / "model_index.json", {})


def save_lgm(folder: Path, device: str) -> None:
    """LGM and ImageDream: 0.4 and 2.0 billion parameters."""
    from diffusers import DDIMScheduler
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPVisionModel

    folder.mkdir(parents=True, exist_ok=True)
    save_file(_stored(_made(lambda: GaussianUNet(BIG), device)), folder / WEIGHTS[0])
    dream, config = folder / IMAGEDREAM, MultiviewUNetConfig()
    (dream / "unet").mkdir(parents=True)
    save_file(_stored(_made(lambda: MultiviewUNet(config), device)), dream / "unet" / "diffusion_pytorch_model.safetensors")
    _write_json(dream / "unet" / "config.json", {"ip_dim": config.image_tokens, **{name: getattr(config, name) for name in STRUCTURE}})
    _save(_made(lambda: vae(256), device), dream / "vae", "diffusion_pytorch_model")
    _save(_made(lambda: CLIPVisionModel(_vision()), device), dream / "image_encoder", "model")
    text = CLIPTextConfig(vocab_size=49408, hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16)
    _save(_made(lambda: CLIPTextModel(text), device), dream / "text_encoder", "model")
    _save_tokenizer(dream / "tokenizer")
    DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1).save_pretrained(dream / "scheduler")


def vae(size: int) -> Any:
    """The picture decoder of Stable Diffusion, for pictures of `size` px."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=4,
        sample_size=size,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    )


def _vision(**more: int) -> Any:
    """ViT-H/14."""
    from transformers import CLIPVisionConfig

    return CLIPVisionConfig(
        hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16, image_size=224, patch_size=14, **more
    )


def _made(make: Callable[[], Any], device: str) -> Any:
    """A network in half precision with random weights on `device`; made there, because filling billions of weights takes a processor minutes."""
    with torch.device("meta"):
        network = make()
    network = network.half().to_empty(device=device)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, CONTENTED / math.sqrt(parameter[0].numel()))
            else:
                parameter.zero_()
        for module in network.modules():
            if "Norm" in type(module).__name__ and getattr(module, "weight", None) is not None:
                module.weight.fill_(1)
    return network


def _stored(network: Any) -> dict[str, torch.Tensor]:
    """Its weights for a file; buffers that are computed at loading are not among them."""
    return {name: one.detach().cpu().contiguous() for name, one in network.named_parameters()}


def _save(network: Any, folder: Path, stem: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if hasattr(network.config, "save_pretrained"):
        network.config.save_pretrained(folder)
    else:
        network.save_config(folder)
    save_file(_stored(network), folder / f"{stem}.safetensors", {"format": "pt"})


def _save_tokenizer(folder: Path) -> None:
    """CLIP's, with the few words that a measurement needs."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["!", "a", "a</w>", "b", "b</w>", "ab</w>", "<|startoftext|>", "<|endoftext|>"]
    _write_json(folder / "vocab.json", {word: index for index, word in enumerate(words)})
    (folder / "merges.txt").write_text("#version: 0.2\na b</w>\n", encoding="utf-8")
    _write_json(folder / "tokenizer_config.json", {"model_max_length": 77, "pad_token": "!", "tokenizer_class": "CLIPTokenizer"})


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
