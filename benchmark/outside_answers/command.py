"""`imagenet-g export-mcq`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_line, print_message

if TYPE_CHECKING:
    from imagenet_g.benchmark.outside_answers.export import Ranking
    from imagenet_g.benchmark.splits.splits import Split


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Write multiple-choice questions about a split's images, for vision-language models and people. What "
        "comes back is scored by 'imagenet-g score ANSWERS --questions FILE --split SPLIT --name NAME'."
    )
    parser.add_argument("split", metavar="SPLIT", help="such as v1/sd-l; the whole of it")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .tsv or .jsonl file")
    parser.add_argument(
        "--options", type=int, default=4, metavar="K", help="options a question (default: %(default)s)"
    )
    add_choice_options(parser)
    add_image_options(parser)
    parser.add_argument(
        "--data",
        action="append",
        metavar="NAME=PATH",
        default=[],
        help="a local copy, such as imagenet-val=/data/val or v1=/data/v1; repeatable",
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for what is kept between runs")
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: %(default)s)"
    )


def add_choice_options(parser: ArgumentParser) -> None:
    """Declare what decides the options of a question."""
    parser.add_argument(
        "--clip",
        metavar="MODEL",
        help="the model whose likeliest wrong classes are the wrong options, such as "
        "open_clip:ViT-B-32/openai (default: wrong options by chance)",
    )
    parser.add_argument(
        "--templates",
        default="openai-80",
        metavar="NAME",
        help="prompts of a zero-shot model: openai-80, single, or a file (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="decides the order of options (default: %(default)s)"
    )


def add_image_options(parser: ArgumentParser) -> None:
    """Declare which images are asked about, and what is written of them."""
    parser.add_argument("--limit", type=int, metavar="N", help="ask about N images spread over the split")
    parser.add_argument("--images", type=Path, metavar="DIR", help="write the images into this folder as PNG")
    parser.add_argument(
        "--embed", action="store_true", help="put the images into the file, as base64 in a column 'image'"
    )
    parser.add_argument("--hide-answers", action="store_true", help="leave the right answers out of the file")


def run(arguments: Namespace) -> int:
    """Choose the options, write the questions, say where they are."""
    from imagenet_g.benchmark.catalogue.catalogue import load_split, parse_data_pairs
    from imagenet_g.benchmark.catalogue.roles import require_test_split
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.benchmark.evaluation.selection import choose_rows
    from imagenet_g.benchmark.outside_answers.export import ExportRequest, check_request, export_questions
    from imagenet_g.benchmark.splits.references import parse_split_ref

    request = ExportRequest(
        path=arguments.out,
        num_options=arguments.options,
        seed=arguments.seed,
        answers=not arguments.hide_answers,
        images=arguments.images,
        embeds=arguments.embed,
    )
    check_request(request)
    ref = parse_split_ref(arguments.split)
    if ref.view is not None:
        raise InputError(f"Questions are about whole splits: name '{ref.base}', and score a view of it.")
    cache = choose_cache_folder(arguments.cache)
    data = parse_data_pairs(arguments.data)
    require_test_split(ref, data, cache=cache)
    split = load_split(ref, data=data, cache=cache)
    ranking, chooser = rank(arguments, split, choose_rows(len(split.rows), arguments.limit))
    count = export_questions(split, ranking, request, chooser=chooser, on_unreadable=report_unreadable)
    print_line(f"wrote {count} questions of {request.num_options} options: {request.path}")
    return 0


def rank(arguments: Namespace, split: Split, rows: Sequence[int]) -> tuple[Ranking, dict[str, object] | None]:
    """The classes to offer for each image, and the record of the model that ranks them."""
    from imagenet_g.benchmark.outside_answers.export import rank_all_by_chance

    if arguments.clip is None:
        return rank_all_by_chance(split, rows, arguments.seed), None
    from imagenet_g.benchmark.devices import choose_device
    from imagenet_g.benchmark.environment import choose_workers
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.benchmark.models.classifiers import ModelRequest, load_classifier
    from imagenet_g.benchmark.naming.specs import parse_model_spec
    from imagenet_g.benchmark.outside_answers.choosing import rank_by_model

    device = choose_device(arguments.device)
    request = ModelRequest(
        requested=arguments.clip,
        spec=parse_model_spec(arguments.clip),
        templates=arguments.templates,
        text_device=device,
        head_cache=choose_cache_folder(arguments.cache) / "heads",
    )
    classifier = load_classifier(request)
    ranking = rank_by_model(
        classifier,
        split,
        rows,
        device=device,
        workers=choose_workers(device),
        on_unreadable=report_unreadable,
    )
    return ranking, classifier.record.model_dump(mode="json", include={"spec", "weights_sha256", "revision"})


def report_unreadable(image_id: str, reason: str) -> None:
    """Say which image has no question."""
    print_message(f"imagenet-g: no question about '{image_id}': {reason}")
