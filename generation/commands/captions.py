"""`imagenet-g captions`: prompts far from their class, trained, written, checked and shown."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from imagenet_g.benchmark.commands.command import parse_positive, run_action

_ACTIONS = {
    "train": ("imagenet_g.generation.commands.captions_train", "run_train"),
    "means": ("imagenet_g.generation.commands.captions_train", "run_means"),
    "write": ("imagenet_g.generation.commands.captions_train", "run_write"),
    "check": ("imagenet_g.generation.commands.captions_check", "run_check"),
    "show": ("imagenet_g.generation.commands.captions_check", "run_show"),
}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_train(actions.add_parser("train", help="train a language model to write captions"))
    _add_means(actions.add_parser("means", help="embed images and write their class means alone"))
    _add_write(actions.add_parser("write", help="sample captions from it, rank them, freeze the best"))
    _add_check(actions.add_parser("check", help="validity, duplicates, diversity, fluency, rewards"))
    _add_show(actions.add_parser("show", help="print captions and the card of a file"))


def run(arguments: Namespace) -> int:
    """Run the chosen action."""
    return run_action(_ACTIONS, arguments)


def _add_train(parser: ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", metavar="CONFIG",
                        help="shipped settings (tiny) or a .toml file; without it, list them")  # fmt: skip
    parser.add_argument("--config", dest="named_config", metavar="CONFIG", help="the same as an option")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the run; an interrupted run resumes there"
    )
    group = parser.add_argument_group("in place of the settings' own")
    group.add_argument("--clip", metavar="SPEC", help="CLIP, such as open_clip:ViT-B-32/openai")
    group.add_argument("--means", metavar="REF", help="split of the images for the class means")
    group.add_argument("--seeds", type=Path, metavar="FILE",
                       help="seed captions, one per line: wnid, tab, caption")  # fmt: skip
    group.add_argument("--language-model", metavar="REPO",
                       help="a Hub repository (org/name@commit) or a folder")  # fmt: skip
    group.add_argument("--classes", metavar="SET", help="class set, such as imagenet-r-a")
    group.add_argument("--method", choices=("grpo", "rloo"), help="training method of stage 2")
    group.add_argument("--seed", type=int, metavar="N", help="seed of everything")
    group.add_argument("--flip-sign", action="store_true",
                       help="a control: reward captions for being near their class")  # fmt: skip
    parser.add_argument("--data", action="append", default=[], metavar="NAME=PATH",
                        help="a local copy, such as imagenet-val=/data/val; repeatable")  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for what is kept between runs")


def _add_means(parser: ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG",
                        help="shipped settings or a .toml file: their classes and CLIP")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .safetensors file")
    parser.add_argument("--clip", metavar="SPEC", help="another CLIP, such as open_clip:ViT-B-32/openai")
    parser.add_argument("--means", metavar="REF", help="another split of the images")
    parser.add_argument("--classes", metavar="SET", help="another class set, such as imagenet-r-a")
    parser.add_argument("--data", action="append", default=[], metavar="NAME=PATH",
                        help="a local copy, such as imagenet-val=/data/val; repeatable")  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for what is kept between runs")
    # What else `train` may change changes no mean.
    parser.set_defaults(method=None, seed=None, flip_sign=False, seeds=None, language_model=None)


def _add_write(parser: ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="folder that 'captions train' filled")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE",
                        help="the file to freeze, such as ood-v1.jsonl")  # fmt: skip
    parser.add_argument("-n", "--per-class", type=parse_positive, default=50, metavar="N",
                        help="captions for each class (default: %(default)s)")  # fmt: skip
    parser.add_argument("--name", metavar="NAME", help="name of the set (default: the settings')")
    parser.add_argument("--version", type=parse_positive, default=1, metavar="N",
                        help="version of the set (default: %(default)s)")  # fmt: skip
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the sampling (default: the settings')")
    parser.add_argument("--allow-fewer", action="store_true",
                        help="accept classes with fewer valid captions, at least one")  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")


def _add_check(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a frozen caption file")
    parser.add_argument("--run", dest="folder", type=Path, metavar="RUN",
                        help="the run that wrote it: adds perplexity and computes rewards again")  # fmt: skip
    parser.add_argument("--min-words", type=parse_positive, default=4, metavar="N",
                        help="fewest words of a valid caption (default: %(default)s)")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the report as JSON")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")


def _add_show(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a frozen caption file")
    parser.add_argument("--class", dest="classes", action="append", metavar="CLASS",
                        help="wnid or name of a class; repeatable (default: all)")  # fmt: skip
    parser.add_argument("-n", "--per-class", type=parse_positive, default=5, metavar="N",
                        help="captions for each class (default: %(default)s)")  # fmt: skip
