"""Every text-to-image pipeline of diffusers that can be made with random weights, as one table of its parts.

Each entry makes the parts that a class declares, as small as their configurations allow, and says what its
call needs beside a prompt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import tiny_encoders as encoders
import torch
import transformers
from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertConfig, LDMBertModel
from tiny_encoders import make_clip_with_projection, make_tokenizer
from tiny_pipelines import (
    WIDTH,
    build_clip_tokenizer,
    build_ddim,
    build_if_scheduler,
    build_if_unet,
    build_t5_encoder,
    build_text_encoder,
    build_unet,
    build_vae,
)

from imagenet_g.benchmark.hub.quiet import ignore_library_warnings

Parts = dict[str, Any]
_UNCHECKED: Parts = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


@dataclass(frozen=True, slots=True)
class TinyPipeline:
    """How a class is made and called.

    Attributes:
        make: Its parts.
        arguments: Further arguments of its call.
        spec: Further keys of a generator's table.
    """

    make: Callable[[], Parts]
    arguments: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)


def make_flow(**options: Any) -> Any:
    """The scheduler of flow models."""
    return diffusers.FlowMatchEulerDiscreteScheduler(**options)


def make_vae(channels: int = 4, **options: Any) -> Any:
    """An autoencoder that reduces the side to an eighth, which some pipelines take for granted."""
    return diffusers.AutoencoderKL(
        block_out_channels=(8,) * 4, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=channels, norm_num_groups=4, **options,
    )  # fmt: skip


def make_flow_vae(channels: int = 4) -> Any:
    """The same with latents that are shifted, as those of flow models are."""
    return make_vae(channels, shift_factor=0.06)


def make_wan_vae(kind: str = "AutoencoderKLWan", channels: int = 4, **options: Any) -> Any:
    """An autoencoder of videos that reduces the side to an eighth."""
    normal = {"latents_mean": [0.0] * channels, "latents_std": [1.0] * channels}
    shape = {
        "base_dim": 4,
        "dim_mult": [1, 1, 1, 1],
        "num_res_blocks": 1,
        "temperal_downsample": [False, True, True],
    }
    return getattr(diffusers, kind)(z_dim=channels, **shape, **normal, **options)


def make_flux2_vae() -> Any:
    """FLUX.2's autoencoder."""
    return diffusers.AutoencoderKLFlux2(
        block_out_channels=(8, 16), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, layers_per_block=1, latent_channels=4, norm_num_groups=4,
        sample_size=32,
    )  # fmt: skip


def make_deep_vae(**options: Any) -> Any:
    """The deep-compression autoencoder of Sana, of two levels."""
    blocks = {"block_types": ("ResBlock", "EfficientViTBlock"), "block_out_channels": (8, 8),
              "qkv_multiscales": ((), (5,)), "layers_per_block": (1, 1)}  # fmt: skip
    both = {f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in blocks.items()}
    return diffusers.AutoencoderDC(
        latent_channels=4, attention_head_dim=2, downsample_block_type="conv",
        upsample_block_type="interpolate", **both, **options,
    )  # fmt: skip


def make_movq() -> Any:
    """The autoencoder of the Kandinskys."""
    return diffusers.VQModel(
        block_out_channels=[WIDTH] * 4,
        down_block_types=["DownEncoderBlock2D"] * 3 + ["AttnDownEncoderBlock2D"],
        up_block_types=["AttnUpDecoderBlock2D"] + ["UpDecoderBlock2D"] * 3, latent_channels=4,
        layers_per_block=1,
        norm_num_groups=8, norm_type="spatial", num_vq_embeddings=12, vq_embed_dim=4,
    )  # fmt: skip


def _join(transformer: Any, vae: Any, text_encoder: Any, **others: Any) -> Parts:
    """Parts of a flow model with one text encoder; `others` are further ones, or another scheduler."""
    return {"scheduler": make_flow(), "transformer": transformer, "vae": vae, "text_encoder": text_encoder,
            "tokenizer": make_tokenizer(), **others}  # fmt: skip


def _make_sd_parts(**options: Any) -> Parts:
    return {"vae": make_vae(), "text_encoder": build_text_encoder(), "tokenizer": build_clip_tokenizer(),
            "unet": build_unet(**options), "scheduler": build_ddim()}  # fmt: skip


def make_sd(**options: Any) -> Parts:
    """Stable Diffusion without its checker."""
    return {**_make_sd_parts(**options), **_UNCHECKED}


def make_lcm() -> Parts:
    """A latent consistency model."""
    return {**make_sd(time_cond_proj_dim=WIDTH), "scheduler": diffusers.LCMScheduler()}


def make_sdxl() -> Parts:
    """Stable Diffusion XL."""
    unet = {"attention_head_dim": (2, 4), "use_linear_projection": True, "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8, "transformer_layers_per_block": 1, "cross_attention_dim": 2 * WIDTH,
            "projection_class_embeddings_input_dim": 6 * 8 + WIDTH}  # fmt: skip
    second = {"text_encoder_2": make_clip_with_projection(), "tokenizer_2": build_clip_tokenizer()}
    return {**_make_sd_parts(**unet), **second}


def make_sd3(layers: int = 1) -> Parts:
    """Stable Diffusion 3."""
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=16, patch_size=1, in_channels=4, num_layers=layers, attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=2 * WIDTH, caption_projection_dim=32, pooled_projection_dim=2 * WIDTH,
        out_channels=4, pos_embed_max_size=16,
    )  # fmt: skip
    clips = {f"text_encoder{end}": make_clip_with_projection() for end in ("", "_2")}
    tokenizers = {f"tokenizer{end}": build_clip_tokenizer() for end in ("", "_2")}
    third = {"text_encoder_3": build_t5_encoder(2 * WIDTH), "tokenizer_3": make_tokenizer()}
    return {"transformer": transformer, "scheduler": make_flow(), "vae": make_flow_vae(),
            **clips, **tokenizers, **third}  # fmt: skip


def make_flux() -> Parts:
    """FLUX.1."""
    transformer = diffusers.FluxTransformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=WIDTH, pooled_projection_dim=WIDTH, axes_dims_rope=(4, 4, 8),
    )  # fmt: skip
    return {
        "scheduler": make_flow(), "vae": make_flow_vae(), "transformer": transformer,
        "text_encoder": build_text_encoder(), "tokenizer": build_clip_tokenizer(),
        "text_encoder_2": build_t5_encoder(), "tokenizer_2": make_tokenizer(),
    }  # fmt: skip


def make_chroma() -> Parts:
    """Chroma."""
    transformer = diffusers.ChromaTransformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=WIDTH, axes_dims_rope=(4, 4, 8), approximator_num_channels=16,
        approximator_hidden_dim=32, approximator_layers=1,
    )  # fmt: skip
    return _join(transformer, make_flow_vae(), build_t5_encoder())


def make_bria() -> Parts:
    """Bria 3."""
    transformer = diffusers.BriaTransformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=8, num_attention_heads=2,
        joint_attention_dim=WIDTH, axes_dims_rope=[0, 4, 4],
    )  # fmt: skip
    return _join(transformer, make_flow_vae(), build_t5_encoder())


def make_bria_fibo() -> Parts:
    """Bria FIBO."""
    transformer = diffusers.BriaFiboTransformer2DModel(
        in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=8, num_attention_heads=2,
        joint_attention_dim=2 * 16, axes_dims_rope=[0, 4, 4], text_encoder_dim=16,
    )  # fmt: skip
    return _join(transformer, make_wan_vae(), encoders.make_smollm3())


def _make_flux2_transformer(joint: int, *, guidance: bool) -> Any:
    return diffusers.Flux2Transformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=joint, timestep_guidance_channels=32, axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=guidance,
    )  # fmt: skip


def make_flux2() -> Parts:
    """FLUX.2."""
    vae, encoder = make_flux2_vae(), encoders.make_mistral3()
    return _join(_make_flux2_transformer(48, guidance=True), vae, encoder)


def make_klein() -> Parts:
    """FLUX.2 Klein."""
    vae, encoder = make_flux2_vae(), encoders.make_qwen3("Qwen3ForCausalLM")
    return _join(_make_flux2_transformer(48, guidance=False), vae, encoder, is_distilled=True)


def make_qwen_image() -> Parts:
    """Qwen-Image."""
    transformer = diffusers.QwenImageTransformer2DModel(
        in_channels=16, out_channels=4, num_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=16, axes_dims_rope=(8, 4, 4),
    )  # fmt: skip
    return _join(transformer, make_wan_vae("AutoencoderKLQwenImage"), encoders.make_qwen25_vl())


def make_krea2() -> Parts:
    """Krea 2."""
    transformer = diffusers.Krea2Transformer2DModel(
        in_channels=16, num_layers=1, attention_head_dim=16, num_attention_heads=2, num_key_value_heads=2,
        intermediate_size=32, timestep_embed_dim=16, text_hidden_dim=16, num_text_layers=2,
        text_num_attention_heads=2,
        text_num_key_value_heads=2, text_intermediate_size=32, num_layerwise_text_blocks=1,
        num_refiner_text_blocks=1, axes_dims_rope=(8, 4, 4),
    )  # fmt: skip
    vae, encoder = make_wan_vae("AutoencoderKLQwenImage"), encoders.make_qwen3_vl("Qwen3VLModel")
    return _join(transformer, vae, encoder, text_encoder_select_layers=(1, 2))


def make_nucleus() -> Parts:
    """Nucleus-Image, a mixture of experts."""
    transformer = diffusers.NucleusMoEImageTransformer2DModel(
        in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=16, axes_dims_rope=(8, 4, 4), num_experts=2, moe_intermediate_dim=16,
        capacity_factors=1.0, dense_moe_strategy="leave_first_block_dense", mlp_ratio=6.0,
    )  # fmt: skip
    # Made without values, and whatever lies in memory may be no number.
    for experts in transformer.transformer_blocks[1].img_mlp.experts.parameters():
        torch.nn.init.normal_(experts, std=0.1)
    return {"scheduler": make_flow(), "vae": make_wan_vae("AutoencoderKLQwenImage"),
    "transformer": transformer,
            "text_encoder": encoders.make_qwen3_vl(),
            "processor": encoders.make_qwen3_processor()}  # fmt: skip


def make_hunyuan_image() -> Parts:
    """HunyuanImage 2.1."""
    transformer = diffusers.HunyuanImageTransformer2DModel(
        in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=8, num_layers=1,
        num_single_layers=1, num_refiner_layers=1, text_embed_dim=16, text_embed_2_dim=WIDTH,
        rope_axes_dim=(4, 4),
    )  # fmt: skip
    vae = diffusers.AutoencoderKLHunyuanImage(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(32, 32, 32, 32),
        layers_per_block=1, scaling_factor=0.5, spatial_compression_ratio=8, sample_size=128,
    )  # fmt: skip
    return {
        "scheduler": make_flow(), "vae": vae, "transformer": transformer,
        "text_encoder": encoders.make_qwen25_vl(), "tokenizer": make_tokenizer(),
        "text_encoder_2": build_t5_encoder(), "tokenizer_2": make_tokenizer(),
        "guider": diffusers.guiders.AdaptiveProjectedMixGuidance(),
    }  # fmt: skip


def make_z_image(**options: Any) -> Parts:
    """Z-Image."""
    transformer = diffusers.ZImageTransformer2DModel(
        in_channels=4, dim=32, n_layers=1, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=16,
        axes_dims=[8, 4, 4], axes_lens=[512, 32, 32], **options,
    )  # fmt: skip
    return _join(transformer, make_flow_vae(), encoders.make_qwen3())


def make_ovis() -> Parts:
    """Ovis-Image."""
    transformer = diffusers.OvisImageTransformer2DModel(
        in_channels=16, out_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=16, axes_dims_rope=(4, 4, 8),
    )  # fmt: skip
    return _join(transformer, make_flow_vae(), encoders.make_qwen3())


def make_longcat() -> Parts:
    """LongCat-Image."""
    transformer = diffusers.LongCatImageTransformer2DModel(
        in_channels=64, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=16, pooled_projection_dim=16, axes_dims_rope=[4, 4, 8],
    )  # fmt: skip
    processor = encoders.make_qwen_processor()
    return _join(transformer, make_flow_vae(16), encoders.make_qwen25_vl(), text_processor=processor)


def make_ernie() -> Parts:
    """ERNIE-Image."""
    transformer = diffusers.ErnieImageTransformer2DModel(
        hidden_size=32, num_attention_heads=2, num_layers=1, ffn_hidden_size=32, in_channels=16,
        out_channels=16,
        text_in_dim=16, rope_axes_dim=(4, 4, 8),
    )  # fmt: skip
    return _join(transformer, make_flux2_vae(), encoders.make_mistral3("Mistral3Model"))


def make_lumina2() -> Parts:
    """Lumina Image 2.0."""
    transformer = diffusers.Lumina2Transformer2DModel(
        sample_size=4, in_channels=4, hidden_size=24, num_layers=1, num_refiner_layers=1,
        num_attention_heads=3,
        num_kv_heads=1, multiple_of=2, axes_dim_rope=(4, 2, 2), axes_lens=(512, 32, 32), cap_feat_dim=16,
    )  # fmt: skip
    return _join(transformer, make_flow_vae(), encoders.make_gemma2())


def make_lumina() -> Parts:
    """Lumina-Next."""
    transformer = diffusers.LuminaNextDiT2DModel(
        sample_size=4, patch_size=2, in_channels=4, hidden_size=24, num_layers=1, num_attention_heads=3,
        num_kv_heads=1,
        multiple_of=16, cross_attention_dim=16,
    )  # fmt: skip
    return _join(transformer, make_vae(), encoders.make_gemma())


def make_sana(**options: Any) -> Parts:
    """Sana."""
    transformer = diffusers.SanaTransformer2DModel(
        in_channels=4, out_channels=4, num_layers=1, num_attention_heads=2, attention_head_dim=4,
        num_cross_attention_heads=2, cross_attention_head_dim=4, cross_attention_dim=8, caption_channels=16,
        **options,
    )  # fmt: skip
    return _join(transformer, make_deep_vae(), encoders.make_gemma2())


def make_sana_sprint() -> Parts:
    """Sana-Sprint."""
    made = make_sana(guidance_embeds=True, qk_norm="rms_norm_across_heads")
    return {**made, "scheduler": diffusers.SCMScheduler()}


def make_pixart() -> Parts:
    """PixArt."""
    transformer = diffusers.PixArtTransformer2DModel(
        sample_size=16, num_layers=2, attention_head_dim=8, num_attention_heads=3, caption_channels=WIDTH,
        in_channels=4, cross_attention_dim=24, out_channels=8,
    )  # fmt: skip
    return _join(transformer, make_vae(), build_t5_encoder(), scheduler=build_ddim())


def make_hunyuan_dit() -> Parts:
    """HunyuanDiT."""
    transformer = diffusers.HunyuanDiT2DModel(
        sample_size=16, num_layers=2, patch_size=2, attention_head_dim=8, num_attention_heads=3,
        in_channels=4,
        cross_attention_dim=WIDTH, cross_attention_dim_t5=WIDTH, pooled_projection_dim=16, hidden_size=24,
    )  # fmt: skip
    return {
        "scheduler": build_ddim(), "vae": make_vae(), "transformer": transformer,
        "text_encoder": encoders.make_bert(), "tokenizer": make_tokenizer(),
        "text_encoder_2": build_t5_encoder(), "tokenizer_2": make_tokenizer(),
        **_UNCHECKED,
    }  # fmt: skip


def make_aura_flow() -> Parts:
    """AuraFlow."""
    transformer = diffusers.AuraFlowTransformer2DModel(
        sample_size=32, num_mmdit_layers=1, num_single_dit_layers=1, attention_head_dim=8,
        num_attention_heads=4, caption_projection_dim=32, joint_attention_dim=WIDTH, pos_embed_max_size=256,
    )  # fmt: skip
    return _join(transformer, make_vae(), encoders.make_umt5())


def make_cogview3() -> Parts:
    """CogView 3 Plus."""
    transformer = diffusers.CogView3PlusTransformer2DModel(
        in_channels=4, out_channels=4, num_layers=1, attention_head_dim=8, num_attention_heads=2,
        text_embed_dim=WIDTH,
        time_embed_dim=8, condition_dim=2, pos_embed_max_size=32, sample_size=16,
    )  # fmt: skip
    return _join(transformer, make_vae(), build_t5_encoder(), scheduler=diffusers.CogVideoXDDIMScheduler())


def make_cogview4() -> Parts:
    """CogView 4."""
    transformer = diffusers.CogView4Transformer2DModel(
        in_channels=4, out_channels=4, num_layers=1, attention_head_dim=8, num_attention_heads=2,
        text_embed_dim=16,
        time_embed_dim=8, condition_dim=4, rope_axes_dim=(64, 64),
    )  # fmt: skip
    return _join(transformer, make_vae(), encoders.make_glm())


def make_hidream() -> Parts:
    """HiDream-I1, of four text encoders."""
    transformer = diffusers.HiDreamImageTransformer2DModel(
        patch_size=2, in_channels=4, out_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=8,
        num_attention_heads=4, caption_channels=[WIDTH, 16], text_emb_dim=2 * WIDTH, axes_dims_rope=(4, 2, 2),
        max_resolution=(32, 32), llama_layers=(0, 1),
    )  # fmt: skip
    clips = {f"text_encoder{end}": make_clip_with_projection() for end in ("", "_2")}
    tokenizers = {f"tokenizer{end}": build_clip_tokenizer() for end in ("", "_2")}
    return {
        "scheduler": make_flow(), "vae": make_flow_vae(), "transformer": transformer, **clips, **tokenizers,
        "text_encoder_3": build_t5_encoder(), "tokenizer_3": make_tokenizer(),
        "text_encoder_4": encoders.make_llama("LlamaForCausalLM"), "tokenizer_4": make_tokenizer(),
    }  # fmt: skip


def make_omnigen() -> Parts:
    """OmniGen, one network for text and pixels."""
    transformer = diffusers.OmniGenTransformer2DModel(
        in_channels=4, hidden_size=16, num_attention_heads=4, num_key_value_heads=4, intermediate_size=32,
        num_layers=1,
        vocab_size=300, pad_token_id=0, time_step_dim=4, rope_scaling={"long_factor": [1, 2],
        "short_factor": [1, 2]},
    )  # fmt: skip
    return {"scheduler": make_flow(invert_sigmas=True, num_train_timesteps=1), "vae": make_vae(),
            "transformer": transformer, "tokenizer": make_tokenizer()}  # fmt: skip


def make_kandinsky3() -> Parts:
    """Kandinsky 3."""
    unet = diffusers.Kandinsky3UNet(
        in_channels=4, time_embedding_dim=4, groups=2, attention_head_dim=4, layers_per_block=3,
        block_out_channels=(32, 64), cross_attention_dim=4, encoder_hid_dim=WIDTH,
    )  # fmt: skip
    return {"scheduler": build_ddim(), "unet": unet, "movq": make_movq(), "text_encoder": build_t5_encoder(),
            "tokenizer": make_tokenizer()}  # fmt: skip


def make_kandinsky5() -> Parts:
    """Kandinsky 5, which renders a megapixel and nothing else; a smaller autoencoder makes less of it."""
    transformer = diffusers.Kandinsky5Transformer3DModel(
        in_visual_dim=4, in_text_dim=16, in_text_dim2=WIDTH, time_dim=16, out_visual_dim=4, model_dim=16,
        ff_dim=32,
        num_text_blocks=1, num_visual_blocks=1, axes_dims=(2, 2, 4),
    )  # fmt: skip
    return {
        "scheduler": make_flow(), "vae": build_vae(), "transformer": transformer,
        "text_encoder": encoders.make_qwen25_vl(), "tokenizer": encoders.make_qwen_processor(),
        "text_encoder_2": build_text_encoder(), "tokenizer_2": build_clip_tokenizer(),
    }  # fmt: skip


def make_prx(*, pixels: bool = False) -> Parts:
    """PRX, of latents or of pixels."""
    transformer = diffusers.PRXTransformer2DModel(
        in_channels=3 if pixels else 4, patch_size=2, context_in_dim=16, hidden_size=16, mlp_ratio=2.0,
        num_heads=2,
        depth=1, axes_dim=[4, 4],
    )  # fmt: skip
    vae = {} if pixels else {"vae": make_flow_vae()}
    text = encoders.make_qwen3() if pixels else encoders.make_gemma2()
    return {"scheduler": make_flow(), "transformer": transformer, "text_encoder": text,
            "tokenizer": make_tokenizer(), "default_sample_size": 32, **vae}  # fmt: skip


def make_wan() -> Parts:
    """Wan, a video of one frame."""
    transformer = diffusers.WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=WIDTH,
        freq_dim=16,
        ffn_dim=32, num_layers=1, rope_max_seq_len=32,
    )  # fmt: skip
    return _join(transformer, make_wan_vae(), encoders.make_umt5())


def make_latte() -> Parts:
    """Latte, a video of one frame."""
    transformer = diffusers.LatteTransformer3DModel(
        sample_size=16, num_layers=1, patch_size=2, attention_head_dim=8, num_attention_heads=3,
        caption_channels=WIDTH,
        in_channels=4, cross_attention_dim=24, out_channels=8, attention_bias=True,
        activation_fn="gelu-approximate", num_embeds_ada_norm=1000, norm_type="ada_norm_single",
        norm_elementwise_affine=False, norm_eps=1e-6, video_length=1,
    )  # fmt: skip
    return _join(transformer, make_vae(), build_t5_encoder(), scheduler=build_ddim())


def make_z_image_omni() -> Parts:
    """Z-Image that also reads images; it is given none."""
    eyes = transformers.Siglip2VisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, num_patches=16,
        patch_size=8,
    )  # fmt: skip
    return {**make_z_image(siglip_feat_dim=16), "siglip": transformers.Siglip2VisionModel(eyes),
            "siglip_processor": transformers.Siglip2ImageProcessor()}  # fmt: skip


def make_qwen_image21() -> Parts:
    """Qwen-Image 2.1."""
    transformer = diffusers.QwenImage21Transformer2DModel(
        in_channels=4, out_channels=4, num_layers=1, attention_head_dim=16, num_attention_heads=2,
        context_in_dim=16, axes_dims_rope=(8, 4, 4),
    )  # fmt: skip
    vae = diffusers.AutoencoderKLQwenImage21(
        base_dim=4, decoder_base_dim=4, z_dim=4, dim_mult=[1] * 5, num_res_blocks=1, latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )  # fmt: skip
    processor = encoders.make_qwen3_processor()
    # The transformer puts pixels where this token is, so that no text may be read as it.
    processor.tokenizer.add_special_tokens({"additional_special_tokens": ["<|image_pad|>"]})
    return {"scheduler": make_flow(), "vae": vae, "transformer": transformer,
            "text_encoder": encoders.make_qwen3_vl(), "processor": processor}  # fmt: skip


def make_bria_fibo2() -> Parts:
    """Bria FIBO 2, which reads layers up to the 35th."""
    transformer = diffusers.BriaFibo2Transformer2DModel(
        in_channels=4, dim=32, n_layers=2, n_refiner_layers=1, n_heads=2, cap_feat_dim=3 * 16,
        injection_layer_ids=(0,), perceiver_num_layers=1, min_num_gist_tokens=4, max_num_gist_tokens=8,
        gist_step=4, gist_min_text_len=4, gist_max_text_len=32, axes_dims=(8, 4, 4), axes_lens=(512, 32, 32),
    )  # fmt: skip
    return {"scheduler": make_flow(), "vae": make_flux2_vae(), "transformer": transformer,
            "text_encoder": encoders.make_qwen3_vl(layers=36),
            "processor": encoders.make_qwen3_processor()}  # fmt: skip


def make_dreamlite() -> Parts:
    """DreamLite."""
    sides = {f"{side}_block_out_channels": (8,) * 4 for side in ("encoder", "decoder")}
    blocks = {f"num_{side}_blocks": (1,) * 4 for side in ("encoder", "decoder")}
    unet = diffusers.DreamLiteUNetModel(
        sample_size=4, block_out_channels=(16,) * 3, layers_per_block=1, norm_num_groups=4,
        cross_attention_dim=16, attention_head_dim=8,
    )  # fmt: skip
    return {
        "scheduler": make_flow(), "vae": diffusers.AutoencoderTiny(**sides, **blocks), "unet": unet,
        "text_encoder": encoders.make_qwen3_vl(), "tokenizer": make_tokenizer(),
        "processor": encoders.make_qwen3_processor(),
    }  # fmt: skip


def make_if() -> Parts:
    """The first stage of DeepFloyd IF."""
    return {"tokenizer": make_tokenizer(), "text_encoder": build_t5_encoder(), "unet": build_if_unet(),
            "scheduler": build_if_scheduler(), "watermarker": None, **_UNCHECKED}  # fmt: skip


def make_ldm() -> Parts:
    """Latent diffusion as it was first published, with its own Bert."""
    config = LDMBertConfig(
        vocab_size=encoders.VOCABULARY, d_model=WIDTH, encoder_layers=1, encoder_attention_heads=4,
        encoder_ffn_dim=32, head_dim=8,
    )  # fmt: skip
    return {"vqvae": build_vae(), "bert": LDMBertModel(config), "tokenizer": make_tokenizer(),
            "unet": build_unet(), "scheduler": build_ddim()}  # fmt: skip


def make_kandinsky22() -> Parts:
    """Kandinsky 2.2, its prior and its decoder in one."""
    prior = diffusers.PriorTransformer(
        num_attention_heads=2, attention_head_dim=12, embedding_dim=WIDTH, num_layers=1
    )
    # Zero as it is made, and what the prior gives is multiplied by it.
    prior.clip_std.data.fill_(1)
    eyes = transformers.CLIPVisionConfig(
        hidden_size=WIDTH, intermediate_size=37, num_hidden_layers=1, num_attention_heads=4, image_size=32,
        patch_size=8, projection_dim=WIDTH,
    )  # fmt: skip
    unet = build_unet(
        out_channels=8, addition_embed_type="image", mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"), encoder_hid_dim=WIDTH,
        encoder_hid_dim_type="image_proj", resnet_time_scale_shift="scale_shift",
    )  # fmt: skip
    return {
        "unet": unet, "scheduler": build_ddim(), "movq": make_movq(), "prior_prior": prior,
        "prior_image_encoder": transformers.CLIPVisionModelWithProjection(eyes),
        "prior_text_encoder": make_clip_with_projection(), "prior_tokenizer": build_clip_tokenizer(),
        "prior_scheduler": diffusers.UnCLIPScheduler(
            variance_type="fixed_small_log", prediction_type="sample", clip_sample_range=10.0
        ),
        "prior_image_processor": transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32),
    }  # fmt: skip


FRAME = {"num_frames": 1}
UNBINNED = {"use_resolution_binning": False}
"""Otherwise the size is rounded to one that real weights were trained on."""
PIPELINES: dict[str, TinyPipeline] = {
    "AuraFlowPipeline": TinyPipeline(make_aura_flow),
    "BriaFibo2Pipeline": TinyPipeline(make_bria_fibo2),
    "BriaFiboPipeline": TinyPipeline(make_bria_fibo),
    "BriaPipeline": TinyPipeline(make_bria),
    "ChromaPipeline": TinyPipeline(make_chroma),
    "CogView3PlusPipeline": TinyPipeline(make_cogview3),
    "CogView4Pipeline": TinyPipeline(make_cogview4),
    "DreamLiteMobilePipeline": TinyPipeline(make_dreamlite),
    "DreamLitePipeline": TinyPipeline(make_dreamlite),
    "ErnieImagePipeline": TinyPipeline(make_ernie),
    "Flux2KleinPipeline": TinyPipeline(
        make_klein, {"text_encoder_out_layers": [0, 1, 2], "max_sequence_length": 32}
    ),
    "Flux2KleinKVPipeline": TinyPipeline(
        make_klein, {"text_encoder_out_layers": [0, 1, 2], "max_sequence_length": 32}
    ),
    "Flux2Pipeline": TinyPipeline(
        make_flux2, {"text_encoder_out_layers": [0, 1, 2], "max_sequence_length": 32}
    ),
    "FluxKontextPipeline": TinyPipeline(make_flux, {"max_area": 32 * 32}),
    "FluxPipeline": TinyPipeline(make_flux),
    "HiDreamImagePipeline": TinyPipeline(make_hidream, {"max_sequence_length": 77}, {"steps": 1}),
    "HunyuanDiTPAGPipeline": TinyPipeline(make_hunyuan_dit, UNBINNED),
    "HunyuanDiTPipeline": TinyPipeline(make_hunyuan_dit, UNBINNED),
    "HunyuanImagePipeline": TinyPipeline(make_hunyuan_image),
    "IFPipeline": TinyPipeline(make_if),
    "Kandinsky3Pipeline": TinyPipeline(make_kandinsky3),
    "Kandinsky5T2IPipeline": TinyPipeline(make_kandinsky5, spec={"steps": 1}),
    "KandinskyV22CombinedPipeline": TinyPipeline(make_kandinsky22),
    "Krea2Pipeline": TinyPipeline(make_krea2),
    "LDMTextToImagePipeline": TinyPipeline(make_ldm),
    "LatentConsistencyModelPipeline": TinyPipeline(make_lcm),
    "LattePipeline": TinyPipeline(make_latte, {"video_length": 1}),
    "LongCatImagePipeline": TinyPipeline(make_longcat, {"enable_prompt_rewrite": False}),
    "Lumina2Pipeline": TinyPipeline(make_lumina2),
    "LuminaPipeline": TinyPipeline(make_lumina),
    "NucleusMoEImagePipeline": TinyPipeline(make_nucleus, {"return_index": -1}),
    "OmniGenPipeline": TinyPipeline(make_omnigen),
    "OvisImagePipeline": TinyPipeline(make_ovis),
    "PRXPipeline": TinyPipeline(make_prx, UNBINNED),
    "PRXPixelPipeline": TinyPipeline(lambda: make_prx(pixels=True), UNBINNED),
    "PixArtAlphaPipeline": TinyPipeline(make_pixart, UNBINNED),
    "PixArtSigmaPAGPipeline": TinyPipeline(make_pixart, UNBINNED),
    "PixArtSigmaPipeline": TinyPipeline(make_pixart, UNBINNED),
    "QwenImage21Pipeline": TinyPipeline(make_qwen_image21),
    "QwenImagePipeline": TinyPipeline(make_qwen_image),
    "SanaPAGPipeline": TinyPipeline(make_sana, UNBINNED),
    "SanaPipeline": TinyPipeline(make_sana, UNBINNED),
    "SanaSprintPipeline": TinyPipeline(make_sana_sprint, UNBINNED),
    "SemanticStableDiffusionPipeline": TinyPipeline(make_sd),
    "StableDiffusion3PAGPipeline": TinyPipeline(lambda: make_sd3(layers=2)),
    "StableDiffusion3Pipeline": TinyPipeline(make_sd3),
    "StableDiffusionModelEditingPipeline": TinyPipeline(make_sd),
    "StableDiffusionPAGPipeline": TinyPipeline(make_sd),
    "StableDiffusionPanoramaPipeline": TinyPipeline(make_sd),
    "StableDiffusionParadigmsPipeline": TinyPipeline(
        lambda: {**make_sd(), "scheduler": diffusers.DDIMParallelScheduler()}
    ),
    "StableDiffusionPipeline": TinyPipeline(make_sd),
    "StableDiffusionSAGPipeline": TinyPipeline(make_sd, spec={"height_px": 64, "width_px": 64}),
    "StableDiffusionXLPAGPipeline": TinyPipeline(make_sdxl),
    "StableDiffusionXLPipeline": TinyPipeline(make_sdxl),
    "WanPipeline": TinyPipeline(make_wan, FRAME),
    "ZImageOmniPipeline": TinyPipeline(make_z_image_omni),
    "ZImagePipeline": TinyPipeline(make_z_image),
}


def build_tiny(name: str, folder: Path) -> Path:
    """Save a pipeline of that class into a folder."""
    torch.manual_seed(0)
    # Some modules of diffusers use what it will remove.
    with ignore_library_warnings():
        getattr(diffusers, name)(**PIPELINES[name].make()).save_pretrained(folder)
    return folder


def make_table(name: str, folder: Path) -> dict[str, Any]:
    """A generator's table over a pipeline in a folder: two steps, 32 x 32 pixels."""
    made = PIPELINES[name]
    return {
        "kind": "diffusers", "pipeline": name, "repo": str(folder), "revision": "local", "dtype": "float32",
        "steps": 2, "inputs": "prompt", "height_px": 32, "width_px": 32, "arguments": made.arguments,
        **made.spec,
    }  # fmt: skip
