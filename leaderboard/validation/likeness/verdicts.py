"""From counts to a finding: the thresholds, and the words.

The thresholds are compared with the lower end of the 95 % interval of a share, so that few images accuse
nobody. submissions/README.md has the shares that honest pairs reach.
"""

from __future__ import annotations

from collections.abc import Sequence

from imagenet_g.benchmark.statistics.intervals import compute_wilson_interval
from imagenet_g.leaderboard.submissions.problems import Problem, error, warning
from imagenet_g.leaderboard.validation.likeness.pairs import Likeness

ROWS = (0.2, 0.5)
"""Share of images with the same five answers in order, from which on it is a warning, and an error."""
WRONG = (0.75, 0.85)
"""The same for images that both have wrong: the share with the same wrong answer."""
SAME_ROWS = 0.9
"""Share of rows with equal probabilities from which on no kinship explains it: the model is the same."""
ADVICE = "if it was made from that model, name it in statement.notes"


def judge_pair(found: Likeness, name: str, ref: str, *, kin: bool) -> Problem | None:
    """A finding about two models' answers to a split; None where they are as like as honest ones.

    Args:
        found: Counts of the newcomer's answers against the other's.
        name: What the other is called.
        ref: The split.
        kin: Whether the newcomer's file says that it was made from the other.

    Example:
        >>> judge_pair(Likeness(1000, 400, 3, 0, 500, 200, 5), "A", "mini/real", kin=False) is None
        True
        >>> judge_pair(Likeness(1000, 980, 950, 0, 500, 490, 950), "A", "mini/real", kin=False).message[:52]
        "98 % the same answers as 'A' (980 of 1000 images; th"
    """
    shares = (
        (find_low(found.same_five, found.num_images), ROWS),
        (find_low(found.same_wrong, found.both_wrong), WRONG),
        (find_low(found.elsewhere, found.num_images), ROWS),
    )
    if all(share < bounds[0] for share, bounds in shares):
        return None
    grave = any(share >= bounds[1] for share, bounds in shares)
    same = found.same_rows >= SAME_ROWS * found.num_images
    in_place = any(share >= bounds[0] for share, bounds in shares[:2])
    words = describe(found, name) if in_place else describe_elsewhere(found, name)
    if grave and (same or not kin):
        return error("copied", ref, f"{words}; {'it is that model' if same and kin else ADVICE}")
    return warning("alike", ref, f"{words}; {'its file states the kinship' if kin else ADVICE}")


def judge_rows(
    num_rows: int, num_images: int, names: Sequence[str], ref: str, *, kin: bool
) -> Problem | None:
    """A finding about rows that several submissions have together; None where they are few.

    Args:
        num_rows: Rows of the newcomer that at least one of them has, under the same image.
        num_images: Its images.
        names: What they are called.
        ref: The split.
        kin: Whether the newcomer's file names them all.

    Example:
        >>> judge_rows(920, 1000, ["A", "B"], "mini/real", kin=False).message[:56]
        "92 % of its rows (920 of 1000) are those of 'A' or 'B': "
    """
    share = find_low(num_rows, num_images)
    if share < ROWS[0]:
        return None
    finding = error if share >= ROWS[1] and not kin else warning
    percent = round(100 * num_rows / num_images)
    listed = " or ".join(f"'{name}'" for name in names)
    message = (
        f"{percent} % of its rows ({num_rows} of {num_images}) are those of {listed}: the same five answers "
        f"in order. {'Its file names them' if kin else 'If it chooses between them, say so and name them in'}"
    )
    return finding("stitched", ref, message if kin else f"{message} statement.notes")


def find_low(count: int, total: int) -> float:
    """Lower end of the 95 % interval of a share; 0 without images.

    Example:
        >>> round(find_low(9, 10), 2), find_low(0, 0)
        (0.6, 0.0)
    """
    return compute_wilson_interval(count, total)[0] if total else 0.0


def describe(found: Likeness, name: str) -> str:
    """What is the same, with the number of images."""
    return (
        f"{round(100 * found.same_first / found.num_images)} % the same answers as '{name}' "
        f"({found.same_first} of {found.num_images} images; the same five in order on {found.same_five}; the "
        f"same wrong answer on {found.same_wrong} of {found.both_wrong} that both have wrong)"
    )


def describe_elsewhere(found: Likeness, name: str) -> str:
    """How many rows are the other's, under other images."""
    return (
        f"{round(100 * found.elsewhere / found.num_images)} % of its rows ({found.elsewhere} of "
        f"{found.num_images}) are those of '{name}' under other images"
    )
