"""`imagenet-g sibling`: private siblings of a version's test sets."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from imagenet_g.benchmark.commands.command import parse_positive, run_action
from imagenet_g.benchmark.commands.options import add_data_option, add_hashed_options
from imagenet_g.generation.building.machine import add_machine_arguments

_MODULE = "imagenet_g.generation.sealing.actions"
ACTIONS = {name: (_MODULE, f"run_{name}") for name in ("build", "check", "score", "retire", "simulate")}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    declared: dict[str, tuple[str, Callable[[ArgumentParser], None]]] = {
        "build": ("draw a private twin of each image under a key, and commit to it", _add_build),
        "check": ("check that a sibling is the one that was committed to", _add_check),
        "score": ("run a model on the private images and test its public answers", _add_score),
        "retire": ("open a sibling: its key and plan become public", _add_retire),
        "simulate": ("how many private images are needed, and how often the test errs", _add_simulate),
    }  # fmt: skip
    for name, (text, declare) in declared.items():
        declare(actions.add_parser(name, help=text))


def run(arguments: Namespace) -> int:
    """Run the chosen action."""
    return run_action(ACTIONS, arguments)


def _add_release(parser: ArgumentParser) -> None:
    parser.add_argument("release", type=Path, metavar="RELEASE", help="folder of the public release")


def _add_key(parser: ArgumentParser, *, required: bool, text: str) -> None:
    parser.add_argument("--key", type=Path, required=required, metavar="FILE", help=text)


def _add_sealed(parser: ArgumentParser, *, required: bool, text: str) -> None:
    parser.add_argument("--sealed", type=Path, required=required, metavar="DIR", help=text)


def _add_build(parser: ArgumentParser) -> None:
    _add_release(parser)
    _add_key(parser, required=True, text="the key, outside both releases; a new one is made where no file is")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the sealed "
                        "release; an interrupted build resumes there")  # fmt: skip
    parser.add_argument("--split", action="append", default=[], metavar="NAME",
                        help="split to draw twins for; repeatable (default: every test set)")  # fmt: skip
    parser.add_argument("--images-per-class", type=parse_positive, metavar="N",
                        help="twins of each class, chosen by the key (default: of every image)")  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--pipeline", type=Path, action="append", default=[], metavar="PATH",
                        help="a local pipeline that the release stores by its name; repeatable")  # fmt: skip
    parser.add_argument("--sources", metavar="REF", help="split of the source images, where it is named "
                        "otherwise on this machine")  # fmt: skip
    add_data_option(parser)
    add_machine_arguments(parser)
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for what is kept between runs")


def _add_check(parser: ArgumentParser) -> None:
    _add_release(parser)
    _add_key(parser, required=False, text="the key of a sibling that is sealed")
    _add_sealed(parser, required=False, text="the sealed or opened release, to check its files too")


def _add_score(parser: ArgumentParser) -> None:
    _add_release(parser)
    _add_sealed(parser, required=True, text="the sealed release")
    parser.add_argument("--answers", type=Path, required=True, metavar="FILE",
                        help="predictions on the whole public split")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="FILE",
                        help="where to keep the counts (JSON), for maintainers alone")  # fmt: skip
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: %(default)s)"
    )
    add_hashed_options(parser.add_argument_group("what the answers hold by its hash alone"))


def _add_retire(parser: ArgumentParser) -> None:
    _add_release(parser)
    _add_key(parser, required=True, text="the key, which becomes public")
    _add_sealed(parser, required=True, text="the sealed release, which becomes a test set")


def _add_simulate(parser: ArgumentParser) -> None:
    parser.add_argument("--worlds", type=parse_positive, default=2000, metavar="N",
                        help="worlds of each cell of the table (default: %(default)s)")  # fmt: skip
    parser.add_argument("--honest-worlds", type=parse_positive, default=50_000, metavar="N",
                        help="worlds of each of 48 kinds of honest model (default: %(default)s)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
