"""How often honest models are accused, and how often wrong answers that were made right are found.

    python -m imagenet_g.leaderboard.validation.plausibility.rates results/*/*.parquet

prints both for predictions of models that are known to be honest: each is tested by itself and beside all
others on the same images, and so are copies of it with some wrong answers made right at random. `--record
NAME` keeps what the honest ones reach for the tests.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.errors import ImagenetGError, InputError
from imagenet_g.benchmark.terminal.text import print_line, print_message
from imagenet_g.leaderboard.submissions.problems import Problem
from imagenet_g.leaderboard.validation.false_alarms.bounds import format_model_bound
from imagenet_g.leaderboard.validation.false_alarms.honest import Honest, load_honest
from imagenet_g.leaderboard.validation.false_alarms.measured import MEASURED, Reach, record_reaches
from imagenet_g.leaderboard.validation.likeness.answers import SplitAnswers
from imagenet_g.leaderboard.validation.plausibility.beside import compare_with
from imagenet_g.leaderboard.validation.plausibility.confidence import is_right, measure_confidence
from imagenet_g.leaderboard.validation.plausibility.findings import MIN_OTHERS, First, judge_answers
from imagenet_g.leaderboard.validation.plausibility.forging import list_wrong, put_first
from imagenet_g.leaderboard.validation.plausibility.near_ties import BoolArray, measure_near_ties
from imagenet_g.leaderboard.validation.plausibility.verdicts import (
    MIN_EACH,
    MIN_NEAR,
    MOST_SURE,
    Z,
    compare_alone,
    find_best_ranking,
    find_most,
    is_ranked,
)

EDITS = (0, 25, 60, 90, None)
"""Wrong answers that are made right; None for all of them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One model on one split.

    Attributes:
        honest: Its answers.
        others: First answers of the other models, and whether they are right.
    """

    honest: Honest
    others: tuple[First, ...]


def load_cases(files: Sequence[Path]) -> list[Case]:
    """Every file, beside all others on the same images.

    Raises:
        DataError: A file is missing, or is no predictions file.
        InputError: No file holds answers.
    """
    loaded = load_honest(files)
    if not loaded:
        raise InputError("No file holds answers; name predictions of honest models.")
    return [
        Case(
            ours,
            tuple(
                (aligned.indices[:, 0].astype(np.int16), is_right(aligned, ours.answers.labels))
                for theirs in loaded
                if theirs is not ours and theirs.images_sha256 == ours.images_sha256
                for aligned in [theirs.answers.align(ours.answers.image_ids)]
            ),
        )
        for ours in loaded
    ]


def judge_forgery(case: Case, count: int | None, rng: np.random.Generator) -> list[Problem]:
    """What is found of a model with some of its wrong answers made right.

    Args:
        case: The model, beside others.
        count: How many; all for None, and where there are fewer.
        rng: Chooses them.
    """
    answers = case.honest.answers
    wrong = list_wrong(answers)
    rows = wrong if count is None else rng.permutation(wrong)[:count]
    forged = replace(answers, top5=put_first(answers, rows))
    return list(judge_answers(forged, case.others, case.honest.ref, []))


def measure(case: Case) -> dict[str, tuple[float, float]]:
    """What an honest model reaches, by the name of the test, and what its bound is compared with.

    Lower is nearer to the bound. A test that is not made of these answers is left out.
    """
    answers = case.honest.answers
    right = is_right(answers.top5, answers.labels)
    return dict((*_measure_alone(answers, right), *_measure_beside(answers, right, case.others)))


def _measure_alone(answers: SplitAnswers, right: BoolArray) -> Iterator[tuple[str, tuple[float, float]]]:
    spread = measure_confidence(answers.top5, right)
    wrong = spread.num_images - spread.num_right
    if wrong and wrong >= MOST_SURE * spread.num_images:
        close = spread.num_close / spread.num_images
        yield "images close to a tie", (close, find_most(spread.num_close, spread.num_images))
    ties = measure_near_ties(answers.top5, answers.labels)
    if ties is not None and ties.num_images >= MIN_NEAR:
        yield "near ties, -z", (-ties.z, -ties.z)
    if spread.ranking is not None and is_ranked(spread):
        yield "margins of right answers", (spread.ranking, find_best_ranking(spread))


def _measure_beside(
    answers: SplitAnswers, right: BoolArray, others: Sequence[First]
) -> Iterator[tuple[str, tuple[float, float]]]:
    # As for a newcomer: beside fewer nothing is tested.
    if len(others) < MIN_OTHERS:
        return
    beside = compare_with(answers.top5.indices[:, 0], right, others)
    wrong, total = beside.num_images - beside.num_right, beside.num_images
    best = (total - beside.best_right) / total
    if best:
        yield "errors of the best other's", (wrong / total / best, find_most(wrong, total) / best)
    if min(beside.num_right, wrong) < MIN_EACH:
        return
    ratio, error = compare_alone(beside)
    yield "right alone, -log odds", (-ratio, Z * error - ratio)
    both, same = beside.both_wrong // len(others), beside.same_wrong // len(others)
    if both:
        yield "same wrong answer", (beside.same_wrong / beside.both_wrong, find_most(same, both))
    if beside.difficulty is not None and beside.difficulty_error is not None:
        yield "difficulty", (beside.difficulty, beside.difficulty + Z * beside.difficulty_error)
    if beside.kappa is not None:
        yield "error consistency", (beside.kappa, beside.kappa)


def find_lowest(cases: Sequence[Case]) -> Iterator[Reach]:
    """The lowest of each measure with the model it is of, and of what its bound is compared with."""
    measured = [(case, measure(case)) for case in cases]
    for name in dict.fromkeys(name for _, one in measured for name in one):
        values = [(*one[name], case) for case, one in measured if name in one]
        extreme, _, case = min(values, key=lambda row: row[0])
        yield Reach(name, extreme, min(row[1] for row in values), len(values), case.honest.name)


def format_rates(cases: Sequence[Case], repeats: int) -> Iterator[str]:
    """One line for each number of edits: how many are flagged, and how many of these are refused."""
    rng = np.random.default_rng(0)
    models = count_models(cases)
    for count in EDITS:
        times = 1 if count in (0, None) else repeats
        found = [judge_forgery(case, count, rng) for case in cases for _ in range(times)]
        flagged = sum(bool(problems) for problems in found)
        refused = sum(any(one.severity == "error" for one in problems) for problems in found)
        total = len(found)
        bound = "" if flagged or count != 0 else f", {format_model_bound(total, models)}"
        shown = "all" if count is None else str(count)
        yield (
            f"{shown:>4} made right: flagged {flagged} of {total} ({100 * flagged / total:.0f} %), "
            f"refused {refused} ({100 * refused / total:.0f} %){bound}"
        )


def count_models(cases: Sequence[Case]) -> int:
    """Different weights among them."""
    return len({case.honest.weights_sha256 for case in cases})


def main(argv: Sequence[str]) -> int:
    """Print the rates; 0 where no honest model is flagged, 1 where one is, 2 for bad files."""
    parser = argparse.ArgumentParser(description="how often honest and forged answers are flagged")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="predictions of honest models")
    parser.add_argument("--repeats", type=int, default=10, metavar="N",
                        help="forgeries of each model and number (default: %(default)s)")  # fmt: skip
    parser.add_argument("--record", metavar="NAME", help="keep what they reach under this name of the set")
    parser.add_argument("--into", type=Path, default=MEASURED, metavar="CSV", help="where (%(default)s)")
    arguments = parser.parse_args(argv)
    try:
        cases = load_cases(arguments.files)
        lowest = list(find_lowest(cases))
        # One by one: a spec from a file that holds a line break must not become a line of its own.
        for reach in lowest:
            print_line(f"{reach.check:28} {reach.extreme:6.2f}  {reach.of}")
        for line in format_rates(cases, max(arguments.repeats, 1)):
            print_line(line)
        if arguments.record is not None:
            record_reaches(arguments.into, arguments.record, count_models(cases), lowest)
    except ImagenetGError as problem:
        print_message(f"error: {problem}")
        return 2
    accused = [case.honest.name for case in cases if judge_forgery(case, 0, np.random.default_rng(0))]
    for name in accused:
        print_line(f"flagged: {name}")
    return int(bool(accused))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
