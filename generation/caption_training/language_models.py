"""Causal language models that are trained to write captions: pretrained ones, or a tiny new one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.benchmark.hub.fetching import describe_hub_file, fetch
from imagenet_g.benchmark.hub.quiet import quiet_training
from imagenet_g.benchmark.identity import hash_json, make_seed
from imagenet_g.generation.captions.records import WeightsRecord
from imagenet_g.generation.captions.specs import LanguageModelSpec, ModelSeeds, PretrainedSpec, TinySpec

Model = Any
"""A model of transformers, treated as untyped."""
Tokenizer = Any
"""A tokenizer of transformers."""
END_OF_TEXT = "<|endoftext|>"
UNKNOWN = "<|unknown|>"
# A word with its inner apostrophes and hyphens, or one mark, each with the blank before it. Python and the
# tokenizers library both read it: nothing in it may differ between the two.
_WORDS = r" ?[^\W_]+(?:['’-][^\W_]+)*| ?[^\w\s]|_|\s"
LOCAL_REVISION = "local"
# Facts of a place, a library and a file, which change no output.
_NO_SETTINGS = {"_name_or_path", "transformers_version", "dtype", "torch_dtype", "_commit_hash"}
# Positions of the tiny model: attention is quadratic in what is used, so that room to spare costs nothing.
_CONTEXT = 128


def load_language_model(spec: LanguageModelSpec, texts: Sequence[str], seed: int) -> tuple[Model, Tokenizer]:
    """A model and its tokenizer, in float32 on the CPU, ready for training.

    Args:
        spec: Which model.
        texts: What the tokenizer of a tiny model is trained on.
        seed: Of a tiny model's weights.

    Raises:
        FetchError: It is on the Hub and cannot be fetched.
        ModelError: transformers cannot load it as a causal language model.
        InputError: Its tokenizer has no end-of-text token, or a folder is missing.
    """
    if isinstance(spec, TinySpec):
        return build_tiny_model(spec, texts, seed)
    return load_pretrained(spec)


def load_pretrained(spec: PretrainedSpec) -> tuple[Model, Tokenizer]:
    """A pretrained model and its tokenizer.

    Raises:
        ImagenetGError: As `load_language_model`.
    """
    # Imported late: transformers takes seconds, and most commands need no language model.
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(spec.repo).expanduser()
    if spec.revision == LOCAL_REVISION and not folder.is_dir():
        raise InputError(f"There is no folder '{spec.repo}' with a language model.")
    remote = None
    # A folder has no revision.
    place: dict[str, str] = {}
    if not folder.is_dir():
        place = {"revision": spec.revision}
        remote = describe_hub_file(
            spec.repo, ("config.json",), revision=spec.revision, instead="name a local folder as the repo"
        )
    try:
        with fetch(remote), quiet_training():
            tokenizer = AutoTokenizer.from_pretrained(str(spec.repo), **place)
            # transformers would keep the type of the file, often bfloat16; small steps of training vanish in
            # its 8 bits.
            model = AutoModelForCausalLM.from_pretrained(str(spec.repo), dtype="float32", **place)
    except ModelError as error:
        raise ModelError(f"'{spec.repo}' cannot be loaded as a causal language model: {error}") from error
    return model, fit_tokenizer(tokenizer, spec.repo)


def load_trained(folder: Path) -> tuple[Model, Tokenizer]:
    """A model that a stage of training wrote.

    Raises:
        ModelError: The folder is damaged.
    """
    return load_pretrained(PretrainedSpec(kind="pretrained", repo=str(folder), revision=LOCAL_REVISION))


def fit_tokenizer(tokenizer: Tokenizer, name: str) -> Tokenizer:
    """Pad on the left, with the end-of-text token if the tokenizer has no padding token (as GPT-2).

    Raises:
        InputError: The tokenizer has no end-of-text token either.
    """
    if tokenizer.eos_token is None:
        raise InputError(
            f"The tokenizer of '{name}' has no end-of-text token, so no caption would ever end. Set its "
            "eos_token and save it, or choose another model."
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    # A causal model goes on from the last position, which must be the prompt's and not padding.
    tokenizer.padding_side = "left"
    return tokenizer


def count_positions(model: Model) -> Model:
    """Make a model count positions from the first token that is no padding; returns the same model.

    Generation does so by itself. In a plain call GPT-2 counts padding on the left as well, and TRL's losses
    are such calls: what stage 2 learns from prompts shorter than the longest would belong to other positions
    than those the captions were drawn at.
    """
    from inspect import signature

    def add(
        _: Model, words: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        mask = named.get("attention_mask")
        if mask is None or named.get("position_ids") is not None or named.get("input_ids") is None:
            return words, named
        positions = (mask.long().cumsum(-1) - 1).clamp(min=0)
        # With a cache only the last tokens are given.
        return words, {**named, "position_ids": positions[:, -named["input_ids"].shape[1] :]}

    # Some models have no positions to count.
    if "position_ids" in signature(model.forward).parameters:
        model.register_forward_pre_hook(add, with_kwargs=True)
    return model


def build_tiny_model(spec: TinySpec, texts: Sequence[str], seed: int) -> tuple[Model, Tokenizer]:
    """A GPT-2 with random weights, and a tokenizer made from some texts.

    Raises:
        InputError: The texts have more words than the vocabulary may hold.
    """
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    build = build_word_tokenizer if spec.tokens == "words" else build_tokenizer
    tokenizer = build(texts, spec.vocabulary)
    end = tokenizer.eos_token_id
    # No dropout: stage 2 compares the policy with its reference model, and dropout would be noise in the KL
    # term.
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=_CONTEXT, n_embd=spec.width, n_layer=spec.layers,
        n_head=spec.heads, bos_token_id=end, eos_token_id=end, pad_token_id=end,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    # The caller's random state stays as it was; without the empty list torch would also save that of every
    # GPU.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(make_seed("language-model", str(seed), "tiny", 0))
        model = GPT2LMHeadModel(config)
    return model, tokenizer


def build_tokenizer(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """A byte-level byte-pair tokenizer, which can encode any text."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    raw = tokenizers.Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT],
        # The library gives the alphabet in the order of a hash set, which differs from process to process,
        # and with it the ids of all tokens.
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    raw.train_from_iterator(texts, trainer)
    return _wrap_tokenizer(raw)


def build_word_tokenizer(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """A tokenizer whose tokens are the words and marks of some texts; any other word is one unknown token.

    Raises:
        InputError: The texts have more words than the vocabulary may hold.
    """
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers

    # With the blank before it, so that a decoded text is what was encoded.
    pieces = sorted({piece for text in texts for piece in re.findall(_WORDS, text)})
    if len(pieces) + 2 > vocabulary:
        raise InputError(
            f"The seed captions have {len(pieces)} words and marks, and language_model.vocabulary = "
            f'{vocabulary} allows {vocabulary - 2}. Raise it, or set tokens = "pieces".'
        )
    ids = {piece: number for number, piece in enumerate([END_OF_TEXT, UNKNOWN, *pieces])}
    raw = tokenizers.Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    raw.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(_WORDS), behavior="isolated")
    raw.decoder = decoders.Fuse()
    return _wrap_tokenizer(raw, unk_token=UNKNOWN)


def _wrap_tokenizer(raw: Any, **special: str) -> Tokenizer:  # noqa: ANN401
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        # Cleaning up would drop blanks before marks, and decoded text would differ from what was encoded.
        tokenizer_object=raw, eos_token=END_OF_TEXT, bos_token=END_OF_TEXT, pad_token=END_OF_TEXT,
        padding_side="left", clean_up_tokenization_spaces=False, **special,
    )  # fmt: skip


def describe_language_model(spec: LanguageModelSpec, model: Model) -> WeightsRecord:
    """The record of a model before training."""
    from imagenet_g.benchmark.fingerprints.weights import hash_state_dict

    sha256 = hash_state_dict(model.state_dict())
    if isinstance(spec, TinySpec):
        name = f"gpt2-tiny-{spec.layers}x{spec.width}"
        return WeightsRecord(spec=name, revision=None, weights_sha256=sha256)
    local = Path(spec.repo).expanduser().is_dir()
    return WeightsRecord(
        spec=Path(spec.repo).name if local else spec.repo,
        revision=None if local else getattr(model.config, "_commit_hash", None) or spec.revision,
        weights_sha256=sha256,
    )


def hash_config(model: Model) -> str:
    """sha256 of a model's settings, without the place it was loaded from and the library's version."""
    settings = json.loads(model.config.to_json_string(use_diff=False))
    return hash_json({key: value for key, value in settings.items() if key not in _NO_SETTINGS})


def write_with_model(
    settings: ModelSeeds, requests: Sequence[str], seed: int, *, device: str
) -> list[list[str]]:
    """Texts of an instruction-tuned model, twice as many per request as are needed."""
    import torch

    model, tokenizer = load_pretrained(settings.model)
    model.to(device).eval()
    texts = []
    for number, request in enumerate(requests):
        torch.manual_seed(make_seed("caption-seeds", str(seed), str(number), 0))
        inputs = encode_request(tokenizer, request).to(device)
        with torch.inference_mode():
            # top_k=0, because transformers' default of 50 would cut off rare words. Twice as many as wanted,
            # because some fail the checks.
            output = model.generate(
                **inputs, do_sample=True, temperature=settings.temperature, top_k=0,
                max_new_tokens=settings.max_tokens, num_return_sequences=2 * settings.per_class,
                pad_token_id=tokenizer.pad_token_id,
            )  # fmt: skip
        answers = output[:, inputs["input_ids"].shape[1] :]
        texts.append(tokenizer.batch_decode(answers, skip_special_tokens=True))
    return texts


def encode_request(tokenizer: Tokenizer, request: str) -> Any:  # noqa: ANN401
    """Tokens of a request, `(1, T)` int64 tensors by name, in the model's chat format if it has one."""
    if tokenizer.chat_template is None:
        return tokenizer(f"{request}\n", return_tensors="pt")
    messages = [{"role": "user", "content": request}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    # A chat template writes its own begin of text; many tokenizers would add a second one.
    return tokenizer(text, add_special_tokens=False, return_tensors="pt")
