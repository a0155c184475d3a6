"""`imagenet-g captions check` and `show`."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.terminal.text import print_block

if TYPE_CHECKING:
    from imagenet_g.generation.captions.files import CaptionSet


def run_check(arguments: Namespace) -> int:
    """Print the report of a file; the exit code is 0 for any report."""
    from imagenet_g.benchmark.storage import write_text
    from imagenet_g.generation.caption_training.report import make_report, score_with_run
    from imagenet_g.generation.caption_training.tables import format_report
    from imagenet_g.generation.captions.files import load_captions

    captions, scores = load_captions(arguments.file), None
    if arguments.folder is not None:
        from imagenet_g.benchmark.hub.quiet import quiet_training
        from imagenet_g.generation.generators.runtime import choose_generation_device

        with quiet_training():
            scores = score_with_run(captions, arguments.folder, choose_generation_device(arguments.device))
    report = make_report(captions, scores, min_words=arguments.min_words)
    print_block(format_report(report))
    if arguments.out is not None:
        write_text(arguments.out, report.model_dump_json(indent=1) + "\n")
    return 0


def run_show(arguments: Namespace) -> int:
    """Print the card and some captions."""
    from imagenet_g.generation.caption_training.tables import format_captions, format_card
    from imagenet_g.generation.captions.files import load_captions

    captions = load_captions(arguments.file)
    wnids = [find_class(captions, text) for text in arguments.classes or captions.wnids]
    print_block("\n".join(format_card(captions)))
    print_block(format_captions(captions, wnids, arguments.per_class))
    return 0


def find_class(captions: CaptionSet, text: str) -> str:
    """The wnid of a class of a file, from the wnid or any of its names.

    Raises:
        UnknownNameError: The file has no such class.
    """
    from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid

    names = {load_classes()[load_index_by_wnid()[wnid]].name.casefold(): wnid for wnid in captions.wnids}
    known = {**names, **{wnid: wnid for wnid in captions.wnids}}
    if text.casefold() not in known:
        raise UnknownNameError("class", text, known, hint=f"'{captions.title}' has only these classes.")
    return known[text.casefold()]
