"""`imagenet-g baselines`: baseline sets, their lines, and effective robustness."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from imagenet_g.baselines.corrupting.command import add_arguments as add_corrupt
from imagenet_g.benchmark.commands.command import parse_positive, parse_seed, run_action
from imagenet_g.benchmark.commands.options import add_sets_option

_BASELINE_HELP = "testbed, timm-in1k, your own .toml header, or a measured .json"
_LINK_HELP = "logit, linear or probit; repeatable (default: logit)"
# Addresses and not functions: importing an action imports torch or rich, and `--help` must stay under 0.5 s.
_ACTIONS = {
    "list": ("imagenet_g.baselines.commands.show", "run_list"),
    "show": ("imagenet_g.baselines.commands.show", "run_show"),
    "fit": ("imagenet_g.baselines.commands.show", "run_fit"),
    "run": ("imagenet_g.baselines.commands.run", "run_models"),
    "add": ("imagenet_g.baselines.commands.add", "run_add"),
    "apply": ("imagenet_g.baselines.commands.run", "run_apply"),
    "table": ("imagenet_g.baselines.commands.table", "run_table"),
    "plot": ("imagenet_g.baselines.commands.table", "run_plot"),
    "train": ("imagenet_g.baselines.commands.train", "run_train"),
    "corrupt": ("imagenet_g.baselines.corrupting.command", "run"),
    "distort": ("imagenet_g.baselines.commands.comparators", "run_distort"),
    "fractals": ("imagenet_g.baselines.commands.comparators", "run_fractals"),
    "replay": ("imagenet_g.baselines.commands.replay", "run_replay_command"),
    "coverage": ("imagenet_g.baselines.commands.coverage", "run"),
}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="list the baseline sets")
    _add_show(actions.add_parser("show", help="the models of a set and their training data"))
    _add_fit(actions.add_parser("fit", help="the line of a baseline on a split"))
    _add_run(actions.add_parser("run", help="measure a set's models on a split without published figures"))
    _add_add(actions.add_parser("add", help="store measured lines with a release, to be published with it"))
    _add_apply(actions.add_parser("apply", help="add effective robustness to a result"))
    _add_table(actions.add_parser("table", help="effective robustness of a table of published figures"))
    _add_plot(actions.add_parser("plot", help="accuracy against accuracy, with the line and its bands"))
    _add_train(
        actions.add_parser("train", help="train classifiers by a recipe, on real and generated images")
    )
    add_corrupt(actions.add_parser("corrupt", help="make a set of images under ImageNet-C's corruptions"))
    _add_distort(
        actions.add_parser("distort", help="make a set of distorted images by a network, as DeepAugment")
    )
    _add_fractals(actions.add_parser("fractals", help="draw fractals, to be mixed into images by PixMix"))
    _add_replay(actions.add_parser("replay", help="repeat experiments of papers on the splits of a version"))
    _add_coverage(actions.add_parser("coverage", help="check by simulation that the intervals cover"))


def run(arguments: Namespace) -> int:
    """Run the chosen action."""
    return run_action(_ACTIONS, arguments)


def _add_show(parser: ArgumentParser) -> None:
    parser.add_argument("baseline", metavar="ID", help="testbed, timm-in1k, paper, or a .toml header")
    parser.add_argument("--all", action="store_true", help="also the models that are not in the fit")


def _add_fit(parser: ArgumentParser) -> None:
    parser.add_argument("--baseline", "--set", default="testbed", metavar="ID", help=_BASELINE_HELP)
    parser.add_argument("--split", metavar="REF", help="imagenet-r, v1/sd-l, ...")
    parser.add_argument("--link", action="append", metavar="NAME", help=_LINK_HELP.replace("logit)", "all)"))
    parser.add_argument(
        "--id", action="append", metavar="COLUMN", help="clean column; two or more make a multi-ID fit"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the fits as JSON")


def _add_run(parser: ArgumentParser) -> None:
    parser.add_argument("--set", default="paper", metavar="ID", help="set of models (default: %(default)s)")
    parser.add_argument(
        "--split", action="append", required=True, metavar="REF", help="a split, such as v1/sd-l; repeatable"
    )
    parser.add_argument(
        "--reference", default="imagenet-val", metavar="REF", help="clean set to run (default: %(default)s)"
    )
    parser.add_argument(
        "--data", action="append", default=[], metavar="NAME=PATH", help="a local copy; repeatable"
    )
    add_sets_option(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: %(default)s)")
    parser.add_argument("--batch-size", type=parse_positive, metavar="N", help="images per forward pass")
    parser.add_argument("--workers", type=parse_positive, metavar="N", help="threads that decode images")
    parser.add_argument(
        "--out", type=Path, default=Path("baseline-results"), metavar="DIR", help="folder for results"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="cache folder, kept between runs")
    parser.add_argument(
        "--publish",
        type=Path,
        metavar="RELEASE",
        help="also store the lines with this release, as 'baselines add' does",
    )


def _add_add(parser: ArgumentParser) -> None:
    parser.add_argument("line", nargs="+", type=Path, metavar="LINE", help="a .json of 'baselines run'")
    parser.add_argument(
        "--release",
        type=Path,
        required=True,
        metavar="RELEASE",
        help="folder of the release; the lines are stored beside it, and 'publish' uploads them",
    )


def _add_apply(parser: ArgumentParser) -> None:
    parser.add_argument("result", type=Path, metavar="RESULT", help="result.json, or its folder")
    parser.add_argument("--baseline", default="testbed", metavar="ID", help=_BASELINE_HELP)
    parser.add_argument("--link", action="append", metavar="NAME", help=_LINK_HELP)
    parser.add_argument(
        "--data", action="append", default=[], metavar="NAME=PATH", help="a local copy, for views by a column"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the new result (default: in place)"
    )


def _add_table(parser: ArgumentParser) -> None:
    parser.add_argument("--baseline", default="testbed", metavar="ID", help="testbed or timm-in1k")
    parser.add_argument(
        "--figures",
        default="open-clip-zero-shot",
        metavar="ID",
        help="table of figures (default: %(default)s)",
    )
    parser.add_argument(
        "--split", action="append", metavar="REF", help="default: all that both tables have; repeatable"
    )
    parser.add_argument("--link", default="logit", metavar="NAME", help="default: %(default)s")
    parser.add_argument("--top", type=int, metavar="N", help="only the N models best on the clean set")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write .csv or .md in place of printing")


def _add_plot(parser: ArgumentParser) -> None:
    parser.add_argument("--baseline", default="testbed", metavar="ID", help=_BASELINE_HELP)
    parser.add_argument("--split", metavar="REF", help="the shifted set")
    parser.add_argument("--link", default="logit", metavar="NAME", help="default: %(default)s")
    parser.add_argument("--figures", metavar="ID", help="also the models of this table, such as testbed")
    parser.add_argument(
        "--result", action="append", type=Path, default=[], help="also this result; repeatable"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=".png, .pdf or .svg")


def _add_train(parser: ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", nargs="?",
                        help="a shipped recipe or a .toml file; without it, list them")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="folder of models; the same command resumes an interrupted run")  # fmt: skip
    parser.add_argument(
        "--model", action="append", default=[], metavar="NAME", help="train only this model; repeatable"
    )
    parser.add_argument(
        "--mix", action="append", default=[], metavar="NAME", help="train only on this mix; repeatable"
    )
    parser.add_argument(
        "--seed", action="append", default=[], type=int, metavar="N", help="only this seed; repeatable"
    )
    parser.add_argument("--dry-run", action="store_true",
                        help="print images, steps, memory and time, and train nothing")  # fmt: skip
    parser.add_argument("--gpus", type=parse_positive, default=8, metavar="N",
                        help="of a dry run: GPUs to estimate for (default: %(default)s)")  # fmt: skip
    parser.add_argument("--track", metavar="NAME",
                        help="also hand the log to tensorboard, trackio or wandb")  # fmt: skip
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="NAME=REF",
        help="take another split for a source of the recipe, such as real=folder:PATH; repeatable",
    )
    parser.add_argument("--workers", type=parse_positive, metavar="N",
                        help="threads that prepare images, or processes for a GPU")  # fmt: skip
    parser.add_argument("--cache-limit", type=float, metavar="GB",
                        help="most space of decoded images (default: what the disk has)")  # fmt: skip
    _add_machine(parser)


def _add_distort(parser: ArgumentParser) -> None:
    parser.add_argument("split", metavar="REF", help="the images, such as imagenet-train:imagenet-100")
    parser.add_argument("--network", required=True, metavar="NAME", help="edsr or cae")
    parser.add_argument("--weights", type=Path, required=True, metavar="FILE",
                        help="its trained weights: safetensors, or a checkpoint of PyTorch")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR",
                        help="folder of the set; the same command resumes a stopped one")  # fmt: skip
    parser.add_argument("--fit", type=parse_positive, metavar="STEPS",
                        help="where there are no weights, train a small network into FILE")  # fmt: skip
    parser.add_argument("--width", type=parse_width, default=16, metavar="N",
                        help="channels of a small network, by fours (default: %(default)s)")  # fmt: skip
    parser.add_argument("--short", type=parse_side, metavar="PX",
                        help="short side of its input (default: 128 of edsr, 512 of cae)")  # fmt: skip
    parser.add_argument("--per-class", type=parse_positive, metavar="N", help="only so many of each class")
    parser.add_argument("--seed", type=parse_seed, default=0, metavar="N", help="default: %(default)s")
    _add_machine(parser)


def parse_side(text: str) -> int:
    """The side of an image in pixels.

    Raises:
        ArgumentTypeError: It is no whole number from 4 to 1024.

    Example:
        >>> parse_side("64")
        64
    """
    side = parse_positive(text)
    # Networks have no input below this, and one of a thousand times the side would fill the memory.
    if not 4 <= side <= 1024:
        raise ArgumentTypeError(f"'{text}' is not a whole number from 4 to 1024")
    return side


def parse_width(text: str) -> int:
    """A number of channels that both small networks can have.

    Raises:
        ArgumentTypeError: It is no multiple of 4 from 4 to 256.

    Example:
        >>> parse_width("16")
        16
    """
    width = parse_positive(text)
    # The autoencoder divides it by 4; a wide network takes hours to train and is better taken from elsewhere.
    if width % 4 or width > 256:
        raise ArgumentTypeError(f"'{text}' is no multiple of 4 from 4 to 256")
    return width


def _add_fractals(parser: ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR",
                        help="each seed and size has its folder there; what is there is kept")  # fmt: skip
    parser.add_argument("-n", "--number", type=parse_positive, default=10_000, metavar="N",
                        help="how many (default: %(default)s, as many as pixmix draws from)")  # fmt: skip
    parser.add_argument("--size", type=parse_side, default=256, metavar="PX",
                        help="side in pixels (default: %(default)s)")  # fmt: skip
    parser.add_argument("--seed", type=parse_seed, default=0, metavar="N", help="default: %(default)s")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="also draw the first 64 on one .png")


def _add_replay(parser: ArgumentParser) -> None:
    parser.add_argument("replay", metavar="REPLAY", nargs="?",
                        help="a shipped file of experiments, or a .toml; without it, list them")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="folder of page and models; the same command resumes a stopped run")  # fmt: skip
    parser.add_argument("--only", action="append", default=[], metavar="EXPERIMENT",
                        help="only this experiment of the file; repeatable")  # fmt: skip
    parser.add_argument("--seeds", type=parse_positive, metavar="N",
                        help="at most N seeds of each recipe")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true",
                        help="print trainings, steps and minutes, and run nothing")  # fmt: skip
    _add_machine(parser)


def _add_machine(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--data", action="append", default=[], metavar="NAME=PATH", help="a local copy; repeatable"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: %(default)s)")
    parser.add_argument(
        "--threads", type=parse_positive, metavar="N", help="CPU threads (default: the library's)"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="cache folder, kept between runs")


def _add_coverage(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--stored",
        action="store_true",
        help="print the stored table of the whole run, which README quotes; simulate nothing",
    )
    parser.add_argument("--replications", type=parse_positive, default=2000, metavar="N",
                        help="simulated benchmarks of each world (default: %(default)s)")  # fmt: skip
    parser.add_argument("--classes", type=parse_positive, action="append", default=[], metavar="C",
                        help="only the worlds of so many classes; repeatable")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the rows as CSV")
