"""Upper bounds of rates of which no case was seen, for comparisons that are independent and for others."""

from __future__ import annotations

from collections.abc import Collection

from imagenet_g.benchmark.statistics.intervals import CONFIDENCE


def compute_upper_bound(total: int) -> float:
    """Upper bound of a rate of which no case was seen (Clopper-Pearson, one-sided): `1 - 0.05 ** (1 / n)`.

    Args:
        total: Independent trials, > 0.

    Example:
        >>> round(compute_upper_bound(300), 4)
        0.0099
    """
    return float(1 - (1 - CONFIDENCE) ** (1 / total))


def format_pair_bound(pairs: int, models: Collection[int]) -> str:
    """What none of many pairs flagged shows, as if pairs were independent, and without that.

    M models make `M // 2` pairs that have no model in common. None flagged of all pairs is no more frequent
    than none flagged of these, which are independent where the models are (Hoeffding 1963, section 5, argues
    so for every mean over pairs). So the second bound holds; the first is what it would be at best.

    Args:
        pairs: That were compared, > 0.
        models: How many were compared on each split; those of the split with the most count.

    Example:
        >>> format_pair_bound(435, [30])
        'at most 0.69 % if pairs were independent; 18.10 % by the 15 pairs without a common model'
    """
    disjoint = max(models) // 2
    # With two or three models that is one pair, of which nothing follows; it is said all the same.
    sure = f"{100 * compute_upper_bound(disjoint):.2f} % by the {disjoint} pairs without a common model"
    return f"at most {100 * compute_upper_bound(pairs):.2f} % if pairs were independent; {sure}"


def format_model_bound(cases: int, models: int) -> str:
    """What none of many cases flagged shows, as if the answers of a model to several splits were independent.

    Example:
        >>> format_model_bound(120, 30)
        'at most 2.47 % of splits if they were independent; 9.50 % of models, by 30 models'
    """
    return (
        f"at most {100 * compute_upper_bound(cases):.2f} % of splits if they were independent; "
        f"{100 * compute_upper_bound(models):.2f} % of models, by {models} models"
    )
