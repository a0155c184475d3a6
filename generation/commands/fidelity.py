r"""`imagenet-g lab fidelity`: whether a trained generator copies images, and whether it follows prompts.

    imagenet-g lab fidelity RELEASE --split sd-l --train VERSION/posed --data VERSION=DIR \
        --clip open_clip:packaged:mini-clip --out DIR --card MODEL

With --card the numbers are also written into the card of the generator.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_block, print_line

if TYPE_CHECKING:
    import torch

    from imagenet_g.generation.training.fidelity import FidelityReport, FidelitySets

_PAIRS = 12


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("release", type=Path, metavar="RELEASE", help="folder of the release")
    parser.add_argument("--split", required=True, metavar="NAME", help="split of generated images")
    parser.add_argument(
        "--unseen", default="real", metavar="NAME",
        help="split of images that no model was trained on, of this release or as VERSION/NAME "
        "(default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--train", required=True, metavar="REF", help="split the generator was trained on")
    parser.add_argument("--clip", required=True, metavar="MODEL", help="open_clip model for the probe")
    parser.add_argument("--data", action="append", metavar="NAME=PATH", default=[],
                        help="a local copy, such as v1=DIR; repeatable")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for fidelity.json, pairs.png")
    parser.add_argument(
        "--card", type=Path, metavar="MODEL", help="folder of the generator, whose README.md gets a section"
    )


def run(arguments: Namespace) -> int:
    """Measure, print, and write the numbers and the nearest pairs."""
    from imagenet_g.benchmark.storage import write_text
    from imagenet_g.generation.training.cards import CARD_NAME, put_section
    from imagenet_g.generation.training.fidelity import draw_pairs, measure_fidelity

    # Read before the measurement, so that a mistyped folder is found at once.
    card = None if arguments.card is None else _read_card(arguments.card)
    sets = _load_sets(arguments)
    report, nearest = measure_fidelity(sets, arguments.clip)
    _save_image(
        arguments.out / "pairs.png", draw_pairs(sets.made.pixels, sets.training.pixels, nearest, _PAIRS)
    )
    write_text(arguments.out / "fidelity.json", report.model_dump_json(indent=1) + "\n")
    if card is not None:
        heading = f"Fidelity of {sets.made.record['ref']}, beside {sets.training.record['ref']}"
        write_text(arguments.card / CARD_NAME, put_section(card, heading, format_section(report)))
    print_block(format_report(report).rstrip("\n"))
    return 0


def _load_sets(arguments: Namespace) -> FidelitySets:
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.splits.manifests import load_manifest
    from imagenet_g.benchmark.training.pictures import load_pictures
    from imagenet_g.generation.training.fidelity import FidelitySets

    version = load_manifest(arguments.release).version
    data = {**parse_data_pairs(arguments.data), version: arguments.release}
    unseen = arguments.unseen if "/" in arguments.unseen else f"{version}/{arguments.unseen}"
    refs = (f"{version}/{arguments.split}", unseen, arguments.train)
    return FidelitySets(*(load_pictures(ref, data, cache=None, say=_print_progress) for ref in refs))


def _save_image(path: Path, pixels: torch.Tensor) -> None:
    """Write `(3, H, W)` uint8 as PNG."""
    from PIL import Image

    from imagenet_g.benchmark.storage import replace_file

    with replace_file(path) as temporary:
        Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy()).save(temporary, format="PNG")


def _print_progress(text: str) -> None:
    print_line(text, error=True)


def _read_card(folder: Path) -> str:
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.generation.training.cards import CARD_NAME

    try:
        return (folder / CARD_NAME).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"'{folder}' has no card ({CARD_NAME}) to write into: {error}") from error


def format_section(report: FidelityReport) -> str:
    """The numbers as Markdown, with an explanation."""
    made, unseen = report.nearest, report.nearest_unseen
    rows = [
        f"| {name} | {summary.num_images} | "
        + " | ".join(f"{value:.3f}" for value in summary.quantiles.values())
        + f" | {probe.balanced_accuracy:.1%} |"
        for name, summary, probe in (
            ("generated", made, report.styles),
            ("unseen in training", unseen, report.styles_unseen),
        )
    ]
    return "\n".join(
        [
            "Distance of each image to the nearest training image or its mirror image (root mean "
            "square of pixels, as a share of their range): copies would be nearer than unseen images. "
            f"Styles: a linear probe on {report.clip}, balanced over {report.styles.num_styles} styles; "
            f"chance is {report.styles.chance:.1%}.",
            "",
            "| images | number | closest | 1 % | 5 % | median | style recognised |",
            "|---|---|---|---|---|---|---|",
            *rows,
        ]
    )


def format_report(report: FidelityReport) -> str:
    """The numbers as text."""
    near, fresh = report.nearest.quantiles, report.nearest_unseen.quantiles
    lines = [
        f"nearest training image, closest / 1 % / 5 % / median: {_format_distances(near)}; "
        f"of unseen images {_format_distances(fresh)}",
        f"styles recognised by a linear probe: {report.styles.balanced_accuracy:.1%} of generated, "
        f"{report.styles_unseen.balanced_accuracy:.1%} of unseen; chance {report.styles.chance:.1%}",
    ]
    return "\n".join(lines) + "\n"


def _format_distances(quantiles: dict[str, float]) -> str:
    return " / ".join(f"{value:.3f}" for value in quantiles.values())
