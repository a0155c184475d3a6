"""The options of `imagenet-g score` about answers from elsewhere; imports nothing heavy."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

PUBLISHED = "published"
REFERENCE_SPLIT = "imagenet-val"
UNMATCHED = ("refuse", "wrong")


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
        default=REFERENCE_SPLIT,
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
        choices=UNMATCHED,
        default="refuse",
        help="what to do with an answer that names no class (default: %(default)s)",
    )
