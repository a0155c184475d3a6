"""Scores of captions: faults, cosine to the class mean, reward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.generation.captions.class_means import ClassMeans
from imagenet_g.generation.captions.clip import count_tokens, encode_captions, read_context_length
from imagenet_g.generation.captions.reward import (
    Direction,
    Floats,
    Grading,
    compute_rewards,
    compute_row_cosines,
)
from imagenet_g.generation.captions.sentences import Fault, Grammar, count_checks, find_faults
from imagenet_g.generation.prompts.recipes import ClassNames

if TYPE_CHECKING:
    from imagenet_g.benchmark.models.clip_encoders import ClipEncoder


@dataclass(frozen=True, slots=True)
class CaptionScores:
    """Scores of N captions.

    Attributes:
        captions: Their texts.
        class_indices: Their classes.
        faults: Faults of each; empty for valid ones.
        cosines: `(N,)` R of Eq. 1, in [-1, 1].
        num_checks: How many checks each was given.
    """

    captions: tuple[str, ...]
    class_indices: tuple[int, ...]
    faults: tuple[tuple[Fault, ...], ...]
    cosines: Floats
    num_checks: int

    @property
    def valid(self) -> tuple[bool, ...]:
        """Whether each is valid."""
        return tuple(not faults for faults in self.faults)

    def make_rewards(self, grading: Grading, direction: Direction = "far") -> Floats:
        """`(N,)` rewards; see `captions.reward.compute_rewards`."""
        num_faults = [len(faults) for faults in self.faults]
        return compute_rewards(
            self.cosines, num_faults, grading=grading, direction=direction, num_checks=self.num_checks
        )


class CaptionScorer:
    """Scores captions under one CLIP, against the means of their classes.

    Args:
        clip: The CLIP that also made the means.
        means: Class means.
        names: Which names of a class count.
        min_words: Fewest words of a valid caption.
        grammar: Whether a valid caption is grammatical.
    """

    def __init__(
        self,
        clip: ClipEncoder,
        means: ClassMeans,
        *,
        names: ClassNames,
        min_words: int,
        grammar: Grammar = "unchecked",
    ) -> None:
        self.clip = clip
        self.means = means
        self._names: ClassNames = names
        self._min_words = min_words
        self._grammar: Grammar = grammar
        self._limit = read_context_length(clip)

    def score(self, captions: Sequence[str], class_indices: Sequence[int]) -> CaptionScores:
        """Score captions, one class each."""
        embeddings = encode_captions(self.clip, captions)
        cosines = compute_row_cosines(embeddings, self.means.take(class_indices)) if captions else np.zeros(0)
        faults = tuple(self._find(*pair) for pair in zip(captions, class_indices, strict=True))
        return CaptionScores(
            tuple(captions), tuple(class_indices), faults, cosines, count_checks(self._grammar)
        )

    def _find(self, caption: str, class_index: int) -> tuple[Fault, ...]:
        found = find_faults(
            caption, class_index, names=self._names, min_words=self._min_words, grammar=self._grammar
        )
        too_long = count_tokens(self.clip, caption) > self._limit
        return (*found, "too-long") if too_long else found


def validate_rewards(rewards: Floats, scores: CaptionScores, step: int) -> None:
    """Stop training when a reward is not finite.

    Raises:
        ModelError: A reward is not finite; the message has the step and the caption.
    """
    # One NaN in a group makes the group's mean NaN, and with it every weight after the next step.
    broken = np.flatnonzero(~np.isfinite(rewards))
    if len(broken):
        first = int(broken[0])
        name = load_classes()[scores.class_indices[first]].name
        raise ModelError(
            f"Step {step}: the reward is {rewards[first]} for '{scores.captions[first]}', a caption of class "
            f"'{name}'. The CLIP or the class means contain values that are not finite; check their weights."
        )
