"""`imagenet-g lab caption-trial`: whether stage 2 of caption training learns from its reward."""

from __future__ import annotations

import statistics
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.command import parse_positive
from imagenet_g.benchmark.terminal.text import print_block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imagenet_g.generation.caption_training.trial import Trial

_KEYS = ("reward", "cosine", "valid", "distinct_2")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("config", nargs="?", default="tiny", metavar="SETTINGS",
                        help="shipped caption settings or a .toml file (default: %(default)s)")  # fmt: skip
    parser.add_argument("--clip", metavar="SPEC", help="CLIP (default: a tiny one with random weights)")
    parser.add_argument("--seeds", type=parse_positive, default=3, metavar="N",
                        help="number of seeds (default: %(default)s)")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="keep the runs there; an interrupted trial resumes from them")  # fmt: skip


def run(arguments: Namespace) -> int:
    """Train, measure, print."""
    import tempfile

    from imagenet_g.generation.caption_training.trial import TrialRequest, run_trials

    with tempfile.TemporaryDirectory() as folder:
        out = arguments.out or Path(folder)
        trials = run_trials(TrialRequest(arguments.config, arguments.clip, arguments.seeds, out))
    print_block("\n".join(format_trials(trials)))
    return 0


def format_trials(trials: Sequence[Trial]) -> Iterator[str]:
    """The table: one line per stage, and one per difference."""
    from imagenet_g.generation.caption_training.trial import CAPTIONS_PER_CLASS, STAGES, compute_interval

    yield f"{len(trials)} seeds, {CAPTIONS_PER_CLASS} captions per class, sampled without selection"
    yield f"{'':<24}{'reward':>8} {'cosine':>8} {'valid':>8} {'distinct-2':>11}"
    for stage in STAGES:
        means = [statistics.mean(getattr(trial[stage], key) for trial in trials) for key in _KEYS]
        yield f"{stage:<24}{means[0]:>+8.3f} {means[1]:>+8.3f} {100 * means[2]:>6.1f} % {means[3]:>11.3f}"
    for stage in STAGES[1:]:
        gains = [trial[stage].reward - trial[STAGES[0]].reward for trial in trials]
        mean, half = compute_interval(gains)
        falls = [1 - trial[stage].distinct_2 / trial[STAGES[0]].distinct_2 for trial in trials]
        each = ", ".join(f"{gain:+.3f}" for gain in gains)
        yield (
            f"{stage} minus stage 1: reward {mean:+.3f} ± {half:.3f} (seeds {each}); "
            f"distinct-2 falls by {100 * statistics.mean(falls):.1f} %, at most {100 * max(falls):.1f} %"
        )
