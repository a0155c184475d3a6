"""Options that several commands share, so that they have one spelling and one help text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from imagenet_g.benchmark.commands.command import parse_positive

if TYPE_CHECKING:
    from argparse import Action


class OptionHolder(Protocol):
    """A parser, or a group of its options."""

    def add_argument(self, *names: str, **settings: Any) -> Action:  # noqa: ANN401
        """Declare one option."""


def add_data_option(holder: OptionHolder) -> None:
    """`--data NAME=PATH`, for `parse_data_pairs`."""
    holder.add_argument(
        "--data",
        action="append",
        metavar="NAME=PATH",
        default=[],
        help="a local copy, such as imagenet-val=/data/val or v1=/data/v1; repeatable",
    )


def add_sets_option(holder: OptionHolder) -> None:
    """`--sets FILE`, for `load_sets`."""
    holder.add_argument(
        "--sets",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="a TOML file that describes your own real sets, its class-set files beside it; repeatable",
    )


def add_twin_option(holder: OptionHolder) -> None:
    """`--unfiltered-reference`."""
    holder.add_argument(
        "--unfiltered-reference",
        action="store_true",
        help="compare a filtered view, such as :clip-filtered, with all images of the clean set (default: "
        "with those that passed the same filter, where their scores are available)",
    )


def add_inference_options(holder: OptionHolder, *, batch_note: str = "") -> None:
    """`--device`, `--batch-size` and `--workers`, for `RunSettings`.

    Args:
        holder: What the options are added to.
        batch_note: Added to the help of `--batch-size`, after its default.
    """
    holder.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: %(default)s)"
    )
    holder.add_argument(
        "--batch-size",
        type=parse_positive,
        metavar="N",
        help=f"images per forward pass (default: by device{batch_note})",
    )
    holder.add_argument(
        "--workers",
        type=parse_positive,
        metavar="N",
        help="threads or processes that decode images (default: one a core, at most 8, or 16 for a GPU)",
    )


HASHED_OPTIONS = ("checkpoint", "checkpoint_key", "class_map", "templates", "class_names")
"""What `add_hashed_options` declares, as attributes of the parsed arguments."""


def add_hashed_options(holder: OptionHolder) -> None:
    """The options for what a result holds by its hash alone, to run it again."""
    holder.add_argument("--checkpoint", type=Path, metavar="FILE", help="the weights of your own")
    holder.add_argument("--checkpoint-key", metavar="KEY", help="which of the file's state dicts it was")
    holder.add_argument("--class-map", type=Path, metavar="FILE", help="the class of each output")
    holder.add_argument("--templates", type=Path, metavar="FILE", help="the prompts of your own")
    holder.add_argument("--class-names", type=Path, metavar="FILE", help="the class names of your own")


def add_cache_option(holder: OptionHolder) -> None:
    """`--cache DIR`, for `choose_cache_folder`."""
    holder.add_argument("--cache", type=Path, metavar="DIR", help="folder for what is kept between runs")
