"""Small, randomly initialized generators of the published architectures, saved in the published layouts."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKLFlux2,
    AutoencoderKLLTXVideo,
    AutoencoderKLTemporalDecoder,
    AutoencoderKLWan,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2Transformer2DModel,
    HeunDiscreteScheduler,
    LTXVideoTransformer3DModel,
    PriorTransformer,
    UNet2DConditionModel,
    UNetSpatioTemporalConditionModel,
    UniPCMultistepScheduler,
    WanTransformer3DModel,
    ZImageTransformer2DModel,
)
from diffusers.pipelines.shap_e.renderer import ShapERenderer
from generator_parts import clip_text, index, qwen, save_bytes_tokenizer, vae, write_json
from prior_models import save_clip_tokenizer, save_imagedream
from safetensors.torch import save_file
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    CLIPImageProcessorPil,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    Qwen3ForCausalLM,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)

from align4d.generators.lgm import IMAGEDREAM, WEIGHTS
from align4d.generators.lgm_network import GaussianUNet, GaussianUNetConfig
from align4d.generators.shap_e import SPARE as SHAP_E_SPARE

SMALL_LGM = GaussianUNetConfig(down=(32,) * 5, down_attention=(False, False, False, False, True), up=(32, 32), up_attention=(True, False), layers=1)
"""From 256 px to 32 x 32 Gaussians of each view."""


def save_sdxl(folder: Path) -> Path:
    """A Stable Diffusion XL for pictures of 64 px and more."""
    torch.manual_seed(1)
    unet = UNet2DConditionModel(
        sample_size=32,
        block_out_channels=(2, 4),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 1),
        projection_class_embeddings_input_dim=6 * 8 + 16,
        cross_attention_dim=32,
        norm_num_groups=1,
    )
    unet.save_pretrained(folder / "unet")
    vae().save_pretrained(folder / "vae")
    CLIPTextModel(clip_text()).save_pretrained(folder / "text_encoder")
    CLIPTextModelWithProjection(clip_text()).save_pretrained(folder / "text_encoder_2")
    for name in ("tokenizer", "tokenizer_2"):
        save_clip_tokenizer(folder / name)
    EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear").save_pretrained(folder / "scheduler")
    return index(folder)


def save_flux2(folder: Path) -> Path:
    """A FLUX.2 klein. Its text encoder is read at layers 9, 18 and 27."""
    torch.manual_seed(2)
    transformer = Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=3 * 8,
        timestep_guidance_channels=8,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    transformer.save_pretrained(folder / "transformer")
    vae = AutoencoderKLFlux2(block_out_channels=(4, 4, 4, 4), layers_per_block=1, latent_channels=4, norm_num_groups=1, sample_size=32)
    vae.save_pretrained(folder / "vae")
    Qwen3ForCausalLM(qwen(27)).save_pretrained(folder / "text_encoder")
    save_bytes_tokenizer(folder / "tokenizer", "Qwen2Tokenizer")
    FlowMatchEulerDiscreteScheduler().save_pretrained(folder / "scheduler")
    return index(folder, is_distilled=True)


def save_z_image(folder: Path) -> Path:
    """A Z-Image Turbo."""
    torch.manual_seed(3)
    transformer = ZImageTransformer2DModel(
        in_channels=4,
        dim=32,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=8,
        axes_dims=[4, 6, 6],
        axes_lens=[1024, 32, 32],
    )
    transformer.save_pretrained(folder / "transformer")
    vae(shift_factor=0.1).save_pretrained(folder / "vae")
    Qwen3Model(qwen(2)).save_pretrained(folder / "text_encoder")
    save_bytes_tokenizer(folder / "tokenizer", "Qwen2Tokenizer")
    FlowMatchEulerDiscreteScheduler(shift=3.0).save_pretrained(folder / "scheduler")
    return index(folder)


def save_svd(folder: Path, frames: int = 4) -> Path:
    """A Stable Video Diffusion."""
    torch.manual_seed(4)
    unet = UNetSpatioTemporalConditionModel(
        block_out_channels=(32, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        cross_attention_dim=16,
        num_attention_heads=2,
        projection_class_embeddings_input_dim=3 * 8,
        addition_time_embed_dim=8,
        num_frames=frames,
    )
    unet.save_pretrained(folder / "unet")
    vae = AutoencoderKLTemporalDecoder(block_out_channels=(32, 32, 32, 32), down_block_types=("DownEncoderBlock2D",) * 4)
    vae.save_pretrained(folder / "vae")
    vision = CLIPVisionConfig(
        hidden_size=16, projection_dim=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=224, patch_size=56
    )
    CLIPVisionModelWithProjection(vision).save_pretrained(folder / "image_encoder")
    CLIPImageProcessorPil().save_pretrained(folder / "feature_extractor")
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        use_karras_sigmas=True,
        sigma_min=0.002,
        sigma_max=700.0,
        timestep_type="continuous",
        timestep_spacing="leading",
        steps_offset=1,
    )
    scheduler.save_pretrained(folder / "scheduler")
    return index(folder)


def save_wan(folder: Path) -> Path:
    """A Wan 2.2 TI2V: the timestep is told for every cell."""
    torch.manual_seed(5)
    transformer = WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=16,
        out_channels=16,
        text_dim=8,
        freq_dim=8,
        ffn_dim=16,
        num_layers=1,
        rope_max_seq_len=32,
    )
    transformer.save_pretrained(folder / "transformer")
    vae = AutoencoderKLWan(
        base_dim=4,
        z_dim=16,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        is_residual=True,
        patch_size=2,
        in_channels=12,
        out_channels=12,
        scale_factor_spatial=16,
    )
    vae.save_pretrained(folder / "vae")
    UMT5EncoderModel(UMT5Config(vocab_size=300, **_T5)).save_pretrained(folder / "text_encoder")
    save_bytes_tokenizer(folder / "tokenizer", "T5Tokenizer")
    UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0).save_pretrained(folder / "scheduler")
    return index(folder, expand_timesteps=True)


def save_ltx(folder: Path) -> Path:
    """An LTX-Video."""
    torch.manual_seed(6)
    transformer = LTXVideoTransformer3DModel(
        in_channels=8, out_channels=8, num_attention_heads=2, attention_head_dim=8, cross_attention_dim=16, num_layers=1, caption_channels=8
    )
    transformer.save_pretrained(folder / "transformer")
    vae = AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
    )
    vae.save_pretrained(folder / "vae")
    T5EncoderModel(T5Config(vocab_size=300, **_T5)).save_pretrained(folder / "text_encoder")
    save_bytes_tokenizer(folder / "tokenizer", "T5Tokenizer")
    FlowMatchEulerDiscreteScheduler().save_pretrained(folder / "scheduler")
    return index(folder)


def save_lgm(folder: Path) -> Path:
    """An LGM, with the ImageDream that paints its views."""
    torch.manual_seed(7)
    folder.mkdir(parents=True)
    save_file(dict(GaussianUNet(SMALL_LGM).half().state_dict()), folder / WEIGHTS[0])
    save_imagedream(folder / IMAGEDREAM)
    return folder


def save_shap_e(folder: Path) -> Path:
    """A Shap-E, as it lies on the hub: what renders is a pickle in one folder, and in another safetensors without two tables."""
    torch.manual_seed(9)
    width, numbers = 16, 4 * 8
    vision = CLIPVisionConfig(hidden_size=12, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=224, patch_size=56)
    CLIPVisionModel(vision).half().save_pretrained(folder / "image_encoder", variant="fp16")
    CLIPImageProcessorPil().save_pretrained(folder / "image_processor")
    prior = PriorTransformer(
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        embedding_dim=width,
        num_embeddings=numbers,
        additional_embeddings=0,
        time_embed_act_fn="gelu",
        norm_in_type="layer",
        embedding_proj_norm_type="layer",
        encoder_hid_proj_type=None,
        added_emb_type=None,
        time_embed_dim=32,
        embedding_proj_dim=12,
        clip_embed_dim=2 * width,
    )
    prior.half().save_pretrained(folder / "prior", variant="fp16")
    renderer = ShapERenderer(param_shapes=((8, 93), (8, 8), (8, 8), (8, 8)), d_latent=width, d_hidden=8)
    torch.nn.init.zeros_(renderer.mlp.mlp[-1].weight[0])  # the surface of a random network is noise; this one's is a cube
    torch.nn.init.constant_(renderer.mlp.mlp[-1].bias, 0.5)
    renderer.save_config(folder / "renderer")
    stored = {name: one.half() for name, one in renderer.state_dict().items() if name not in SHAP_E_SPARE}
    save_file(stored, folder / "renderer" / "diffusion_pytorch_model.fp16.safetensors")
    renderer.save_config(folder / "shap_e_renderer")
    (folder / "shap_e_renderer" / "diffusion_pytorch_model.bin").write_bytes(b"a pickle")
    scheduler = HeunDiscreteScheduler(
        num_train_timesteps=1024, beta_schedule="exp", prediction_type="sample", use_karras_sigmas=True, clip_sample=True, clip_sample_range=1.0
    )
    scheduler.save_pretrained(folder / "scheduler")
    return index(folder)


def save_blip(folder: Path) -> Path:
    """A BLIP."""
    torch.manual_seed(8)
    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BlipConfig(
        text_config={**size, "vocab_size": 40, "encoder_hidden_size": 16, "bos_token_id": 1, "eos_token_id": 2, "sep_token_id": 2, "pad_token_id": 0},
        vision_config={**size, "image_size": 32, "patch_size": 16},
        projection_dim=8,
    )
    BlipForConditionalGeneration(config).save_pretrained(folder)
    BlipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    words = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]", *(f"word{index}" for index in range(35))]
    (folder / "vocab.txt").write_text("\n".join(words))
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer"})
    return folder


_T5 = {"d_model": 8, "d_kv": 4, "d_ff": 16, "num_layers": 1, "num_heads": 2, "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}
