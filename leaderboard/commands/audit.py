"""`imagenet-g audit`: label validity by people, from the drawn images to a part of a release."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from imagenet_g.benchmark.commands.command import parse_positive, run_action
from imagenet_g.benchmark.commands.options import add_cache_option, add_data_option, add_sets_option

_HERE = "imagenet_g.leaderboard.commands.audit_actions"
ACTIONS = {
    name: (_HERE, f"run_{name}")
    for name in (
        "make", "serve", "report", "export", "import", "attach", "detach", "simulate", "coverage",
    )
}  # fmt: skip


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    declared: dict[str, tuple[str, Callable[[ArgumentParser], None]]] = {
        "make": ("draw the images that raters see, with blind controls among them", _add_make),
        "serve": ("the raters' page in a browser", _add_serve),
        "report": ("validity, quality, agreement and raters: printed, and as audit.json", _add_report),
        "export": ("tasks and pictures for Label Studio", _add_export),
        "import": ("ratings from an export of Label Studio (JSON)", _add_import),
        "attach": ("make an audit a part of a release, which gives the view :audited", _add_attach),
        "detach": ("take an audit out of a release", _add_detach),
        "simulate": ("write ratings of a simulated panel, for trials only", _add_simulate),
        "coverage": ("check by simulation that the intervals hold the truth", _add_coverage),
    }
    for name, (text, declare) in declared.items():
        declare(actions.add_parser(name, help=text))


def run(arguments: Namespace) -> int:
    """Run the chosen action."""
    return run_action(ACTIONS, arguments)


def _add_folder(parser: ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder that 'audit make' wrote")


def _add_report(parser: ArgumentParser) -> None:
    _add_folder(parser)
    parser.add_argument(
        "results",
        type=Path,
        nargs="*",
        metavar="RESULT",
        help="folder of a model's result on the audited split: its accuracy and gap over the valid images, "
        "as valid-accuracy.json; no model is run",
    )
    add_data_option(parser)
    add_sets_option(parser)


def _add_images(parser: ArgumentParser) -> None:
    add_data_option(parser)
    add_sets_option(parser)
    add_cache_option(parser)


def _add_make(parser: ArgumentParser) -> None:
    parser.add_argument("split", metavar="SPLIT", help="what to audit: v1/sd-i, a view, folder:PATH")
    parser.add_argument(
        "-n", dest="num", type=parse_positive, default=2000, metavar="N", help="images (default: %(default)s)"
    )
    parser.add_argument(
        "--reference", metavar="REF", help="real images for controls (default: that of the version)"
    )
    parser.add_argument(
        "--controls",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="real images of the class, and as many of another class, as a share of N each "
        "(default: %(default)s); 0 for none",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write sample.json")
    _add_images(parser)


def _add_serve(parser: ArgumentParser) -> None:
    _add_folder(parser)
    # This machine only: who reaches the port can rate.
    parser.add_argument("--host", default="127.0.0.1", metavar="HOST", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=7861, metavar="PORT", help="default: %(default)s")
    _add_images(parser)


def _add_export(parser: ArgumentParser) -> None:
    _add_folder(parser)
    parser.add_argument("--to", type=Path, required=True, metavar="OUT", help="where to write them")
    parser.add_argument("--with-ratings", action="store_true", help="with the ratings that there are")
    parser.add_argument(
        "--prefix",
        default="/data/local-files/?d=images/",
        metavar="TEXT",
        help="stands before a picture's name in a task (default: Label Studio's local files)",
    )
    _add_images(parser)


def _add_import(parser: ArgumentParser) -> None:
    _add_folder(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="the export")
    parser.add_argument(
        "--predictions", action="store_true", help="read simulated raters, which are predictions there"
    )


def _add_attach(parser: ArgumentParser) -> None:
    parser.add_argument("release", type=Path, metavar="RELEASE", help="folder with a manifest.json")
    _add_folder(parser)


def _add_detach(parser: ArgumentParser) -> None:
    parser.add_argument("release", type=Path, metavar="RELEASE", help="folder with a manifest.json")
    parser.add_argument("view", metavar="SPLIT:VIEW", help="such as sd-i:audited")


def _add_simulate(parser: ArgumentParser) -> None:
    _add_folder(parser)
    parser.add_argument("--raters", type=parse_positive, default=3, metavar="N", help="default: %(default)s")
    shares = {
        "--validity": (0.54, "share of generated images that are valid in the simulation"),
        "--spread": (0.2, "how far classes differ, 0 to 1"),
        "--sensitivity": (0.92, "chance of yes on a valid image of average hardness"),
        "--specificity": (0.95, "chance of no on one that is not valid"),
        "--cannot-say": (0.04, "chance of 'cannot say'"),
        "--hardness": (1.0, "how far images differ in hardness, on the logit scale"),
    }
    for name, (default, text) in shares.items():
        parser.add_argument(
            name, type=float, default=default, metavar="X", help=f"{text} (default: %(default)s)"
        )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")


def _add_coverage(parser: ArgumentParser) -> None:
    parser.add_argument("--runs", type=parse_positive, default=1000, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
