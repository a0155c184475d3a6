"""The highest likeness among honest models: what the thresholds must stay above.

    python -m imagenet_g.leaderboard.validation.likeness.highest results/*/*.parquet

prints it for predictions of models that are known to be nobody's copies, such as classifiers that were
trained with other seeds, and how many pairs would be accused.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from imagenet_g.benchmark.errors import ImagenetGError, InputError
from imagenet_g.benchmark.predictions.predictions import load_predictions
from imagenet_g.benchmark.statistics.intervals import CONFIDENCE
from imagenet_g.benchmark.terminal.text import print_line, print_message
from imagenet_g.leaderboard.validation.likeness.answers import load_answers
from imagenet_g.leaderboard.validation.likeness.pairs import Likeness, compute_likeness
from imagenet_g.leaderboard.validation.likeness.verdicts import judge_pair


@dataclass(frozen=True, slots=True)
class Pair:
    """Two models on one split.

    Attributes:
        names: Their specs, and the split.
        found: How much their answers are the same.
        accused: Whether one would be flagged as a copy of the other.
    """

    names: str
    found: Likeness
    accused: bool


def compare_all(files: Sequence[Path]) -> Iterator[Pair]:
    """Every pair of predictions on the same images.

    Raises:
        DataError: A file is missing, or is no predictions file.
    """
    records = {path: load_predictions(path)[1] for path in files}
    for one, other in combinations(files, 2):
        ours, theirs = load_answers(one), load_answers(other)
        split, again = records[one].split, records[other].split
        if split.content_sha256 == again.content_sha256 and ours is not None and theirs is not None:
            found = compute_likeness(ours.top5, theirs.align(ours.image_ids), ours.labels)
            names = f"{records[one].model.spec} and {records[other].model.spec} on {split.ref}"
            yield Pair(names, found, judge_pair(found, "", split.ref, kin=False) is not None)


def compute_upper_bound(total: int) -> float:
    """Upper bound of the share of honest pairs that are accused, where none was (Clopper-Pearson, one-sided).

    Args:
        total: Pairs, > 0; the bound takes them as independent, which those of few models are not.

    Example:
        >>> round(compute_upper_bound(300), 4)
        0.0099
    """
    return float(1 - (1 - CONFIDENCE) ** (1 / total))


def format_highest(pairs: Sequence[Pair]) -> list[str]:
    """The highest of each share with the pair it is of, and how many pairs are flagged.

    Raises:
        InputError: There is no pair.
    """
    if not pairs:
        raise InputError("No two files are predictions on the same images; name at least two.")
    lines = []
    for title, count, total in (
        ("same first answer", "same_first", "num_images"),
        ("same five answers in order", "same_five", "num_images"),
        ("equal rows", "same_rows", "num_images"),
        ("same wrong answer, of both wrong", "same_wrong", "both_wrong"),
        ("rows under any image", "elsewhere", "num_images"),
    ):
        shares = [getattr(pair.found, count) / max(getattr(pair.found, total), 1) for pair in pairs]
        best = shares.index(max(shares))
        lines.append(f"{title:33} {100 * shares[best]:5.1f} %  {pairs[best].names}")
    accused = sum(pair.accused for pair in pairs)
    bound = f", at most {100 * compute_upper_bound(len(pairs)):.2f} %" if not accused else ""
    return [*lines, f"{accused} of {len(pairs)} pairs flagged{bound}"]


def main(argv: Sequence[str]) -> int:
    """Print the highest likeness; 0 where no pair is flagged, 1 where one is, 2 for bad files."""
    parser = argparse.ArgumentParser(description="the highest likeness among honest models")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="predictions of honest models")
    try:
        pairs = list(compare_all(parser.parse_args(argv).files))
        # One by one: a spec from a file that holds a line break must not become a line of its own.
        for line in format_highest(pairs):
            print_line(line)
    except ImagenetGError as problem:
        print_message(f"error: {problem}")
        return 2
    return int(any(pair.accused for pair in pairs))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
