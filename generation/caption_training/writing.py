"""Sampling captions from a trained model, and choosing which to freeze: valid, distinct, best first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import make_seed
from imagenet_g.generation.caption_training.language_models import Model, Tokenizer
from imagenet_g.generation.caption_training.run import CaptionRun, load_run, load_scorer
from imagenet_g.generation.caption_training.seeds import make_prompt
from imagenet_g.generation.caption_training.stages import Note, load_finished
from imagenet_g.generation.captions.files import CaptionSet, make_caption_set
from imagenet_g.generation.captions.names import split_words
from imagenet_g.generation.captions.records import CaptionCard, CaptionRecord
from imagenet_g.generation.captions.scoring import CaptionScorer
from imagenet_g.generation.captions.sentences import Grammar, find_banned, hash_banned
from imagenet_g.generation.captions.specs import CaptionSpec, SamplingSpec
from imagenet_g.generation.generators.runtime import set_determinism

BATCH_SIZE = 64
"""Captions a forward pass; fixed, because what is drawn depends on it."""
REMARK = (
    "Ramos et al. trained with PPO; this run used {method}, which compares the captions of a class with each "
    "other in place of a learned value function. {judged}"
)
JUDGED: dict[Grammar, str] = {
    "checked": "Grammar is checked by parts of speech and agreement alone.",
    "unchecked": "Whether a sentence has a verb is not checked.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """Which captions to write.

    Attributes:
        folder: A trained run.
        per_class: Captions for each class.
        name: Name of the set; None for the run's.
        version: Version of the set.
        seed: Seed of the sampling; None for the run's.
        allow_fewer: Freeze classes with fewer valid captions, at least one.
        device: "cpu" or "cuda".
        note: Called with a sentence of progress.
    """

    folder: Path
    per_class: int
    name: str | None
    version: int
    seed: int | None
    allow_fewer: bool
    device: str
    note: Note


def write_caption_set(request: WriteRequest) -> CaptionSet:
    """Sample captions for every class of a run and choose the best.

    Raises:
        DataError: The run is not trained, or a class has too few valid captions.
    """
    # The last bits of a logit, and so now and then a word, depend on the number of threads.
    set_determinism(request.device, cpu_threads=1)
    run = load_run(request.folder)
    scorer = load_scorer(run, request.folder, request.device)
    model, tokenizer = load_finished(request.folder / "rl", run.stages[1])
    model.to(request.device).eval()
    seed = run.spec.seed if request.seed is None else request.seed
    rows: list[CaptionRecord] = []
    for index in run.spec.class_indices:
        found = _write_class(run.spec, index, scorer, (model, tokenizer), request.per_class, seed)
        _validate_count(index, len(found), request)
        rows += found
    card = make_card(run, seed=seed, per_class=request.per_class)
    return make_caption_set(
        request.name or run.spec.name, rows, card=card, license=run.spec.license, version=request.version
    )


def draw_captions(
    model: Model,
    tokenizer: Tokenizer,
    prompt: str,
    count: int,
    sampling: SamplingSpec,
    *,
    max_tokens: int,
    seed: int,
) -> list[str]:
    """Sample captions for one prompt; a larger sample begins with the same ones, in whole batches.

    Args:
        model: In eval mode, on its device.
        tokenizer: The model's.
        prompt: Text to continue.
        count: How many.
        sampling: Temperature and top-p.
        max_tokens: Longest caption.
        seed: Of this sample.
    """
    import torch

    inputs = tokenizer(prompt, return_tensors="pt").to(model.device)
    captions: list[str] = []
    # `generate` takes no generator: it draws from torch's global state, which is put back afterwards.
    with torch.inference_mode(), torch.random.fork_rng():
        torch.manual_seed(seed)
        # Whole batches: asking for more captions must not change the first ones.
        while len(captions) < count:
            output = model.generate(
                **inputs, do_sample=True, temperature=sampling.temperature, top_p=sampling.top_p, top_k=0,
                max_new_tokens=max_tokens, num_return_sequences=BATCH_SIZE,
                pad_token_id=tokenizer.pad_token_id,
            )  # fmt: skip
            answers = output[:, inputs["input_ids"].shape[1] :]
            captions += [text.strip() for text in tokenizer.batch_decode(answers, skip_special_tokens=True)]
    return captions[:count]


def rank_captions(
    captions: Sequence[str], rewards: Sequence[float], valid: Sequence[bool], count: int
) -> list[tuple[str, float]]:
    """The best valid captions and their rewards, best first; punctuation does not make a caption another.

    Example:
        >>> captions = ["A fox reads.", "A fox reads!", "A fox sleeps.", "A fox"]
        >>> rank_captions(captions, [0.1, 0.3, 0.2, 0.9], [True, True, True, False], count=2)
        [('A fox reads!', 0.3), ('A fox sleeps.', 0.2)]
    """
    # Equal rewards are ordered by text; the order in which captions were drawn must not decide.
    order = sorted(range(len(captions)), key=lambda n: (-rewards[n], captions[n]))
    kept: dict[tuple[str, ...], tuple[str, float]] = {}
    for number in order:
        if valid[number] and not find_banned(captions[number]):
            # The same sentence with another mark at its end is no second prompt.
            kept.setdefault(split_words(captions[number]), (captions[number], rewards[number]))
    return list(kept.values())[:count]


def make_card(run: CaptionRun, *, seed: int, per_class: int) -> CaptionCard:
    """The card of a caption file: the run behind it, without paths of this machine."""
    spec = run.spec
    objective: dict[str, JsonValue] = {
        **spec.objective.model_dump(mode="json"), "clip": run.clip.spec, "class_names": spec.class_names,
    }  # fmt: skip
    sampling: dict[str, JsonValue] = {
        **spec.sampling.model_dump(mode="json"), "per_class": per_class, "batch_size": BATCH_SIZE,
        "prompt": spec.prompt, "max_tokens": spec.max_tokens, "banned_words_sha256": hash_banned(),
    }  # fmt: skip
    return CaptionCard(
        language_model=run.language_model,
        seeds=run.seeds,
        stages=run.stages,
        clip=run.clip,
        means=run.means,
        objective=objective,
        sampling=sampling,
        seed=seed,
        versions=run.versions,
        remark=REMARK.format(method=spec.rl.method.upper(), judged=JUDGED[spec.objective.grammar]),
    )


def _write_class(
    spec: CaptionSpec,
    index: int,
    scorer: CaptionScorer,
    writer: tuple[Model, Tokenizer],
    per_class: int,
    seed: int,
) -> list[CaptionRecord]:
    wnid, prompt = load_classes()[index].wnid, make_prompt(spec, index)
    captions: list[str] = []
    best: list[tuple[str, float]] = []
    # All rounds are scored together, so that a good caption of an earlier round is not lost.
    for number in range(spec.sampling.rounds):
        captions += draw_captions(
            *writer, prompt, per_class * spec.sampling.candidates, spec.sampling,
            max_tokens=spec.max_tokens, seed=make_seed("captions", str(seed), wnid, number),
        )  # fmt: skip
        unique = list(dict.fromkeys(captions))
        scores = scorer.score(unique, [index] * len(unique))
        # Better is farther, whatever a control run was trained for.
        best = rank_captions(unique, (-scores.cosines).tolist(), scores.valid, per_class)
        if len(best) == per_class:
            break
    return _make_rows(wnid, best)


def _make_rows(wnid: str, ranked: Iterable[tuple[str, float]]) -> list[CaptionRecord]:
    return [
        # Six digits: the precision of a float32 cosine.
        CaptionRecord(wnid=wnid, rank=rank, caption=caption, reward=float(np.round(reward, 6)))
        for rank, (caption, reward) in enumerate(ranked)
    ]


def _validate_count(index: int, count: int, request: WriteRequest) -> None:
    if count == request.per_class:
        return
    info = load_classes()[index]
    message = f"Class {info.wnid} ({info.name}) has {count} of {request.per_class} valid, distinct captions"
    if not count or not request.allow_fewer:
        raise DataError(
            f"{message}. Ask for fewer (-n), raise sampling.candidates and train again, or add --allow-fewer."
        )
    request.note(message)
