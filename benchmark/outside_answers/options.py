"""The options of `imagenet-g score` about answers from elsewhere; imports nothing heavy."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from imagenet_g.benchmark.errors import InputError

PUBLISHED = "published"


def add_answer_options(parser: ArgumentParser) -> None:
    """Declare what answers from elsewhere need."""
    parser.add_argument(
        "--split",
        action="append",
        metavar="SPLIT",
        default=[],
        help="the split that a file of answers is about; once for each such file, in their order",
    )
    parser.add_argument(
        "--reference-split",
        default="imagenet-val",
        metavar="SPLIT",
        help="the clean set that answers given with --reference are about (default: %(default)s)",
    )
    parser.add_argument("--name", metavar="NAME", help="what to call the system that gave the answers")
    parser.add_argument(
        "--questions",
        type=Path,
        metavar="FILE",
        help="the file that 'imagenet-g export-mcq' wrote, where the answers are letters of its options",
    )
    parser.add_argument(
        "--unmatched",
        choices=("refuse", "wrong"),
        default="refuse",
        help="what to do with an answer that names no class (default: %(default)s)",
    )


def check_answers(arguments: Namespace) -> None:
    """Refuse answers without what they are about, and options of answers without any.

    Raises:
        InputError: As above.
    """
    from imagenet_g.benchmark.outside_answers.tables import is_table

    answers = [path for path in arguments.predictions if is_table(path)]
    if len(arguments.split) != len(answers):
        raise InputError(
            f"{len(answers)} files of answers (.csv, .tsv, .jsonl) and {len(arguments.split)} times --split: "
            "name the split of each, in their order. Predictions files need none."
        )
    if answers and not arguments.name:
        raise InputError("Name the system that gave the answers with --name.")
    if not answers and (arguments.name or arguments.questions):
        raise InputError("--name and --questions go with answers: a .csv, .tsv or .jsonl file.")


def convert_files(arguments: Namespace, folder: Path) -> tuple[tuple[Path, ...], Path | None]:
    """The predictions to score and those of the clean set, answers among them converted."""
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.outside_answers.tables import is_table

    data, splits = parse_data_pairs(arguments.data), iter(arguments.split)

    def convert(path: Path, split: str) -> Path:
        from imagenet_g.benchmark.outside_answers.conversion import AnswerSource, convert_answers

        answers = AnswerSource(
            path=path,
            split=split,
            name=arguments.name,
            questions=arguments.questions,
            unmatched_is_wrong=arguments.unmatched == "wrong",
        )
        return convert_answers(answers, folder, data=data)

    files = tuple(convert(path, next(splits)) if is_table(path) else path for path in arguments.predictions)
    reference = None if arguments.reference == PUBLISHED else Path(arguments.reference)
    if reference is not None and is_table(reference):
        reference = convert(reference, arguments.reference_split)
    return files, reference
