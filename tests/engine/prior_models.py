"""Small, randomly initialized models of the published architectures, saved in the published layouts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPVisionConfig, CLIPVisionModel, CLIPVisionModelWithProjection

from align4d.priors.imagedream_unet.config import STRUCTURE, MultiviewUNetConfig
from align4d.priors.imagedream_unet.network import MultiviewUNet

CONTEXT = 16

SMALL_UNET = MultiviewUNetConfig(
    model_channels=32,
    channel_mult=(1, 2),
    num_res_blocks=1,
    attention_resolutions=(2,),
    num_head_channels=8,
    context_dim=CONTEXT,
    image_tokens=3,
    image_dim=24,
    resampler_heads=1,
    resampler_depth=2,
)


def save_zero123(folder: Path, layer: str = "clip_camera_projection", name: str = "proj") -> Path:
    """A Zero123; `layer` and `name` choose the layout."""
    torch.manual_seed(1)
    _save_vae(folder)
    unet = UNet2DConditionModel(
        sample_size=32,
        in_channels=8,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=CONTEXT,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    unet.save_pretrained(folder / "unet")
    CLIPVisionModelWithProjection(_vision(12)).save_pretrained(folder / "image_encoder")
    linear = torch.nn.Linear(16, CONTEXT)
    (folder / layer).mkdir()
    save_file({f"{name}.weight": linear.weight, f"{name}.bias": linear.bias}, folder / layer / "diffusion_pytorch_model.safetensors")
    _write_json(folder / layer / "config.json", {"_class_name": "CLIPCameraProjection", "additional_embeddings": 4, "embedding_dim": 12})
    _save_scheduler(folder)
    return folder


def save_imagedream(folder: Path) -> Path:
    """An ImageDream."""
    torch.manual_seed(2)
    _save_vae(folder)
    (folder / "unet").mkdir(parents=True)
    save_file(dict(MultiviewUNet(SMALL_UNET).state_dict()), folder / "unet" / "diffusion_pytorch_model.safetensors")
    told = {name: getattr(SMALL_UNET, name) for name in STRUCTURE}
    _write_json(folder / "unet" / "config.json", {"_class_name": "MultiViewUNetModel", "ip_dim": SMALL_UNET.image_tokens, **told})
    CLIPVisionModel(_vision(0)).save_pretrained(folder / "image_encoder")
    text = CLIPTextConfig(
        vocab_size=8, hidden_size=CONTEXT, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, eos_token_id=7, bos_token_id=6
    )
    CLIPTextModel(text).save_pretrained(folder / "text_encoder")
    save_clip_tokenizer(folder / "tokenizer")
    _save_scheduler(folder)
    return folder


def rewrite_json(path: Path, **changes: Any) -> None:
    """Changes entries of a JSON file."""
    _write_json(path, {**json.loads(path.read_text()), **changes})


def _vision(projection: int) -> CLIPVisionConfig:
    size = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 224, "patch_size": 56}
    return CLIPVisionConfig(**size, **({"projection_dim": projection} if projection else {}))


def _save_vae(folder: Path) -> None:
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    )
    vae.save_pretrained(folder / "vae")


def _save_scheduler(folder: Path) -> None:
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    scheduler.save_pretrained(folder / "scheduler")
    _write_json(folder / "model_index.json", {"_class_name": "A pipeline"})


def save_clip_tokenizer(folder: Path) -> None:
    """CLIP's tokenizer with eight words."""
    folder.mkdir(parents=True)
    words = ["!", "a", "a</w>", "b", "b</w>", "ab</w>", "<|startoftext|>", "<|endoftext|>"]
    _write_json(folder / "vocab.json", {word: index for index, word in enumerate(words)})
    (folder / "merges.txt").write_text("#version: 0.2\na b</w>\n")
    _write_json(folder / "tokenizer_config.json", {"model_max_length": 77, "pad_token": "!", "tokenizer_class": "CLIPTokenizer"})


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content))
