"""Random-weight pipelines of diffusers' real classes, small enough to run on a CPU in a second.

Nothing is downloaded: CLIP's tokenizer is made from byte-pair merges that open_clip ships.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import open_clip
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    DDIMScheduler,
    DDPMScheduler,
    DiTPipeline,
    DiTTransformer2DModel,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    IFPipeline,
    IFSuperResolutionPipeline,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionImageVariationPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5EncoderModel,
)

WIDTH = 32
ALL_MERGES, NUM_MERGES = 48_894, 8_000
"""CLIP's, and the most frequent of them: with all, a pipeline spends most of its loading on its words."""
VOCABULARY = 2 * 256 + NUM_MERGES + 2


def build_clip_tokenizer(num_merges: int = NUM_MERGES) -> CLIPTokenizer:
    """CLIP's tokenizer from open_clip's merges; without all of them, rare words have more tokens."""
    data = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.decompress(data.read_bytes()).decode().split("\n")[1 : num_merges + 1]
    merges = [tuple(line.split()) for line in lines]
    base = list(open_clip.tokenizer.bytes_to_unicode().values())
    words = base + [f"{b}</w>" for b in base] + ["".join(m) for m in merges]
    vocab = {word: i for i, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=77)


def build_t5_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with T5's special tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["a photo of a tench."], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=77,
    )


def build_text_encoder(kind: type = CLIPTextModel, **options: object) -> torch.nn.Module:
    """A CLIP text encoder of two layers."""
    config = CLIPTextConfig(
        vocab_size=VOCABULARY, bos_token_id=VOCABULARY - 2, eos_token_id=VOCABULARY - 1, hidden_size=WIDTH,
        intermediate_size=37, num_hidden_layers=2, num_attention_heads=4, projection_dim=WIDTH, **options,
    )  # fmt: skip
    encoder: torch.nn.Module = kind(config)
    return encoder


def build_t5_encoder(width: int = WIDTH) -> T5EncoderModel:
    """A T5 encoder of two layers."""
    config = T5Config(
        vocab_size=300, d_model=width, d_kv=8, d_ff=37, num_layers=2, num_heads=4, is_encoder_decoder=False
    )
    return T5EncoderModel(config)


def build_vae(**options: object) -> AutoencoderKL:
    """An autoencoder that halves the side."""
    return AutoencoderKL(
        block_out_channels=[WIDTH, 64],
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=32,
        **options,
    )


def build_ddim() -> DDIMScheduler:
    """DDIM as Stable Diffusion configures it."""
    return DDIMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, clip_sample=False, steps_offset=1
    )


def build_unet(**options: object) -> UNet2DConditionModel:
    """A UNet of two levels over 16 x 16 latents."""
    return UNet2DConditionModel(
        **{
            "block_out_channels": (WIDTH, 64),
            "layers_per_block": 1,
            "sample_size": 16,
            "in_channels": 4,
            "out_channels": 4,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
            "cross_attention_dim": WIDTH,
            "attention_head_dim": 8,
            "norm_num_groups": 8,
            **options,
        }
    )


def build_sd(folder: Path, *, with_checker: bool = False, concept_threshold: float = 1.0) -> Path:
    """Stable Diffusion: text to 32 x 32 pixels; img2img loads the same folder."""
    torch.manual_seed(0)
    checker, extractor = None, None
    if with_checker:
        towers = {
            "hidden_size": WIDTH,
            "intermediate_size": 37,
            "num_hidden_layers": 1,
            "num_attention_heads": 4,
        }
        config = CLIPConfig(
            vision_config={**towers, "image_size": 32, "patch_size": 8}, text_config=towers, projection_dim=16
        )
        checker = StableDiffusionSafetyChecker(config)
        checker.concept_embeds_weights.data.fill_(concept_threshold)
        extractor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32)
    StableDiffusionPipeline(
        vae=build_vae(),
        text_encoder=build_text_encoder(),
        tokenizer=build_clip_tokenizer(),
        unet=build_unet(),
        scheduler=build_ddim(),
        safety_checker=checker,
        feature_extractor=extractor,
        requires_safety_checker=with_checker,
    ).save_pretrained(folder)
    return folder


def build_image_variation(folder: Path) -> Path:
    """Stable Diffusion image variations: a 32 x 32 image to 32 x 32 pixels."""
    torch.manual_seed(1)
    vision = CLIPVisionConfig(
        hidden_size=WIDTH, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4,
        image_size=32, patch_size=4, projection_dim=WIDTH,
    )  # fmt: skip
    StableDiffusionImageVariationPipeline(
        vae=build_vae(),
        image_encoder=CLIPVisionModelWithProjection(vision),
        unet=build_unet(),
        scheduler=build_ddim(),
        safety_checker=None,
        feature_extractor=CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32),
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def build_sdxl(folder: Path) -> Path:
    """Stable Diffusion XL: two text encoders, 32 x 32 pixels."""
    torch.manual_seed(2)
    unet = build_unet(
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=1,
        projection_class_embeddings_input_dim=6 * 8 + WIDTH,
        cross_attention_dim=2 * WIDTH,
    )
    StableDiffusionXLPipeline(
        vae=build_vae(),
        text_encoder=build_text_encoder(),
        text_encoder_2=build_text_encoder(CLIPTextModelWithProjection),
        tokenizer=build_clip_tokenizer(),
        tokenizer_2=build_clip_tokenizer(),
        unet=unet,
        scheduler=build_ddim(),
        add_watermarker=False,
    ).save_pretrained(folder)
    return folder


def build_sd3(folder: Path) -> Path:
    """Stable Diffusion 3: a diffusion transformer with flow matching, 32 x 32 pixels."""
    torch.manual_seed(3)
    transformer = SD3Transformer2DModel(
        sample_size=16, patch_size=1, in_channels=4, num_layers=1, attention_head_dim=8,
        num_attention_heads=4, joint_attention_dim=2 * WIDTH, caption_projection_dim=32,
        pooled_projection_dim=2 * WIDTH, out_channels=4, pos_embed_max_size=16,
    )  # fmt: skip
    StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=build_vae(shift_factor=0.06),
        text_encoder=build_text_encoder(CLIPTextModelWithProjection),
        tokenizer=build_clip_tokenizer(),
        text_encoder_2=build_text_encoder(CLIPTextModelWithProjection),
        tokenizer_2=build_clip_tokenizer(),
        text_encoder_3=build_t5_encoder(2 * WIDTH),
        tokenizer_3=build_t5_tokenizer(),
    ).save_pretrained(folder)
    return folder


def build_if_unet(**options: object) -> UNet2DConditionModel:
    """The network of DeepFloyd IF, over pixels."""
    return build_unet(
        **{"sample_size": 16, "in_channels": 3, **options},
        out_channels=6,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        encoder_hid_dim=WIDTH,
        addition_embed_type="text",
        addition_embed_type_num_heads=2,
        cross_attention_norm="group_norm",
        resnet_time_scale_shift="scale_shift",
        act_fn="gelu",
    )


def build_if_scheduler() -> DDPMScheduler:
    """DDPM as IF configures it."""
    return DDPMScheduler(
        num_train_timesteps=1000, beta_schedule="squaredcos_cap_v2", thresholding=True,
        dynamic_thresholding_ratio=0.95, sample_max_value=1.0, prediction_type="epsilon",
        variance_type="learned_range",
    )  # fmt: skip


def build_if(folder: Path) -> Path:
    """DeepFloyd IF, first stage: T5 text to 16 x 16 pixels."""
    torch.manual_seed(4)
    IFPipeline(
        tokenizer=build_t5_tokenizer(),
        text_encoder=build_t5_encoder(),
        unet=build_if_unet(),
        scheduler=build_if_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def build_if_superresolution(folder: Path) -> Path:
    """DeepFloyd IF, second stage: doubles the side to 32 pixels."""
    torch.manual_seed(5)
    IFSuperResolutionPipeline(
        tokenizer=build_t5_tokenizer(),
        text_encoder=build_t5_encoder(),
        unet=build_if_unet(sample_size=32, in_channels=6, class_embed_type="timestep"),
        scheduler=build_if_scheduler(),
        image_noising_scheduler=DDPMScheduler(num_train_timesteps=1000, beta_schedule="squaredcos_cap_v2"),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def build_dit(folder: Path) -> Path:
    """A class-conditional diffusion transformer over the 1000 classes."""
    torch.manual_seed(6)
    transformer = DiTTransformer2DModel(
        sample_size=16, num_layers=1, patch_size=2, attention_head_dim=8, num_attention_heads=2,
        in_channels=4, out_channels=8, num_embeds_ada_norm=1000,
    )  # fmt: skip
    DiTPipeline(transformer=transformer, vae=build_vae(), scheduler=build_ddim()).save_pretrained(folder)
    return folder


def build_klein(folder: Path) -> Path:
    """FLUX.2 Klein, 32 x 32 pixels: every source of a batch is a reference of every image."""
    torch.manual_seed(7)
    tokenizer = build_t5_tokenizer()
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    encoder = Qwen3Config(
        vocab_size=300, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, head_dim=8, pad_token_id=0, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    transformer = Flux2Transformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=48, timestep_guidance_channels=32,
        axes_dims_rope=(4, 4, 4, 4), guidance_embeds=False,
    )  # fmt: skip
    for weights in transformer.parameters():
        # Larger than they begin, so that attention to the references is seen in the pixels.
        weights.data *= 3
    vae = AutoencoderKLFlux2(
        block_out_channels=(8, 16), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, layers_per_block=1, latent_channels=4, norm_num_groups=4,
        sample_size=32,
    )  # fmt: skip
    Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=vae, text_encoder=Qwen3ForCausalLM(encoder),
        tokenizer=tokenizer, transformer=transformer, is_distilled=True,
    ).save_pretrained(folder)  # fmt: skip
    return folder


BUILDERS: dict[str, Callable[[Path], Path]] = {
    "sd": build_sd,
    "image-variation": build_image_variation,
    "sdxl": build_sdxl,
    "sd3": build_sd3,
    "if": build_if,
    "if-superresolution": build_if_superresolution,
    "dit": build_dit,
    "klein": build_klein,
}
