"""What a view keeps images by, whole: the score, the rule, and the model that scored.

Images that a model recognises are easier for every model (Bansal and Grover 2023, Table 10), so two sets may
be compared only where the same filter was applied to both, or none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from imagenet_g.benchmark.splits.manifests import (
    EqualsView,
    PlainView,
    ScorerRecord,
    ThresholdView,
    ViewSpec,
    list_parts,
)
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.splits.views import find_view

SCORES = (
    "clip_score",
    "label_probability",
    "label_margin",
    "label_rank",
    "source_similarity",
    "other_similarity",
    "safe_probability",
    "grey_range",
    "lightest",
    "darkest",
)
"""What a scorer measures; the column adds a dot and the scorer's name."""
# Of every release, and about quality though no scorer measured them.
_AUDITS = {
    "audited": "the majority of the people who rated its images",
    "audited-simulated": "a simulated panel, whose answers say nothing about the images",
}
_QUALITY_FLAGS = ("is_flat", "is_flagged_unsafe", *_AUDITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFilter:
    """A rule that keeps images for how good they are, and not for what they show.

    Attributes:
        measure: What is measured, such as "clip_score"; the column's name where that is no scorer's.
        rule: "at least" or "equal to".
        value: The bound, or the value as text.
        column: The whole name of the column.
        scorer: The model that measured it; None where that is unknown.
        content_sha256: Of the split that the column is in.
        like: The release, or its split, whose filter this is; None for another set's.
        also: Further rules that an image must pass, of a combined view.
    """

    measure: str
    rule: str
    value: float | str
    column: str
    scorer: ScorerRecord | None
    content_sha256: str
    like: str | None = None
    also: tuple[QualityFilter, ...] = ()

    @property
    def rules(self) -> tuple[QualityFilter, ...]:
        """This rule and the further ones."""
        return (self, *self.also)


def find_quality_filter(split: Split, view: str | None) -> QualityFilter | None:
    """What a view of a split keeps images by; None where it keeps them whatever their quality.

    A view by class keeps them all, and so does one by what they show, such as `hand = noto`.

    Raises:
        UnknownNameError: There is no such view.
    """
    return None if view is None else make_quality_filter(split, find_view(split, view))


def make_quality_filter(split: Split, view: ViewSpec) -> QualityFilter | None:
    """The filter behind a view's spec; see `find_quality_filter`."""
    found = (_make_rule(split, part) for part in list_parts(view))
    rules = [rule for rule in found if rule is not None]
    return replace(rules[0], also=tuple(rules[1:])) if rules else None


def _make_rule(split: Split, view: PlainView) -> QualityFilter | None:
    if not isinstance(view, ThresholdView | EqualsView):
        return None
    measure, dot, name = view.column.partition(".")
    scorer = split.scorers.get(name) if dot else None
    # An equality on any other column tells images apart by what they show.
    by_quality = scorer is not None or measure in (*SCORES, *_QUALITY_FLAGS)
    if isinstance(view, EqualsView) and not by_quality:
        return None
    return QualityFilter(
        measure=measure if scorer is not None or measure in SCORES else view.column,
        rule="equal to" if isinstance(view, EqualsView) else "at least",
        value=view.value if isinstance(view, EqualsView) else view.minimum,
        column=view.column,
        scorer=scorer,
        content_sha256=split.record.content_sha256,
        like=split.likes.get(name, None if split.record.version is None else split.record.base_ref),
    )


def is_filtered_alike(one: QualityFilter | None, other: QualityFilter | None) -> bool:
    """Whether two sets passed the same filter, or neither passed any.

    The scorer counts by the hash of its weights, by its text and by its preprocessing: its name in a column
    is chosen by whoever built the release. Where the weights are unknown, only a column of the same images
    is known to be the same.
    """
    if one is None or other is None:
        return one is other
    mine, theirs = one.rules, other.rules
    # In any order: a combined view keeps the same images whichever of its parts stands first.
    return all(any(_is_alike(a, b) for b in theirs) for a in mine) and all(
        any(_is_alike(a, b) for a in mine) for b in theirs
    )


def _is_alike(one: QualityFilter, other: QualityFilter) -> bool:
    if (one.measure, one.rule, one.value) != (other.measure, other.rule, other.value):
        return False
    if (one.column, one.content_sha256) == (other.column, other.content_sha256):
        return True
    return is_same_scorer(one.scorer, other.scorer)


def was_filtered_alike(split: QualityFilter | None, reference: QualityFilter | None) -> bool:
    """The rule of statistics 1: only a filtered split was asked, for the name of its column and its bound."""
    if split is None or split.rule != "at least":
        return True
    return reference is not None and (split.column, split.rule, split.value) == (
        reference.column,
        reference.rule,
        reference.value,
    )


FILTER_RULES = {1: was_filtered_alike, 2: is_filtered_alike}
"""By the version of a result's statistics."""


def is_same_scorer(one: ScorerRecord | None, other: ScorerRecord | None) -> bool:
    """Whether two scorers are known to give an image the same score.

    Example:
        >>> mini = ScorerRecord(model="open_clip:a", weights_sha256="0" * 64, text="a photo of a {c}")
        >>> is_same_scorer(mini, mini.model_copy(update={"model": "open_clip:b"}))  # another name of it
        True
        >>> is_same_scorer(mini, mini.model_copy(update={"text": "a drawing of a {c}"}))
        False
        >>> unknown = ScorerRecord(model="open_clip:a", weights_sha256=None)
        >>> is_same_scorer(unknown, unknown)
        False
    """
    if one is None or other is None or one.weights_sha256 is None:
        return False
    # Line breaks in a printed transform are the library's layout.
    return _list_facts(one) == _list_facts(other)


def _list_facts(scorer: ScorerRecord) -> tuple[str | None, ...]:
    preprocessing = scorer.preprocessing
    return (
        scorer.weights_sha256,
        scorer.text,
        None if preprocessing is None else " ".join(preprocessing.split()),
    )


def describe_filter(found: QualityFilter | None) -> str:
    """A filter in words that follow "the split is".

    Example:
        >>> describe_filter(None)
        'not filtered'
        >>> describe_filter(QualityFilter(measure="clip_score", rule="at least", value=0.3, scorer=None,
        ...     column="clip_score.clip-b32", content_sha256="0" * 64))
        'filtered by clip_score.clip-b32 of at least 0.3 (scorer unknown)'
    """
    if found is None:
        return "not filtered"
    return f"filtered by {' and by '.join(map(_describe_rule, found.rules))}"


def _describe_rule(found: QualityFilter) -> str:
    if found.column in _AUDITS:
        return _AUDITS[found.column]
    rule = "of at least" if found.rule == "at least" else found.rule
    return f"{found.column} {rule} {found.value} ({_describe_scorer(found.scorer)})"


def explain_difference(
    split: QualityFilter | None, reference: QualityFilter | None, ref: str, *, published: bool = False
) -> str:
    """What a reader must know of two sets that are not filtered alike, and how to filter them alike.

    Args:
        split: The split's filter.
        reference: The reference's.
        ref: The reference's name.
        published: Whether its accuracy was looked up.

    Example:
        >>> found = QualityFilter(measure="clip_score", rule="at least", value=0.3, scorer=None,
        ...     column="clip_score.b32", content_sha256="0" * 64)
        >>> explain_difference(None, found, "mini/real:clip-filtered")[:60]
        "The split is not filtered and the reference 'mini/real:clip-"
    """
    return (
        f"The split is {describe_filter(split)} and the reference '{ref}' is {describe_filter(reference)}: "
        f"part of the gap is the filter's.{_explain_doubt(split, reference)}"
        f"{_advise(split, reference, ref, published=published)}"
    )


def _advise(
    split: QualityFilter | None, reference: QualityFilter | None, ref: str, *, published: bool
) -> str:
    """What gives a reference that is filtered alike; empty where that is unknown."""
    if split is None:
        return f" All of the reference's images: --reference {ref.rpartition(':')[0]}."
    if reference is not None or split.like is None or split.scorer is None:
        return ""
    place = f" --data {ref}=PATH" if published else ""
    after = f" and --reference {ref}" if published else ""
    return f" 'imagenet-g filter {ref} --like {split.like}{place}' filters the reference so{after}."


def _explain_doubt(one: QualityFilter | None, other: QualityFilter | None) -> str:
    """What the two descriptions may not show."""
    if one is None or other is None:
        return ""
    if _list_rules(one) != _list_rules(other):
        return ""
    rules = (*one.rules, *other.rules)
    if any(found.scorer is None or found.scorer.weights_sha256 is None for found in rules):
        return " Whether both were scored by one model is unknown."
    return " The scorers differ in weights, text or preprocessing."


def _list_rules(found: QualityFilter) -> set[tuple[str, str, float | str]]:
    return {(rule.measure, rule.rule, rule.value) for rule in found.rules}


def _describe_scorer(scorer: ScorerRecord | None) -> str:
    if scorer is None:
        return "scorer unknown"
    weights = "weights unknown" if scorer.weights_sha256 is None else f"weights {scorer.weights_sha256[:8]}"
    text = "" if scorer.text is None else f", text '{scorer.text}'"
    return f"{scorer.model or 'a model without a name'}, {weights}{text}"
