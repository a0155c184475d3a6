"""`imagenet-g baselines coverage`: do the intervals cover as often as they say?"""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_block, print_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imagenet_g.baselines.lines.coverage import Coverage, CoverageRange


def run(arguments: Namespace) -> int:
    """Simulate, print each world as it is done, then the summary."""
    from imagenet_g.baselines.lines.coverage import load_table, summarise, write_table
    from imagenet_g.benchmark.storage import replace_file

    print_line("worlds: imagenet_g/baselines/lines/worlds.py says what is simulated; coverage in percent")
    print_line(
        "classes images  clean shifted class-sd families   seed     AG (below, above) naive "
        "    ER (below, above)  naive  no line"
    )
    rows = []
    for row in load_table() if arguments.stored else _measure(arguments):
        rows.append(row)
        print_line(format_row(row))
    print_block("\n".join(["", *format_summary(summarise(rows))]))
    if arguments.out is not None:
        with replace_file(arguments.out) as temporary:
            temporary.write_text(write_table(rows), encoding="utf-8")
    return 0


def _measure(arguments: Namespace) -> Iterator[Coverage]:
    from imagenet_g.baselines.lines.coverage import measure_coverage
    from imagenet_g.baselines.lines.worlds import WORLDS
    from imagenet_g.benchmark.errors import InputError

    chosen = [
        (seed, world)
        for seed, world in enumerate(WORLDS)
        if not arguments.classes or world.num_classes in arguments.classes
    ]
    if not chosen:
        known = ", ".join(str(number) for number in sorted({world.num_classes for world in WORLDS}))
        raise InputError(f"No world has {arguments.classes[0]} classes; choose among {known}.")
    for seed, world in chosen:
        yield measure_coverage(world, replications=arguments.replications, seed=seed)


def format_row(row: Coverage) -> str:
    """One world: where the truth lies below and above the interval, and what lies outside 93 to 98 %."""
    outside = [name for name, fine in (("AG", row.gap_as_said), ("ER", row.robustness_as_said)) if not fine]
    return (
        f"{row.num_classes:7} {row.images_per_class:6} {100 * row.clean:6.0f} {100 * row.shifted:7.0f} "
        f"{row.class_sd:8.1f} {row.num_families:8} {row.seed:6} "
        f"{100 * row.gap:6.1f} ({100 * row.gap_below:4.1f}, {100 * row.gap_above:4.1f}) "
        f"{100 * row.gap_naive:5.1f} "
        f"{100 * row.robustness:6.1f} ({100 * row.robustness_below:4.1f}, {100 * row.robustness_above:4.1f}) "
        f"{100 * row.robustness_naive:6.1f} {100 * row.no_line:8.1f}"
        + (f"  outside 93 to 98: {', '.join(outside)}" if outside else "")
    )


def format_summary(ranges: Sequence[CoverageRange]) -> list[str]:
    """The table that README quotes, as markdown."""
    lines = [
        "| classes × images | AG | ER, 12 models, 8 families | ER, 5 models, 4 families | worlds outside |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    return lines + [
        f"| {one.num_classes} × {one.images_per_class} | {_format_range(one.gap)} | "
        f"{_format_range(one.robustness)} | {_format_range(one.robustness_few_models)} | {one.outside} |"
        for one in ranges
    ]


def _format_range(bounds: tuple[float, float]) -> str:
    return f"{100 * bounds[0]:.1f} to {100 * bounds[1]:.1f}"
