"""Parts that several of the small generators share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from diffusers import (
    AutoencoderKL,
)
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPTextConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

CHAT = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def vae(**more: Any) -> AutoencoderKL:
    return AutoencoderKL(
        **more,
        block_out_channels=(4, 4, 4, 4),
        layers_per_block=1,
        norm_num_groups=1,
        latent_channels=4,
        sample_size=1024,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    )


def clip_text() -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=8,
        hidden_size=16,
        projection_dim=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=6,
        eos_token_id=7,
    )


def qwen(layers: int) -> Qwen3Config:
    return Qwen3Config(
        vocab_size=300,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=layers,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=512,
    )


def save_bytes_tokenizer(folder: Path, kind: str) -> None:
    """A tokenizer whose words are bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = ["<pad>", "</s>", "<unk>", *alphabet]
    if kind == "T5Tokenizer":
        model = models.Unigram([(word, -1.0) for word in words], unk_id=2)
    else:
        model = models.BPE(vocab={word: index for index, word in enumerate(words)}, merges=[], unk_token="<unk>")
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    whole = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", chat_template=CHAT)
    whole.save_pretrained(folder)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    write_json(folder / "tokenizer_config.json", {**config, "tokenizer_class": kind})


def index(folder: Path, **entries: Any) -> Path:
    write_json(folder / "model_index.json", {"_class_name": "A pipeline", **entries})
    return folder


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content))
