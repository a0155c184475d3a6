"""Text encoders and tokenizers with random weights, a few thousand parameters each, for tiny pipelines.

Nothing is downloaded. Each encoder is of the real class that a pipeline of diffusers declares; all but CLIP's
and Bert's read the ids of one byte-level tokenizer of 300 tokens.
"""

from __future__ import annotations

from typing import Any

import transformers
from tiny_pipelines import (
    WIDTH,
    build_t5_tokenizer,
    build_text_encoder,
)
from tokenizers.processors import TemplateProcessing

VOCABULARY = 300
# Contents are texts or, for those that also see, lists of parts.
CHAT = (
    "{% for message in messages %}{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endif %}{% endfor %}"
)
_CORE = {
    "vocab_size": VOCABULARY,
    "num_hidden_layers": 2,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
_LAYERS = {**_CORE, "hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2,
           "num_key_value_heads": 2, "head_dim": 8}  # fmt: skip
# Rotary angles over time, height and width: the three parts of half a head.
_MROPE = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]}
_SPECIAL = {
    "image_token_id": 290,
    "video_token_id": 291,
    "vision_start_token_id": 292,
    "vision_end_token_id": 293,
}
_EYES = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}


def make_tokenizer() -> Any:
    """The byte-level tokenizer, with a template for chats that writes their texts one after the other."""
    tokenizer = build_t5_tokenizer()
    tokenizer.chat_template = CHAT
    # So that an empty text is one token and not none, as with every real tokenizer.
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return tokenizer


def make_clip_with_projection() -> Any:
    """A CLIP text encoder with its projection."""
    return build_text_encoder(transformers.CLIPTextModelWithProjection)


def make_umt5() -> Any:
    """An encoder as AuraFlow's and Wan's."""
    config = transformers.UMT5Config(
        vocab_size=VOCABULARY,
        d_model=WIDTH,
        d_kv=8,
        d_ff=37,
        num_layers=2,
        num_heads=4,
        is_encoder_decoder=False,
    )
    return transformers.UMT5EncoderModel(config)


def make_gemma2() -> Any:
    """An encoder as Sana's and Lumina 2's."""
    return transformers.Gemma2Model(transformers.Gemma2Config(**_LAYERS, query_pre_attn_scalar=8))


def make_gemma() -> Any:
    """An encoder as Lumina's."""
    return transformers.GemmaModel(transformers.GemmaConfig(**_LAYERS))


def make_glm() -> Any:
    """An encoder as CogView 4's."""
    return transformers.GlmModel(transformers.GlmConfig(**_LAYERS))


def make_llama(kind: str = "LlamaModel") -> Any:
    """An encoder as HunyuanVideo's and HiDream's."""
    return getattr(transformers, kind)(transformers.LlamaConfig(**_LAYERS))


def make_qwen3(kind: str = "Qwen3Model") -> Any:
    """An encoder as Z-Image's and FLUX.2 Klein's."""
    return getattr(transformers, kind)(transformers.Qwen3Config(**_LAYERS))


def make_smollm3() -> Any:
    """An encoder as Bria FIBO's."""
    return transformers.SmolLM3ForCausalLM(transformers.SmolLM3Config(**{**_LAYERS, "vocab_size": 128_001}))


def make_qwen25_vl() -> Any:
    """An encoder as Qwen-Image's."""
    config = transformers.Qwen2_5_VLConfig(
        text_config={**_LAYERS, "rope_parameters": _MROPE}, vision_config=_EYES, **_SPECIAL
    )
    return transformers.Qwen2_5_VLForConditionalGeneration(config)


def make_qwen3_vl(kind: str = "Qwen3VLForConditionalGeneration", layers: int = 2) -> Any:
    """An encoder as Krea 2's."""
    eyes = {**_EYES, "deepstack_visual_indexes": [0], "num_position_embeddings": 16}
    config = transformers.Qwen3VLConfig(
        text_config={**_LAYERS, "rope_parameters": _MROPE, "num_hidden_layers": layers},
        vision_config=eyes,
        **_SPECIAL,
    )
    return getattr(transformers, kind)(config)


def make_mistral3(kind: str = "Mistral3ForConditionalGeneration") -> Any:
    """An encoder as FLUX.2's and ERNIE-Image's."""
    eyes = {"model_type": "pixtral", "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "image_size": 32, "patch_size": 8, "head_dim": 8}  # fmt: skip
    config = transformers.Mistral3Config(
        text_config={**_LAYERS, "model_type": "mistral"}, vision_config=eyes, image_token_index=290
    )
    return getattr(transformers, kind)(config)


def make_bert() -> Any:
    """An encoder as HunyuanDiT's."""
    config = transformers.BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=37,
    )
    return transformers.BertModel(config)


def make_qwen_processor() -> Any:
    """The processor of Qwen2-VL and 2.5-VL around the byte-level tokenizer."""
    tokenizer = make_tokenizer()
    return transformers.Qwen2VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(),
        tokenizer=tokenizer,
        video_processor=transformers.Qwen2VLVideoProcessor(),
        chat_template=CHAT,
    )


def make_qwen3_processor() -> Any:
    """The processor of Qwen3-VL around the byte-level tokenizer."""
    return transformers.Qwen3VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(),
        tokenizer=make_tokenizer(),
        video_processor=transformers.Qwen3VLVideoProcessor(),
        chat_template=CHAT,
    )
