"""How often honest models are accused, and how often wrong answers that were made right are found.

    python -m imagenet_g.leaderboard.validation.plausibility.rates results/*/*.parquet

prints both for predictions of models that are known to be honest: each is tested by itself and beside all
others on the same images, and so are copies of it with some wrong answers made right at random.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.errors import ImagenetGError, InputError
from imagenet_g.benchmark.predictions.predictions import load_predictions
from imagenet_g.benchmark.terminal.text import print_line, print_message
from imagenet_g.leaderboard.submissions.problems import Problem
from imagenet_g.leaderboard.validation.likeness.answers import SplitAnswers, load_answers
from imagenet_g.leaderboard.validation.likeness.highest import compute_upper_bound
from imagenet_g.leaderboard.validation.plausibility.beside import compare_with
from imagenet_g.leaderboard.validation.plausibility.confidence import is_right, measure_confidence
from imagenet_g.leaderboard.validation.plausibility.findings import First, judge_answers
from imagenet_g.leaderboard.validation.plausibility.forging import list_wrong, put_first
from imagenet_g.leaderboard.validation.plausibility.near_ties import measure_near_ties
from imagenet_g.leaderboard.validation.plausibility.verdicts import compare_alone

EDITS = (0, 25, 60, 90, None)
"""Wrong answers that are made right; None for all of them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One model on one split.

    Attributes:
        name: Its spec, and the split.
        ref: The split.
        answers: Its answers.
        others: First answers of the other models, and whether they are right.
    """

    name: str
    ref: str
    answers: SplitAnswers
    others: tuple[First, ...]


def load_cases(files: Sequence[Path]) -> list[Case]:
    """Every file, beside all others on the same images.

    Raises:
        DataError: A file is missing, or is no predictions file.
        InputError: No file holds answers.
    """
    loaded = []
    for file in files:
        record, answers = load_predictions(file)[1], load_answers(file)
        if answers is not None:
            loaded.append((record, answers))
    if not loaded:
        raise InputError("No file holds answers; name predictions of honest models.")
    return [
        Case(
            f"{record.model.spec} on {record.split.ref}",
            record.split.ref,
            answers,
            tuple(
                (aligned.indices[:, 0].astype(np.int16), is_right(aligned, answers.labels))
                for other, theirs in loaded
                if theirs is not answers and other.split.content_sha256 == record.split.content_sha256
                for aligned in [theirs.align(answers.image_ids)]
            ),
        )
        for record, answers in loaded
    ]


def judge_forgery(case: Case, count: int | None, rng: np.random.Generator) -> list[Problem]:
    """What is found of a model with some of its wrong answers made right.

    Args:
        case: The model, beside others.
        count: How many; all for None, and where there are fewer.
        rng: Chooses them.
    """
    wrong = list_wrong(case.answers)
    rows = wrong if count is None else rng.permutation(wrong)[:count]
    forged = replace(case.answers, top5=put_first(case.answers, rows))
    return list(judge_answers(forged, case.others, case.ref, []))


def measure(case: Case) -> dict[str, float]:
    """What honest models reach, by the name of the test; a test that cannot be made is left out."""
    right = is_right(case.answers.top5, case.answers.labels)
    spread = measure_confidence(case.answers.top5, right)
    found = {"images close to a tie": spread.num_close / max(spread.num_images, 1)}
    if (ties := measure_near_ties(case.answers.top5, case.answers.labels)) is not None:
        found["near ties, -z"] = -ties.z
    if spread.ranking is not None:
        found["margins of right answers"] = spread.ranking
    if case.others:
        beside = compare_with(case.answers.top5.indices[:, 0], right, case.others)
        found["right alone, -log odds"] = -compare_alone(beside)[0]
        found["same wrong answer"] = beside.same_wrong / max(beside.both_wrong, 1)
        found["errors of the best other's"] = (beside.num_images - beside.num_right) / max(
            beside.num_images - beside.best_right, 1
        )
        if beside.difficulty is not None:
            found["difficulty"] = beside.difficulty
        if beside.kappa is not None:
            found["error consistency"] = beside.kappa
    return found


def format_lowest(cases: Sequence[Case]) -> Iterator[str]:
    """The lowest of each measure with the model it is of."""
    measured: list[Mapping[str, float]] = [measure(case) for case in cases]
    for name in dict.fromkeys(name for one in measured for name in one):
        values = [one.get(name, np.inf) for one in measured]
        lowest = int(np.argmin(values))
        yield f"{name:28} {values[lowest]:6.2f}  {cases[lowest].name}"


def format_rates(cases: Sequence[Case], repeats: int) -> Iterator[str]:
    """One line for each number of edits: how many are flagged, and how many of these are refused."""
    rng = np.random.default_rng(0)
    for count in EDITS:
        times = 1 if count in (0, None) else repeats
        found = [judge_forgery(case, count, rng) for case in cases for _ in range(times)]
        flagged = sum(bool(problems) for problems in found)
        refused = sum(any(one.severity == "error" for one in problems) for problems in found)
        total = len(found)
        bound = "" if flagged or count != 0 else f", at most {100 * compute_upper_bound(total):.2f} %"
        shown = "all" if count is None else str(count)
        yield (
            f"{shown:>4} made right: flagged {flagged} of {total} ({100 * flagged / total:.0f} %), "
            f"refused {refused} ({100 * refused / total:.0f} %){bound}"
        )


def main(argv: Sequence[str]) -> int:
    """Print the rates; 0 where no honest model is flagged, 1 where one is, 2 for bad files."""
    parser = argparse.ArgumentParser(description="how often honest and forged answers are flagged")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="predictions of honest models")
    parser.add_argument("--repeats", type=int, default=10, metavar="N",
                        help="forgeries of each model and number (default: %(default)s)")  # fmt: skip
    arguments = parser.parse_args(argv)
    try:
        cases = load_cases(arguments.files)
        # One by one: a spec from a file that holds a line break must not become a line of its own.
        for line in (*format_lowest(cases), *format_rates(cases, max(arguments.repeats, 1))):
            print_line(line)
    except ImagenetGError as problem:
        print_message(f"error: {problem}")
        return 2
    accused = [case.name for case in cases if judge_forgery(case, 0, np.random.default_rng(0))]
    for name in accused:
        print_line(f"flagged: {name}")
    return int(bool(accused))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
