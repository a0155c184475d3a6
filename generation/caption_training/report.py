"""The report of `captions check` on a frozen caption file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.records import Count, FileModel, Fraction, Sha256
from imagenet_g.generation.captions.diversity import compute_distinct, compute_self_bleu
from imagenet_g.generation.captions.files import CaptionSet
from imagenet_g.generation.captions.names import split_words
from imagenet_g.generation.captions.records import CaptionRecord
from imagenet_g.generation.captions.sentences import Fault, Grammar, find_banned, find_faults
from imagenet_g.generation.prompts.recipes import ClassNames

NUM_SHOWN = 5


class FaultyCaption(FileModel):
    """A caption with faults, and which."""

    wnid: str
    rank: Count
    caption: str
    reasons: tuple[str, ...]


class ClassScore(FileModel):
    """One class of a caption file."""

    wnid: str
    name: str
    num_captions: Count
    mean_reward: float | None
    distinct_2: Fraction
    self_bleu: Fraction


class FluencyScore(FileModel):
    """Perplexity under the stage-1 model."""

    median: float
    percentile_95: float
    worst_caption: str
    worst: float


class CaptionReport(FileModel):
    """The whole report."""

    schema_version: Literal[1]
    title: str
    content_sha256: Sha256
    num_captions: Count
    num_classes: Count
    valid: Fraction
    faults: dict[str, Count]
    """Number of captions with each fault."""
    duplicates: Count
    """Captions equal to a better one of their class, except for punctuation and case."""
    mean_reward: float | None
    distinct_1: Fraction
    distinct_2: Fraction
    self_bleu: Fraction
    """Mean over classes."""
    fluency: FluencyScore | None
    """Null without the run that wrote the captions."""
    rewards_off_by: float | None
    """Largest difference between a stored reward and the same measured here; null without the run."""
    faulty: tuple[FaultyCaption, ...]
    banned: tuple[FaultyCaption, ...]
    classes: tuple[ClassScore, ...]
    best: tuple[CaptionRecord, ...]
    worst: tuple[CaptionRecord, ...]


@dataclass(frozen=True, slots=True)
class RunScores:
    """Scores of captions, in their order, that need the run that wrote them.

    Attributes:
        rewards: Computed again.
        perplexities: Under the stage-1 model.
        too_long: Whether the CLIP's text encoder cuts the caption.
    """

    rewards: Sequence[float]
    perplexities: Sequence[float]
    too_long: Sequence[bool]


def make_report(captions: CaptionSet, scores: RunScores | None, *, min_words: int) -> CaptionReport:
    """Check every caption.

    Args:
        captions: What to check.
        scores: From `score_with_run`; None without a run.
        min_words: Fewest words of a valid caption.
    """
    rows, rules = captions.rows, (read_class_names(captions), read_grammar(captions))
    faults = [_find_faults(row, *rules, min_words) for row in rows]
    # Only the CLIP's own tokenizer can count; without the run this check is left out.
    if scores is not None:
        faults = [
            (*found, "too-long") if long else found
            for found, long in zip(faults, scores.too_long, strict=True)
        ]
    texts = [row.caption for row in rows]
    classes = tuple(_make_class_score(wnid, captions.rows_by_wnid[wnid]) for wnid in captions.wnids)
    ranked = sorted((row for row in rows if row.reward is not None), key=lambda row: -(row.reward or 0.0))
    return CaptionReport(
        schema_version=1,
        title=captions.title,
        content_sha256=captions.header.content_sha256,
        num_captions=len(rows),
        num_classes=len(classes),
        valid=float(np.mean([not found for found in faults])),
        faults=dict(Counter(fault for found in faults for fault in found).most_common()),
        duplicates=len(rows) - len({(row.wnid, split_words(row.caption)) for row in rows}),
        mean_reward=_compute_mean([row.reward for row in rows]),
        distinct_1=compute_distinct(texts, 1),
        distinct_2=compute_distinct(texts, 2),
        self_bleu=float(np.mean([score.self_bleu for score in classes])),
        fluency=None if scores is None else _make_fluency(texts, scores.perplexities),
        rewards_off_by=None if scores is None else _compare_rewards(rows, scores.rewards),
        faulty=tuple(_make_faulty(row, found) for row, found in zip(rows, faults, strict=True) if found),
        banned=tuple(_make_faulty(row, found) for row in rows if (found := find_banned(row.caption))),
        classes=classes,
        best=tuple(ranked[:NUM_SHOWN]),
        worst=tuple(ranked[-NUM_SHOWN:][::-1]),
    )


def score_with_run(captions: CaptionSet, folder: Path, device: str) -> RunScores:
    """Score captions again with the run that wrote them.

    Raises:
        DataError: The folder holds another run, or is not trained.
    """
    from imagenet_g.generation.caption_training.fluency import compute_perplexities
    from imagenet_g.generation.caption_training.run import load_run, load_scorer
    from imagenet_g.generation.caption_training.seeds import make_prompt
    from imagenet_g.generation.caption_training.stages import load_finished
    from imagenet_g.generation.captions.clip import count_tokens, read_context_length
    from imagenet_g.generation.generators.runtime import set_determinism

    # The rewards are compared with stored ones, and their last bits depend on the number of threads.
    set_determinism(device, cpu_threads=1)
    run = load_run(folder)
    card = captions.header.card
    # A stage's record holds the hash of its weights: equal records mean the same models.
    if card is None or card.stages != run.stages:
        raise DataError(f"'{folder}' is not the run that wrote '{captions.title}'.")
    scorer = load_scorer(run, folder, device)
    # The model before stage 2: one trained on the reward gives its own tricks a low perplexity.
    model, tokenizer = load_finished(folder / "sft", run.stages[0])
    model.to(device).eval()
    texts = [row.caption for row in captions.rows]
    indices = [load_index_by_wnid()[row.wnid] for row in captions.rows]
    prompts = [make_prompt(run.spec, index) for index in indices]
    limit = read_context_length(scorer.clip)
    return RunScores(
        # Not `make_rewards`: a file stores minus the cosine, in a control run and for invalid captions as
        # well.
        rewards=(-scorer.score(texts, indices).cosines).tolist(),
        perplexities=compute_perplexities(model, tokenizer, prompts, texts).tolist(),
        too_long=[count_tokens(scorer.clip, text) > limit for text in texts],
    )


def read_class_names(captions: CaptionSet) -> ClassNames:
    """Which class names counted when the captions were written; open_clip's if the card is missing."""
    card = captions.header.card
    # A loop and not a cast, so that the type checker infers one of the three names.
    names = "open_clip" if card is None else card.objective.get("class_names")
    for known in ("open_clip", "lemmas", "first-lemma"):
        if names == known:
            return known
    return "open_clip"


def read_grammar(captions: CaptionSet) -> Grammar:
    """Whether the grammar was checked when the captions were written; not if the card is missing."""
    card = captions.header.card
    return "checked" if card is not None and card.objective.get("grammar") == "checked" else "unchecked"


def _find_faults(
    row: CaptionRecord, names: ClassNames, grammar: Grammar, min_words: int
) -> tuple[Fault, ...]:
    index = load_index_by_wnid()[row.wnid]
    return find_faults(row.caption, index, names=names, min_words=min_words, grammar=grammar)


def _make_class_score(wnid: str, rows: Sequence[CaptionRecord]) -> ClassScore:
    texts = [row.caption for row in rows]
    return ClassScore(
        wnid=wnid,
        name=load_classes()[load_index_by_wnid()[wnid]].name,
        num_captions=len(rows),
        mean_reward=_compute_mean([row.reward for row in rows]),
        distinct_2=compute_distinct(texts, 2),
        self_bleu=compute_self_bleu(texts),
    )


def _make_fluency(texts: Sequence[str], perplexities: Sequence[float]) -> FluencyScore:
    worst = int(np.argmax(perplexities))
    return FluencyScore(
        median=float(np.median(perplexities)),
        percentile_95=float(np.percentile(perplexities, 95)),
        worst_caption=texts[worst],
        worst=float(perplexities[worst]),
    )


def _make_faulty(row: CaptionRecord, reasons: Sequence[str]) -> FaultyCaption:
    return FaultyCaption(wnid=row.wnid, rank=row.rank, caption=row.caption, reasons=tuple(reasons))


def _compare_rewards(rows: Sequence[CaptionRecord], measured: Sequence[float]) -> float | None:
    known = [
        abs(row.reward - value) for row, value in zip(rows, measured, strict=True) if row.reward is not None
    ]
    return max(known) if known else None


def _compute_mean(rewards: Sequence[float | None]) -> float | None:
    known = [reward for reward in rewards if reward is not None]
    return float(np.mean(known)) if known else None
