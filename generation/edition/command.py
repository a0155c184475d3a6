"""`imagenet-g lab read-classes`: the drawn classes that judges read best.

imagenet-g lab read-classes --judge wheel:efficientnet-lite0 --out read-42.txt
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from imagenet_g.benchmark.commands.command import parse_positive
from imagenet_g.benchmark.terminal.text import print_line


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--judge", action="append", required=True, metavar="MODEL",
                        help="a classifier that the choice rests on; repeatable")  # fmt: skip
    parser.add_argument("--report", action="append", default=[], metavar="MODEL",
                        help="a classifier to report on the other art sets; repeatable")  # fmt: skip
    parser.add_argument("--number", type=parse_positive, default=42, metavar="N",
                        help="classes to choose (default: %(default)s)")  # fmt: skip
    parser.add_argument("--views", type=parse_positive, default=1, metavar="N",
                        help="composites of each drawing (default: %(default)s)")  # fmt: skip
    parser.add_argument("--size", type=parse_positive, default=64, metavar="PX",
                        help="side of a composite (default: %(default)s)")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="for the class set")


def run(arguments: Namespace) -> int:
    """Choose, write the class set, and report on drawings that the choice has not seen."""
    from imagenet_g.benchmark.classes import load_classes
    from imagenet_g.benchmark.storage import write_text
    from imagenet_g.generation.edition.read_classes import (
        CHOOSING_ART_SETS,
        LEARNT_ART_SETS,
        draw_views,
        format_class_set,
        judge_views,
        list_candidates,
        load_judge,
        rank_classes,
    )

    # First of all: a mistyped name must not cost the minute that the drawings take.
    judges, reporters = (
        [load_judge(name) for name in names] for names in (arguments.judge, arguments.report)
    )
    candidates = list_candidates()
    settings = {"views": arguments.views, "size_px": arguments.size}
    views = draw_views(CHOOSING_ART_SETS, candidates, **settings)
    print_line(f"{len(views.images)} composites of {len(candidates)} classes to choose on")
    found = [judge_views(judge, views) for judge in judges]
    ranking = rank_classes(found, views.labels)
    note = (
        f"The {arguments.number} of {len(candidates)} classes that {' and '.join(arguments.judge)} read best "
        f"(mean probability) on the art sets {', '.join(CHOOSING_ART_SETS)}"
    )
    write_text(arguments.out, format_class_set(ranking, arguments.number, note=note))
    chosen = list(ranking)[: arguments.number]
    for label in chosen:
        print_line(f"{ranking[label]:.3f}  {load_classes()[label].name}")
    # Other drawings of the same classes: what the choice itself makes look easy stays out.
    unseen = draw_views(LEARNT_ART_SETS, chosen, **settings)
    for name, judge in zip(arguments.report, reporters, strict=True):
        right = judge_views(judge, unseen).argmax(axis=1) == unseen.labels
        print_line(f"{name}: {right.mean():.1%} of {len(right)} composites of other art sets")
    return 0
