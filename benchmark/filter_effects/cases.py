"""What a measurement of filters needs, as arrays: images, models and views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.filter_effects.records import ViewKind
from imagenet_g.benchmark.lineage.filter_kin import FilterKinship
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredModel:
    """One model's answers.

    Attributes:
        spec: The model.
        weights_sha256: Of its weights.
        kinship: Its relation to the filter.
        is_judge: Whether its own answers make the judged view.
        correct: `(N,)` whether it is right, for the split's images.
        clean: `(R,)` the same for the reference's images; None where it was not run on them.
    """

    spec: str
    weights_sha256: str
    kinship: FilterKinship
    is_judge: bool
    correct: BoolArray
    clean: BoolArray | None

    @property
    def is_independent(self) -> bool:
        """Whether it is known to be no kin of the filter, and no judge."""
        return self.kinship.relation == "other" and not self.is_judge

    @property
    def is_favoured(self) -> bool:
        """Whether it is the filter or kin of it."""
        return self.kinship.relation in ("is-filter", "kin")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredImageSet:
    """The images of a split or of a reference.

    Attributes:
        classes: `(N,)` class of each image, 0..999.
        scores: `(N,)` finite scores of the filter; None where none are stored.
        judged: `(N,)` whether a judge recognises the image; None without judges.
    """

    classes: IntArray
    scores: FloatArray | None = None
    judged: BoolArray | None = None

    def __post_init__(self) -> None:
        sizes = {len(one) for one in (self.classes, self.scores, self.judged) if one is not None}
        if sizes == {0} or len(sizes) > 1:
            raise InputError(f"Images, scores and verdicts of {sorted(sizes)} rows do not match.")
        if self.scores is not None and not np.isfinite(self.scores).all():
            raise InputError("A score is missing or is no number; its image would drop out of every view.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedImages:
    """What raters say of a split.

    Attributes:
        weights: How many images of the split each valid image stands for, by its id.
        simulated: Whether a program made the ratings; None for unknown.
    """

    weights: Mapping[str, float]
    simulated: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewCase:
    """One view to measure.

    Attributes:
        kind: Which.
        rule: What it keeps, in words.
        weights: `(N,)` weight of each image of the split, 0 for those it leaves out.
        clean: `(R,)` whether it keeps an image of the reference; None where its rule was not applied there.
        simulated: Of an audited view, whether a program made the ratings; None for unknown and for others.
    """

    kind: ViewKind
    rule: str
    weights: FloatArray
    clean: BoolArray | None = None
    simulated: bool | None = None

    @property
    def is_weighted(self) -> bool:
        """Whether images count for more or less than one each."""
        return bool((self.weights[self.weights > 0] != 1).any())


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterCase:
    """All of it.

    Attributes:
        images: Of the split.
        clean: Of the reference; None for no reference.
        models: At least one.
        views: The unfiltered one first.
    """

    images: ScoredImageSet
    clean: ScoredImageSet | None
    models: tuple[AnsweredModel, ...]
    views: tuple[ViewCase, ...]

    @property
    def correct(self) -> BoolArray:
        """`(M, N)` right answers."""
        return np.stack([model.correct for model in self.models])

    @property
    def independent(self) -> BoolArray:
        """`(M,)` models that are neither kin of the filter, nor unknown, nor judges."""
        return np.array([model.is_independent for model in self.models], dtype=np.bool_)


def make_views(
    images: ScoredImageSet,
    clean: ScoredImageSet | None,
    *,
    threshold: float | None,
    column: str | None,
    judges: tuple[str, ...],
    k: int,
    audited: FloatArray | None,
    simulated: bool | None = None,
) -> tuple[ViewCase, ...]:
    """The views that there is something to make from.

    Args:
        images: Of the split.
        clean: Of the reference.
        threshold: Of the release's own filter; None for none.
        column: The name of the scores.
        judges: Specs of the models that judge.
        k: How many of a judge's answers count.
        audited: `(N,)` weight of each image that raters call valid, 0 for all others; None without an audit.
        simulated: Whether a program made its ratings; None for unknown.
    """
    views = [ViewCase(kind="unfiltered", rule="all images", weights=np.ones(len(images.classes)))]
    if images.scores is not None and threshold is not None:
        views.append(
            ViewCase(
                kind="filtered",
                rule=f"{column} of at least {threshold:g}",
                weights=(images.scores >= threshold).astype(np.float64),
                clean=None if clean is None or clean.scores is None else clean.scores >= threshold,
            )
        )
    if images.judged is not None:
        views.append(
            ViewCase(
                kind="judged",
                rule=f"the class is among the first {k} answers of {' or '.join(judges)}",
                weights=images.judged.astype(np.float64),
                clean=None if clean is None else clean.judged,
            )
        )
    if audited is not None:
        who = {True: "SIMULATED raters", False: "raters", None: "raters, people or simulated,"}[simulated]
        rule = f"the majority of {who} sees the class, with the weights of the sample"
        views.append(ViewCase(kind="audited", rule=rule, weights=audited, simulated=simulated))
    # An empty view has no accuracy, and its weights cannot be scaled to sum to 1.
    return tuple(view for view in views if view.weights.any())
