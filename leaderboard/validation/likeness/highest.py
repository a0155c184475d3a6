"""The highest likeness among honest models: what the thresholds must stay above.

    python -m imagenet_g.leaderboard.validation.likeness.highest results/*/*.parquet

prints it for predictions of models that are known to be nobody's copies, such as classifiers that were
trained with other seeds, and how many pairs would be accused. `--record NAME` keeps it for the tests.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.errors import ImagenetGError, InputError
from imagenet_g.benchmark.terminal.text import print_line, print_message
from imagenet_g.leaderboard.validation.false_alarms.bounds import format_model_bound, format_pair_bound
from imagenet_g.leaderboard.validation.false_alarms.honest import Honest, load_honest
from imagenet_g.leaderboard.validation.false_alarms.measured import MEASURED, Reach, record_reaches
from imagenet_g.leaderboard.validation.likeness.pairs import Likeness, compute_likeness, match_fives
from imagenet_g.leaderboard.validation.likeness.stitching import explain_rows
from imagenet_g.leaderboard.validation.likeness.verdicts import find_low, judge_pair, judge_rows

SHARES = (
    ("same first answer", "same_first", "num_images"),
    ("same five answers in order", "same_five", "num_images"),
    ("equal rows", "same_rows", "num_images"),
    ("same wrong answer, of both wrong", "same_wrong", "both_wrong"),
    ("rows under any image", "elsewhere", "num_images"),
)
TOGETHER = "rows of several together"


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


@dataclass(frozen=True, slots=True)
class Together:
    """One model on one split, beside all others.

    Attributes:
        name: Its spec, and the split.
        num_rows: Rows that two or three of the others have together.
        num_images: All of its rows.
        accused: Whether it would be flagged as a mixture of them.
    """

    name: str
    num_rows: int
    num_images: int
    accused: bool


def compare_all(honest: Sequence[Honest]) -> Iterator[Pair]:
    """Every pair of predictions on the same images."""
    for ours, theirs in combinations(honest, 2):
        if ours.images_sha256 == theirs.images_sha256:
            aligned = theirs.answers.align(ours.answers.image_ids)
            found = compute_likeness(ours.answers.top5, aligned, ours.answers.labels)
            names = f"{ours.model} and {theirs.model} on {ours.ref}"
            yield Pair(names, found, judge_pair(found, "", ours.ref, kin=False) is not None)


def put_together(honest: Sequence[Honest]) -> Iterator[Together]:
    """For every model the rows that a few others have together, as if they had been stood before it."""
    for ours in honest:
        masks = [
            np.packbits(match_fives(ours.answers.top5, theirs.answers.align(ours.answers.image_ids)))
            for theirs in honest
            if theirs is not ours and theirs.images_sha256 == ours.images_sha256
        ]
        total = len(ours.answers.labels)
        explained = explain_rows(masks, total)
        # Of one source alone it is a pair, which is counted there.
        several = len(explained.sources) > 1
        accused = several and judge_rows(explained.num_rows, total, [], ours.ref, kin=False) is not None
        yield Together(ours.name, explained.num_rows if several else 0, total, accused)


def find_highest(pairs: Sequence[Pair], together: Sequence[Together]) -> Iterator[Reach]:
    """The highest of each share, with the lower end of its interval, which the thresholds are compared with.

    Raises:
        InputError: There is no pair.
    """
    if not pairs:
        raise InputError("No two files are predictions on the same images; name at least two.")
    for title, count, total in SHARES:
        counts = [(getattr(pair.found, count), getattr(pair.found, total)) for pair in pairs]
        shares = [one / max(whole, 1) for one, whole in counts]
        best = shares.index(max(shares))
        # The lowest end of any pair, and not that of the highest share: few images make a wide interval.
        lows = [find_low(*one) for one in counts]
        yield Reach(title, shares[best], max(lows), len(pairs), pairs[best].names)
    rows = [one.num_rows / max(one.num_images, 1) for one in together]
    most = rows.index(max(rows))
    lows = [find_low(one.num_rows, one.num_images) for one in together]
    yield Reach(TOGETHER, rows[most], max(lows), len(together), together[most].name)


def format_highest(
    honest: Sequence[Honest], pairs: Sequence[Pair], together: Sequence[Together]
) -> Iterator[str]:
    """The highest of each share with the pair it is of, and how many pairs and mixtures are flagged.

    Raises:
        InputError: There is no pair.
    """
    for reach in find_highest(pairs, together):
        yield f"{reach.check:33} {100 * reach.extreme:5.1f} %  {reach.of}"
    accused = sum(pair.accused for pair in pairs)
    models = Counter(one.images_sha256 for one in honest).values()
    bound = "" if accused else f", {format_pair_bound(len(pairs), models)}"
    yield f"{accused} of {len(pairs)} pairs flagged{bound}"
    mixed = sum(one.accused for one in together)
    different = len({one.weights_sha256 for one in honest})
    bound = "" if mixed else f", {format_model_bound(len(together), different)}"
    yield f"{mixed} of {len(together)} flagged as a mixture{bound}"


def main(argv: Sequence[str]) -> int:
    """Print the highest likeness; 0 where nobody is flagged, 1 where one is, 2 for bad files."""
    parser = argparse.ArgumentParser(description="the highest likeness among honest models")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="predictions of honest models")
    parser.add_argument("--record", metavar="NAME", help="keep what they reach under this name of the set")
    parser.add_argument("--into", type=Path, default=MEASURED, metavar="CSV", help="where (%(default)s)")
    arguments = parser.parse_args(argv)
    try:
        honest = load_honest(arguments.files)
        pairs, together = list(compare_all(honest)), list(put_together(honest))
        # One by one: a spec from a file that holds a line break must not become a line of its own.
        for line in format_highest(honest, pairs, together):
            print_line(line)
        if arguments.record is not None:
            models = len({one.weights_sha256 for one in honest})
            record_reaches(arguments.into, arguments.record, models, list(find_highest(pairs, together)))
    except ImagenetGError as problem:
        print_message(f"error: {problem}")
        return 2
    return int(any(pair.accused for pair in pairs) or any(one.accused for one in together))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
