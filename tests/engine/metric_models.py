"""A folder of metric models of the published architectures, small where their size is free, with random weights."""

from __future__ import annotations

from pathlib import Path

import torch
from align4d_lab.metrics.networks.lpips import Vgg16
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, ViTConfig, ViTModel

WIDTH = 16


def random_vgg() -> Vgg16:
    """VGG-16's convolutions whose features stay of the order of their input."""
    torch.manual_seed(0)
    network = Vgg16()
    for parameter in network.parameters():
        if parameter.dim() > 1:
            torch.nn.init.kaiming_normal_(parameter)
    return network


def write_clip(folder: Path, side: int = 32) -> None:
    """A whole CLIP, text half included, as it is published."""
    torch.manual_seed(1)
    size = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2, "projection_dim": WIDTH}
    vision = {**size, "num_hidden_layers": 2, "image_size": side, "patch_size": 8}
    text = {**size, "num_hidden_layers": 1, "vocab_size": 64, "eos_token_id": 2}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=WIDTH)).save_pretrained(folder)


def write_dino(folder: Path) -> None:
    """A ViT as DINO's is published."""
    torch.manual_seed(2)
    config = ViTConfig(hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8)
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder)


def write_aesthetic(folder: Path) -> None:
    """LAION's linear head."""
    folder.mkdir(parents=True)
    save_file({"weight": torch.linspace(-1, 1, WIDTH)[None], "bias": torch.tensor([5.0])}, folder / "model.safetensors")


def write_vgg(folder: Path) -> None:
    """VGG-16 with its classifier, as timm and torchvision publish it."""
    folder.mkdir(parents=True)
    save_file({**random_vgg().state_dict(), "classifier.6.bias": torch.zeros(4)}, folder / "model.safetensors")
