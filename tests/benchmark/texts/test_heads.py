"""Heads from prompts, against open_clip's own builder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from tiny_clip import build_tiny_clip

from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.models.packaged import find_packaged_model
from imagenet_g.benchmark.texts import heads
from imagenet_g.benchmark.texts.heads import build_head
from imagenet_g.benchmark.texts.kept_heads import HeadPieces
from imagenet_g.benchmark.texts.prompts import load_class_names, load_templates
from imagenet_g.benchmark.texts.tower import TextTower

NAMES = load_class_names()[:20]
TEMPLATES = load_templates("openai-80")[:8]


@pytest.fixture(scope="module")
def clip() -> tuple[Any, Any]:
    """The packaged CLIP and its tokenizer."""
    name = f"local-dir:{find_packaged_model('mini-clip', 'open_clip')}"
    return open_clip.create_model(name).eval(), open_clip.get_tokenizer(name)


class Counting:
    """A tokenizer that counts its texts."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.texts: list[str] = []

    def __call__(self, texts: list[str]) -> torch.Tensor:
        """Token ids."""
        self.texts += texts
        tokens: torch.Tensor = self.tokenizer(texts)
        return tokens


def build_reference(model: Any, tokenizer: Any) -> torch.Tensor:
    """open_clip's head of the same texts."""
    head: torch.Tensor = open_clip.build_zero_shot_classifier(model, tokenizer, NAMES, TEMPLATES)
    return head


@pytest.mark.parametrize("batch_size", [None, 1, 7, 1000])
def test_a_head_equals_open_clips_whatever_the_batch(batch_size: int | None, clip: tuple[Any, Any]) -> None:
    """Within rounding; texts are cut, sorted by length and batched."""
    head = build_head(*clip, TEMPLATES, NAMES, batch_size=batch_size)
    assert (head - build_reference(*clip)).abs().max() <= 1e-6


def test_in_open_clips_batches_a_head_is_open_clips_to_the_bit(clip: tuple[Any, Any]) -> None:
    """Ten classes, whole texts, in their order."""
    expected = open_clip.build_zero_shot_classifier(*clip, NAMES[:10], TEMPLATES)
    head = build_head(*clip, TEMPLATES, NAMES[:10], batch_size=80, shortens=False)
    assert torch.equal(head, expected)


@pytest.mark.parametrize(
    ("name", "cuts"),
    [
        ("ViT-B-32", True),
        ("RN50", True),
        ("ViT-B-16-SigLIP", False),
        ("coca_ViT-B-32", False),
        ("ViT-H-14-CLIPA", False),
    ],
)
def test_every_kind_of_text_tower_gives_what_open_clip_gives(name: str, cuts: bool) -> None:
    """Causal ones are cut; those that look at all of a text are not."""
    config = open_clip.get_model_config(name)
    context = config["text_cfg"].get("context_length", 77)
    text = {**config["text_cfg"], "width": 32, "heads": 2, "layers": 1, "vocab_size": 49408}
    text |= {"hf_tokenizer_name": None, "context_length": context}
    vision = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
    coca = "multimodal_cfg" in config
    kinds = {
        True: lambda: open_clip.CoCa(
            32, {"width": 32, "heads": 2, "layers": 1, "context_length": 76}, text, vision
        ),
        False: lambda: (
            open_clip.CustomTextCLIP(32, vision, text)
            if config.get("custom_text") or "SigLIP" in name
            else open_clip.CLIP(32, vision, text)
        ),
    }
    torch.manual_seed(0)
    model = kinds[coca]().eval()
    tokenizer = open_clip.SimpleTokenizer(context_length=context)
    tower = TextTower(model)
    assert (tower.find_lengths(tokenizer(["a cat"])) is not None) == cuts
    head = build_head(model, tokenizer, TEMPLATES[:2], NAMES)
    expected = open_clip.build_zero_shot_classifier(model, tokenizer, NAMES, TEMPLATES[:2])
    assert (head - expected).abs().max() <= 1e-6


@pytest.mark.parametrize("tied", [False, True])
def test_a_tower_that_looks_behind_the_end_is_not_cut(tied: bool, clip: tuple[Any, Any]) -> None:
    """It claims to be causal; cut texts have other embeddings, or none at all."""

    class Peeking(torch.nn.Module):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner
            own = inner.positional_embedding
            self.positional_embedding = own if tied else torch.nn.Parameter(own.detach().clone())
            self.register_buffer("attn_mask", inner.attn_mask)
            self.text_pool_type, self.text_eos_id = inner.text_pool_type, inner.text_eos_id

        def encode_text(self, tokens: torch.Tensor, *, normalize: bool) -> torch.Tensor:
            """Another answer for a text of another length."""
            whole = torch.nn.functional.pad(tokens, (0, 32 - tokens.shape[1]))
            answer = self.inner.encode_text(whole, normalize=False) + 1.0 / tokens.shape[1]
            return torch.nn.functional.normalize(answer, dim=-1) if normalize else answer

    model, tokenizer = Peeking(clip[0]), clip[1]
    assert TextTower(model).find_lengths(tokenizer(["a cat"])) is not None
    assert (
        build_head(model, tokenizer, TEMPLATES, NAMES) - build_reference(model, tokenizer)
    ).abs().max() <= 1e-6


def test_each_text_is_tokenized_and_encoded_once(clip: tuple[Any, Any]) -> None:
    """Two classes of one name, two templates of one text: each counts as often as it stands there."""
    names, templates = ["cat", "dog", "cat"], ["a {}.", "a {}.", "the {}."]
    tokenizer = Counting(clip[1])
    head = build_head(clip[0], tokenizer, templates, names)
    assert sorted(tokenizer.texts) == ["a cat.", "a dog.", "the cat.", "the dog."]
    expected = open_clip.build_zero_shot_classifier(*clip, names, templates)
    assert (head - expected).abs().max() <= 1e-6
    assert torch.equal(head[:, 0], head[:, 2])


def test_progress_ends_at_all_prompts(clip: tuple[Any, Any]) -> None:
    """And never goes back."""
    seen: list[tuple[int, int]] = []
    build_head(*clip, TEMPLATES, NAMES, on_progress=lambda *numbers: seen.append(numbers))
    assert seen[0] == (0, 160)
    assert seen[-1] == (160, 160)
    assert seen == sorted(seen)


def test_an_interrupted_head_resumes_and_is_the_same(
    clip: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the texts of missing pieces are tokenized again; the rest is taken as it was kept."""
    monkeypatch.setattr(heads, "PIECE_PROMPTS", 40)
    whole = build_head(*clip, TEMPLATES, NAMES)
    pieces = HeadPieces(tmp_path, "k")

    def interrupt(done: int, total: int) -> None:
        if done >= 80:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_head(*clip, TEMPLATES, NAMES, pieces=pieces, on_progress=interrupt)
    kept = len(list(tmp_path.glob("*.safetensors")))
    assert 0 < kept < 4
    tokenizer = Counting(clip[1])
    seen: list[int] = []
    again = build_head(
        clip[0], tokenizer, TEMPLATES, NAMES, pieces=pieces, on_progress=lambda d, t: seen.append(d)
    )
    assert torch.equal(again, whole)
    assert (len(tokenizer.texts), seen[0]) == (160 - 40 * kept, 40 * kept)


def test_when_memory_runs_out_the_batch_is_halved(
    clip: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down to one prompt; then there is one message."""
    limit = 5
    encode = TextTower.encode

    def encode_some(self: TextTower, tokens: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
        if len(tokens) > limit:
            raise RuntimeError("CUDA out of memory.")
        return encode(self, tokens, lengths)

    monkeypatch.setattr(TextTower, "encode", encode_some)
    head = build_head(*clip, TEMPLATES, NAMES)
    assert (head - build_reference(*clip)).abs().max() <= 1e-6
    limit = 0
    with pytest.raises(ModelError, match="does not hold a single prompt"):
        build_head(*clip, TEMPLATES, NAMES)


def test_a_lowered_model_still_gives_a_float32_head(tmp_path: Path) -> None:
    """A head of bfloat16 would tie classes in every answer."""
    name = f"local-dir:{build_tiny_clip(tmp_path / 'clip')}"
    model = open_clip.create_model(name).eval()
    head = build_head(model.bfloat16(), open_clip.get_tokenizer(name), TEMPLATES[:1], NAMES)
    assert head.dtype == torch.float32
    assert not torch.equal(head, head.bfloat16().float())
