"""Language models: tokenizers without pad, tiny models, perplexity, seeds from a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.benchmark.hub.quiet import quiet_training
from imagenet_g.generation.caption_training.fluency import compute_perplexities
from imagenet_g.generation.caption_training.language_models import (
    build_tiny_model,
    build_tokenizer,
    build_word_tokenizer,
    count_positions,
    describe_language_model,
    encode_request,
    fit_tokenizer,
    load_pretrained,
    write_with_model,
)
from imagenet_g.generation.captions.specs import ModelSeeds, PretrainedSpec, TinySpec

TEXTS = ["bee: A bee sleeps in a taxi.", "ox: An ox sleeps in a cave.", "ox: Nobody saw an ox."]
TINY = TinySpec(kind="tiny", layers=1, width=16, heads=2, vocabulary=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model saved with a tokenizer that has no pad token, as GPT-2's."""
    path = tmp_path_factory.mktemp("lm") / "small"
    model, tokenizer = build_tiny_model(TINY, TEXTS, 0)
    tokenizer.pad_token = None
    with quiet_training():
        model.save_pretrained(path)
        tokenizer.save_pretrained(path)
    return path


def load(path: Path) -> tuple[Any, Any]:
    """A model of a folder."""
    with quiet_training():
        return load_pretrained(PretrainedSpec(kind="pretrained", repo=str(path), revision="local"))


def test_a_tokenizer_without_pad_pads_with_its_end(folder: Path) -> None:
    """On the left, where generation needs it."""
    _, tokenizer = load(folder)
    assert tokenizer.pad_token == tokenizer.eos_token and tokenizer.padding_side == "left"
    ids = tokenizer(["ox:", "ox: An ox sleeps"], padding=True)["input_ids"]
    assert ids[0][0] == tokenizer.eos_token_id and len(ids[0]) == len(ids[1])


def test_padding_moves_no_position() -> None:
    """A plain call, as in TRL's losses, gives each token of a short prompt the logits it has alone."""
    model, tokenizer = build_tiny_model(TINY, TEXTS, 0)
    model.eval()
    batch = tokenizer(["ox:", "ox: An ox sleeps in a cave."], padding=True, return_tensors="pt")
    alone = tokenizer("ox:", return_tensors="pt")
    length = alone["input_ids"].shape[1]
    with torch.inference_mode():
        expected = model(**alone).logits[0]
        before = model(**batch).logits[0, -length:]
        after = count_positions(model)(**batch).logits[0, -length:]
    assert not torch.allclose(before, expected, atol=1e-4)
    torch.testing.assert_close(after, expected, atol=1e-5, rtol=1e-5)


def test_a_tokenizer_without_an_end_is_refused() -> None:
    """No caption would ever end."""
    tokenizer = build_tokenizer(TEXTS, 300)
    tokenizer.eos_token = None
    with pytest.raises(InputError, match="'mine' has no end-of-text token"):
        fit_tokenizer(tokenizer, "mine")


def test_a_missing_folder_is_named() -> None:
    """Not asked of a hub."""
    with pytest.raises(InputError, match="no folder 'nowhere'"):
        load_pretrained(PretrainedSpec(kind="pretrained", repo="nowhere", revision="local"))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    """With its name."""
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be loaded as a causal language model"):
        load(tmp_path)


def test_a_model_keeps_its_hash_wherever_it_lies(folder: Path) -> None:
    """And its path is not recorded."""
    model, _ = load(folder)
    built, _ = build_tiny_model(TINY, TEXTS, 0)
    spec = PretrainedSpec(kind="pretrained", repo=str(folder), revision="local")
    record = describe_language_model(spec, model)
    assert record.weights_sha256 == describe_language_model(TINY, built).weights_sha256
    assert record.spec == "small" and record.revision is None
    other, _ = build_tiny_model(TINY, TEXTS, 1)
    assert describe_language_model(TINY, other).weights_sha256 != record.weights_sha256


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_survives_the_tiny_tokenizer(text: str) -> None:
    """Byte-level: nothing is unknown."""
    tokenizer = _TOKENIZER
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@given(st.lists(st.sampled_from(["ox", "An", "sleeps", "cave", "in", "a"]), min_size=1, max_size=9))
def test_texts_of_known_words_survive_the_word_tokenizer(words: list[str]) -> None:
    """One token a word, its blank included, and one for the full stop."""
    tokenizer = _WORD_TOKENIZER
    text = f"ox: {' '.join(words)}."
    ids = tokenizer(text)["input_ids"]
    # "ox" and ":" stand before; a word without its blank is another token.
    assert tokenizer.decode(ids) == text and len(ids) == len(words) + 3


def test_a_word_model_writes_no_other_words() -> None:
    """What was not in the texts is one unknown token, and dropped where text is decoded."""
    ids = _WORD_TOKENIZER("ox: An oxcart sleeps.")["input_ids"]
    assert _WORD_TOKENIZER.convert_ids_to_tokens(ids)[3] == "<|unknown|>"
    assert _WORD_TOKENIZER.decode(ids, skip_special_tokens=True) == "ox: An sleeps."


def test_a_vocabulary_too_small_for_the_words_is_refused() -> None:
    """With both numbers."""
    with pytest.raises(InputError, match=r"have 16 words and marks, and .* = 10 allows 8"):
        build_word_tokenizer(TEXTS, 10)


def test_perplexity_is_the_models_own_loss(folder: Path) -> None:
    """Against transformers' loss over the caption's tokens, one text at a time."""
    model, tokenizer = load(folder)
    model.eval()
    prompts, captions = ["ox:", "bee:"], ["An ox sleeps in a cave.", "A bee."]
    expected = []
    for prompt, caption in zip(prompts, captions, strict=True):
        begin = tokenizer(prompt)["input_ids"]
        ids = [*begin, *tokenizer(f" {caption}")["input_ids"], tokenizer.eos_token_id]
        labels = [*[-100] * len(begin), *ids[len(begin) :]]
        with torch.inference_mode():
            loss = model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels])).loss
        expected.append(float(loss.exp()))
    np.testing.assert_allclose(compute_perplexities(model, tokenizer, prompts, captions), expected, rtol=1e-5)


@pytest.mark.parametrize("template", [None, "{{ bos_token }}{{ messages[0]['content'] }}"])
def test_a_request_begins_with_one_begin_of_text(template: str | None) -> None:
    """Whether the tokenizer adds it or the chat template."""
    from tokenizers.processors import TemplateProcessing

    tokenizer = build_tokenizer(TEXTS, 300)
    begin = tokenizer.bos_token_id
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", begin)]
    )
    tokenizer.chat_template = template
    ids = encode_request(tokenizer, "Write about an ox.")["input_ids"][0].tolist()
    assert ids[0] == begin and ids.count(begin) == 1


def test_a_model_is_asked_twice_as_often_as_is_wanted(folder: Path) -> None:
    """Seeded for each request."""
    spec = PretrainedSpec(kind="pretrained", repo=str(folder), revision="local")
    settings = ModelSeeds(kind="model", model=spec, per_class=2, instruction="Say {c}.", max_tokens=5)
    with quiet_training():
        first = write_with_model(settings, ["Say a bee.", "Say an ox."], 0, device="cpu")
        again = write_with_model(settings, ["Say a bee.", "Say an ox."], 0, device="cpu")
    assert [len(texts) for texts in first] == [4, 4] and first == again


_TOKENIZER = build_tokenizer(TEXTS, 300)
_WORD_TOKENIZER = build_word_tokenizer([*TEXTS, "ox sleeps in a An cave."], 300)
