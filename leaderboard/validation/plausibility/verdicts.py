"""From what was measured to a finding: the thresholds, and the words.

Each warning has a stated chance of less than one in a thousand for an honest model, and the refusal one of
less than one in a million, as far as the model behind it holds; submissions/README.md has what honest models
reach.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from imagenet_g.leaderboard.submissions.problems import IMPLAUSIBLE as CODE
from imagenet_g.leaderboard.submissions.problems import Problem, error, warning
from imagenet_g.leaderboard.validation.plausibility.beside import Beside
from imagenet_g.leaderboard.validation.plausibility.confidence import Confidence
from imagenet_g.leaderboard.validation.plausibility.near_ties import NearTies

MIN_IMAGES = 200
"""Of a split that is tested."""
MIN_NEAR = 30
"""Near images of the test of ties."""
MIN_EACH = 20
"""Right answers, and wrong ones, of tests that compare the two."""
WARN_Z, REFUSE_Z = 3.3, 5.0
"""Of the jump at ties: one honest model in 2,000, and one in 3 million, if z is normal."""
Z = 3.1
"""Of all other tests: one in 1,000, for a model at the very bound."""
CLOSE_SHARE = 0.05
"""Least share of images close to a tie; honest models have 0.12 and more."""
MOST_SURE = 0.05
"""Share of wrong answers of a model that must have images close to a tie."""
RANKING = 0.6
"""Least chance that a right answer has the greater margin, of a model with `RANKED_FROM` right and more."""
RANKED_FROM = 0.2
"""Share of right answers from which on margins are tested. Honest models below it came down to 0.53, so a
larger split would have accused them; who made answers right has more of them."""
DIFFICULTY = 0.65
"""Least chance that a right answer is to the easier image; honest models have 0.7 and more."""
ALONE = -1.0
"""Greatest log odds ratio of being right where no other model is against elsewhere; honest models have at
most -1.6."""
SAME_WRONG = 0.015
"""Least share of wrong answers that another model gives too, where both are wrong; honest models have 0.03
and more."""
LEAPS = ((10, 1 / 6), (5, 1 / 10), (0, 1 / 30))
"""Least part of the errors of the best other model, beside at least so many others: the best of few is often
a weak one. Each is beyond what 999 in 1,000 published models reach beside as many that were drawn at random,
on every set (`false_alarms/published.py`); 1/3 beside three was reached by one in 20."""
MOST_ROBUST = 0.55
"""Effective robustness above all that is known: over a clean accuracy of the same classes, published models
reach 0.50 (`false_alarms/published.py`)."""
ADVICE = "a second run decides (imagenet-g verify-submission)"


def judge_ties(found: NearTies, ref: str) -> Problem | None:
    """A finding about images that are nearly ties; None where as many are right as there should be.

    Example:
        >>> judge_ties(NearTies(100, 55, 54.0, 0.2, 1.0), "mini/real") is None
        True
        >>> judge_ties(NearTies(100, 98, 54.0, 9.0, 1.0), "mini/real").severity
        'error'
    """
    if found.num_images < MIN_NEAR or found.z < WARN_Z:
        return None
    finding = error if found.z >= REFUSE_Z else warning
    return finding(
        CODE,
        ref,
        f"of {found.num_images} images where its first two answers are nearly equal and one of them is "
        f"right, the "
        f"first is right on {found.num_right}; a model gives about {found.expected:.0f} (z = "
        f"{found.z:.1f}). Were "
        f"wrong answers made right? {ADVICE}",
    )


def judge_confidence(found: Confidence, ref: str) -> Iterator[Problem]:
    """Findings about the spread of margins, and about what goes with being right.

    Example:
        >>> [problem.code for problem in judge_confidence(Confidence(1000, 0, 500, 0.5, 0.02), "mini/real")]
        ['implausible', 'implausible']
        >>> list(judge_confidence(Confidence(1000, 150, 500, 0.8, 0.02), "mini/real"))
        []
    """
    wrong = found.num_images - found.num_right
    if not wrong:
        message = f"all {found.num_images} answers are right. Did the model see these images or their labels?"
        yield warning(CODE, ref, f"{message} {ADVICE}")
    # A model that is hardly ever wrong may be sure of everything.
    if wrong >= MOST_SURE * found.num_images and find_most(found.num_close, found.num_images) < CLOSE_SHARE:
        yield warning(
            CODE,
            ref,
            f"{found.num_close} of {found.num_images} images are nearly a tie between its first two "
            f"answers; of a "
            f"model 12 % and more are. Are the probabilities a model's? {ADVICE}",
        )
    if is_ranked(found) and find_best_ranking(found) < RANKING:
        yield warning(
            CODE,
            ref,
            f"a right answer has a greater margin than a wrong one in {100 * (found.ranking or 0):.0f} % of "
            f"pairs (50 % is chance; honest models have 66 % and more). Do the probabilities belong to these "
            f"answers? {ADVICE}",
        )


def is_ranked(found: Confidence) -> bool:
    """Whether there are enough right answers, and wrong ones, for their margins to be compared."""
    wrong = found.num_images - found.num_right
    return min(found.num_right, wrong) >= MIN_EACH and found.num_right >= RANKED_FROM * found.num_images


def find_best_ranking(found: Confidence) -> float:
    """Greatest chance of a greater margin that `Z` errors allow; 1 where it is unknown.

    Example:
        >>> find_best_ranking(Confidence(1000, 150, 500, 0.5, 0.02))
        0.562
    """
    return 1.0 if found.ranking is None or found.error is None else found.ranking + Z * found.error


def judge_beside(found: Beside, num_others: int, ref: str) -> Iterator[Problem]:
    """Findings about where it is right, beside other models.

    Example:
        >>> odd = Beside(1000, 800, 500, 240, 300, 0.5, 0.02, 0.0, 300, 3)
        >>> len(list(judge_beside(odd, 3, "mini/real")))
        2
    """
    wrong = found.num_images - found.num_right
    best_errors = 1 - found.best_right / found.num_images
    if find_most(wrong, found.num_images) < find_leap(num_others) * best_errors:
        yield warning(
            CODE,
            ref,
            f"{wrong} of {found.num_images} answers are wrong; of the best of {num_others} other models "
            f"{found.num_images - found.best_right} are. Did the model see these images or their labels? "
            f"{ADVICE}",
        )
    # Who has all right is right alone too; the finding above says so.
    if min(found.num_right, wrong) >= MIN_EACH:
        yield from _judge_difficulty(found, num_others, ref)
        yield from _judge_wrong(found, num_others, ref)


def _judge_difficulty(found: Beside, num_others: int, ref: str) -> Iterator[Problem]:
    area, spread = found.difficulty, found.difficulty_error
    if area is not None and spread is not None and area + Z * spread < DIFFICULTY:
        kappa = "" if found.kappa is None else f"; error consistency {found.kappa:.2f}"
        yield warning(
            CODE,
            ref,
            f"its right answers are hardly to easier images than its wrong ones: {100 * area:.0f} % of pairs "
            f"by what {num_others} other models have right (50 % is chance, models have 70 % and "
            f"more{kappa}). {ADVICE}",
        )
    ratio, spread = compare_alone(found)
    if ratio - Z * spread > ALONE:
        rest = f"{found.num_right - found.alone} of the {found.num_images - found.none}"
        yield warning(
            CODE,
            ref,
            f"right on {found.alone} of {found.none} images that none of {num_others} other models has right "
            f"and on {rest} others: hardly more often (log odds {-ratio:.1f} apart, of models 1.6 and more). "
            f"{ADVICE}",
        )


def _judge_wrong(found: Beside, num_others: int, ref: str) -> Iterator[Problem]:
    # For each other model: its wrong answers come up in every pair and are counted once.
    if find_most(found.same_wrong // num_others, found.both_wrong // num_others) < SAME_WRONG:
        yield warning(
            CODE,
            ref,
            f"where it and another model are wrong, {found.same_wrong} of {found.both_wrong} answers are the "
            f"same ({num_others} others; models have 3 % and more). Are its wrong answers invented? {ADVICE}",
        )


def judge_robustness(low: float | None, name: str, ref: str) -> Problem | None:
    """A finding about an effective robustness beyond all that is known.

    Args:
        low: Lower end of its 95 % interval, in shares; None where it has none.
        name: What the baseline is called.
        ref: The split.

    Example:
        >>> judge_robustness(0.4, "testbed", "imagenet-sketch") is None
        True
    """
    if low is None or low <= MOST_ROBUST:
        return None
    return warning(
        CODE,
        ref,
        f"at least {100 * low:+.0f} points above models of its clean accuracy (baseline '{name}'); no "
        f"published "
        f"model is {100 * MOST_ROBUST:+.0f} above. {ADVICE}",
    )


def compare_alone(found: Beside) -> tuple[float, float]:
    """Log odds ratio of being right where no other model is, against elsewhere, and its standard error.

    Half an image is added to each of the four counts (Haldane and Anscombe).

    Example:
        >>> ratio, error = compare_alone(Beside(1000, 500, 500, 0, 300, None, None, None, 0, 0))
        >>> round(ratio, 1), round(error, 1)
        (-7.3, 1.4)
    """
    rest = found.num_images - found.none
    cells = (
        found.alone + 0.5,
        found.none - found.alone + 0.5,
        found.num_right - found.alone + 0.5,
        rest - (found.num_right - found.alone) + 0.5,
    )
    ratio = math.log(cells[0] / cells[1]) - math.log(cells[2] / cells[3])
    return ratio, math.sqrt(sum(1 / cell for cell in cells))


def find_most(count: int, total: int) -> float:
    """Greatest share of which so few are still as likely as `Z` allows (Clopper-Pearson, one-sided).

    Args:
        count: Of `total`.
        total: 0 excludes nothing, which is a share of 1.

    Example:
        >>> round(find_most(0, 1000), 4), find_most(0, 0)
        (0.0069, 1.0)
    """
    from scipy.stats import beta, norm

    return 1.0 if count >= total else float(beta.ppf(norm.cdf(Z), count + 1, total - count))


def find_leap(num_others: int) -> float:
    """The bound of `LEAPS` beside so many other models.

    Example:
        >>> [round(1 / find_leap(count)) for count in (3, 5, 10)]
        [30, 10, 6]
    """
    return next(leap for least, leap in LEAPS if num_others >= least)
