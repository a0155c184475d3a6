"""The options of `imagenet-g evaluate`, in the groups that its `--help` shows."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from imagenet_g.benchmark.commands.command import parse_positive
from imagenet_g.benchmark.commands.options import (
    add_cache_option,
    add_data_option,
    add_inference_options,
    add_sets_option,
    add_twin_option,
)
from imagenet_g.benchmark.naming.libraries import list_libraries
from imagenet_g.benchmark.sweeps.file_options import mark_defaults

DEFAULT_OUT = Path("results")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options, in the groups that `--help` shows."""
    _add_sweep_arguments(parser)
    _add_model_arguments(parser)
    _add_image_arguments(parser)
    _add_robustness_arguments(parser)
    _add_training_arguments(parser)
    _add_run_arguments(parser)
    _add_engine_arguments(parser)
    _add_result_arguments(parser)
    mark_defaults(parser)


def _add_sweep_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("many models by one file")
    group.add_argument(
        "sweep",
        nargs="?",
        type=Path,
        metavar="SWEEP.toml",
        help="models by name, pattern and condition, and any of the options below by its name; an option "
        "that is typed comes in the place of the file's; a second run does what is left",
    )
    group.add_argument("--list", action="store_true", help="print the models and their state, run nothing")
    group.add_argument(
        "--status", action="store_true", help="print what is done, failed and left, run nothing"
    )
    group.add_argument("--retry-failed", action="store_true", help="run models that failed before again")


def _add_model_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("models")
    group.add_argument(
        "--model",
        action="append",
        metavar="SPEC",
        help=f"{_list_examples()}; repeatable: models given together read and decode each image once",
    )
    group.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="your own weights for the model (safetensors, or a pickle without code)",
    )
    group.add_argument(
        "--checkpoint-key",
        metavar="KEY",
        help="which of the file's state dicts to take, such as state_dict_ema (default: the plain weights)",
    )
    group.add_argument(
        "--class-map",
        type=Path,
        metavar="FILE",
        help="for a head that is not ImageNet's 1000: one wnid per output",
    )
    group.add_argument(
        "--templates",
        default="openai-80",
        metavar="NAME|FILE",
        help="zero-shot prompts: openai-80, single, or a text file of your own with one template a line, "
        "{} where the class name goes (default: %(default)s)",
    )
    group.add_argument(
        "--class-names",
        type=Path,
        metavar="FILE",
        help="zero-shot names of the 1000 classes, one a line in sorted wnid order (default: open_clip's)",
    )


def _add_image_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("images")
    group.add_argument(
        "--split",
        action="append",
        metavar="REF",
        help="v1/sd-l, mini/renditions:noto, imagenet-r, folder:PATH, ...; repeatable "
        "(default: the splits of the newest version that is available or on the Hub; 'imagenet-g versions' "
        "shows them)",
    )
    group.add_argument(
        "--reference",
        metavar="REF",
        help="clean set to measure the gap from: a set or folder to run, or 'published' "
        "(default: that of the split's version, run where it is available, else published)",
    )
    add_twin_option(group)
    add_data_option(group)
    add_sets_option(group)
    group.add_argument(
        "--limit",
        type=parse_positive,
        metavar="N",
        help="run only N images of each split; such a result cannot be submitted",
    )
    group.add_argument(
        "--rows",
        metavar="I/N",
        help="one job of an array: run only the I-th of N shares of each split's rows, such as 3/8, and "
        "score nothing; 'imagenet-g merge' joins the shares. With --limit, of the images that it leaves",
    )
    group.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave unreadable images out instead of counting them as wrong",
    )
    group.add_argument(
        "--stream", action="store_true", help="read a release on the Hub as it is needed and keep no copy"
    )


def _add_robustness_arguments(parser: ArgumentParser) -> None:
    parser.add_argument_group("effective robustness").add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="ID",
        help="report effective robustness against this baseline, such as testbed; "
        "'imagenet-g baselines list' names them; repeatable (default: the line that ships for the split)",
    )


def _list_examples() -> str:
    # argparse takes a percent sign in a help text for a placeholder.
    return ", ".join(library.example for library in list_libraries()[0]).replace("%", "%%")


def _add_training_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("training of the model, as declared by you")
    group.add_argument("--training-data", metavar="NAME", help="what the model was trained on")
    group.add_argument(
        "--trained-until",
        metavar="DATE",
        help="last day its training data can be from (YYYY-MM-DD or YYYY-MM)",
    )
    group.add_argument(
        "--trained-on-generated",
        action="append",
        default=[],
        metavar="GENERATOR",
        help="a generator whose images it was trained on, or 'none'; repeatable",
    )


def _add_run_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("inference")
    add_inference_options(group, batch_note="; halved when memory runs out")
    group.add_argument(
        "--backend",
        choices=("auto", "torch", "openvino"),
        default="auto",
        help="what computes; openvino on CPUs needs the extra of that name, and auto takes it where there is "
        "work enough and its answers are those of torch (default: %(default)s)",
    )
    group.add_argument(
        "--feeding",
        choices=("auto", "threads", "processes"),
        default="auto",
        help="what decodes images: threads, or processes as a GPU needs them (default: by device)",
    )
    group.add_argument(
        "--compile",
        action="store_true",
        help="compile the model by torch.compile, on CUDA into a graph that is launched whole; where that "
        "fails, it runs uncompiled",
    )
    group.add_argument(
        "--dtype",
        choices=("float32", "bfloat16", "float16"),
        default="float32",
        help="of weights and inputs (default: %(default)s)",
    )


def _add_engine_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("several processes")
    group.add_argument(
        "--devices",
        metavar="A,B,...",
        help="one process a device of this machine, such as cuda:0,cuda:1; the results of one process",
    )
    group.add_argument(
        "--engine",
        choices=("serial", "ray"),
        default="serial",
        help="ray: actors of a Ray cluster, whose machines share the folders of --out, --cache and --data "
        "(needs imagenet-g[ray]; default: %(default)s)",
    )
    group.add_argument(
        "--address", metavar="ADDRESS", help="a running Ray cluster (default: one on this machine)"
    )
    group.add_argument(
        "--actors",
        type=parse_positive,
        metavar="N",
        help="actors (default: one a GPU of the cluster, or one)",
    )
    group.add_argument(
        "--cpus-per-actor",
        type=float,
        default=1.0,
        metavar="N",
        help="CPUs that an actor reserves (default: 1)",
    )


def _add_result_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("files")
    group.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_OUT,
        metavar="DIR",
        help="folder for results (default: %(default)s)",
    )
    group.add_argument(
        "--keep-features",
        action="store_true",
        help="keep the image features of CLIPs beside the predictions (features/SPLIT.parquet); other "
        "templates and class names then need no second pass over the images",
    )
    group.add_argument(
        "--track",
        choices=("tensorboard", "trackio", "wandb"),
        help="also hand each result to an experiment tracker (needs the extra of its name)",
    )
    add_cache_option(group)
