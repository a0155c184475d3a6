"""`imagenet-g critique`: how good the images of a split are."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.options import (
    add_cache_option,
    add_data_option,
    add_inference_options,
    add_sets_option,
)
from imagenet_g.benchmark.terminal.text import print_block, print_line

if TYPE_CHECKING:
    from imagenet_g.benchmark.critiques.critique import Critique
    from imagenet_g.generation.critique.request import CritiqueRequest

DEFAULT_FEATURES = "open_clip:packaged:mini-clip"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options, in the groups that `--help` shows."""
    parser.add_argument(
        "split", metavar="SPLIT", help="what to judge: v1/sd-l, v1/sd-l:clip-filtered, folder:PATH"
    )
    parser.add_argument(
        "--reference", required=True, metavar="REF", help="real images of the same classes: imagenet-val, ..."
    )
    add_data_option(parser)
    add_sets_option(parser)
    _add_measure_options(parser)
    add_inference_options(parser.add_argument_group("inference"))
    files = parser.add_argument_group("files")
    files.add_argument(
        "--out", type=Path, default=Path("critique"), metavar="DIR",
        help="folder for critique.json, critique.html and critique.md (default: %(default)s)",
    )  # fmt: skip
    files.add_argument(
        "--card", type=Path, metavar="RELEASE",
        help="also store the critique beside this release, and a section in the card of the release",
    )  # fmt: skip
    add_cache_option(files)


def _add_measure_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("what is measured")
    group.add_argument(
        "--features", action="append", metavar="MODEL",
        help="model whose features distances and diversity rest on, by timm, open_clip, ...; "
        "'inception' or 'inception:FILE' for FID; repeatable "
        f"(default: {DEFAULT_FEATURES}, a toy)",
    )  # fmt: skip
    group.add_argument(
        "--protocol", choices=("ours", "paper"), default="ours",
        help="distances: ours, or Table 2's protocol beside it (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--training", metavar="REF", help="images the generator was trained on, to find copies"
    )
    group.add_argument("--audit", type=Path, metavar="DIR",
                       help="folder of an audit by people (default: the release's, if any)")  # fmt: skip
    group.add_argument(
        "--results", action="append", type=Path, default=[], metavar="DIR",
        help="results of a model on both sides, as 'evaluate' wrote them; repeatable",
    )  # fmt: skip
    group.add_argument(
        "--judge", action="append", default=[], metavar="MODEL",
        help="model that is asked for the class of each image; repeatable. The split's own filter may not "
        "judge",
    )  # fmt: skip
    group.add_argument(
        "--only", action="append", metavar="SECTION", help="measure this section and no other; repeatable"
    )


def run(arguments: Namespace) -> int:
    """Measure, write, print the answer."""
    from imagenet_g.benchmark.critiques.headlines import list_answers
    from imagenet_g.benchmark.terminal.progress import ProgressListener
    from imagenet_g.generation.critique.outputs import write_outputs
    from imagenet_g.generation.critique.run import make_critique

    request = make_request(arguments)
    if arguments.card is not None:
        _validate_release(arguments.card, request)
    with ProgressListener() as listener:
        critique, pictures = make_critique(request, listener)
    written = [*write_outputs(request.out, critique, pictures)]
    print_block("\n".join(list_answers(critique)))
    if critique.unmeasured:
        print_line(f"not measured: {', '.join(name.replace('_', ' ') for name in critique.unmeasured)}")
    if arguments.card is not None:
        written += _write_card(arguments.card, critique)
    for path in written:
        print_line(f"wrote {path}")
    return 0


def make_request(arguments: Namespace) -> CritiqueRequest:
    """The request of the command line; everything that can be checked without a model is checked here.

    Raises:
        InputError: A malformed option, or a file in the place of the output folder.
        UnknownNameError: A split, a model or a section that is not known.
    """
    from imagenet_g.benchmark.backends.settings import RunSettings
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.benchmark.naming.resolve import resolve_model_spec
    from imagenet_g.benchmark.naming.specs import parse_model_spec
    from imagenet_g.benchmark.splits.real_set_files import load_sets
    from imagenet_g.benchmark.splits.references import parse_split_ref
    from imagenet_g.generation.critique.outputs import validate_out
    from imagenet_g.generation.critique.request import CritiqueRequest, parse_sections

    validate_out(arguments.out)
    features = tuple(dict.fromkeys(arguments.features or [DEFAULT_FEATURES]))
    for spec in (*features, *arguments.judge):
        # A mistyped name must be reported before anything is embedded.
        if spec.partition(":")[0] != "inception" or spec in arguments.judge:
            resolve_model_spec(parse_model_spec(spec))
    sets = load_sets(arguments.sets)
    training = arguments.training
    return CritiqueRequest(
        split=parse_split_ref(arguments.split, sets),
        reference=parse_split_ref(arguments.reference, sets),
        features=features,
        protocol=arguments.protocol,
        training=None if training is None else parse_split_ref(training, sets),
        audit=arguments.audit,
        results=tuple(arguments.results),
        judges=tuple(dict.fromkeys(arguments.judge)),
        only=parse_sections(arguments.only),
        out=arguments.out,
        cache=choose_cache_folder(arguments.cache),
        data=parse_data_pairs(arguments.data, sets),
        settings=RunSettings(
            device=arguments.device, batch_size=arguments.batch_size, workers=arguments.workers
        ),
    )


def _validate_release(release: Path, request: CritiqueRequest) -> None:
    """Refuse a release of other images before anything is measured.

    Raises:
        DataError: It is not a complete release.
        InputError: It does not hold the split.
    """
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.benchmark.splits.manifests import load_manifest

    manifest = load_manifest(release)
    if request.split.version != manifest.version or request.split.name not in manifest.splits:
        held = ", ".join(f"{manifest.version}/{name}" for name in manifest.splits)
        raise InputError(f"--card '{release}' holds {held}, not '{request.split}'.")


def _write_card(release: Path, critique: Critique) -> list[Path]:
    from imagenet_g.benchmark.critiques.card_section import CARD_HEADING, format_card_section
    from imagenet_g.benchmark.critiques.shipped import store_critique
    from imagenet_g.benchmark.storage import write_text
    from imagenet_g.generation.training.cards import CARD_NAME, put_section

    path, stored = release / CARD_NAME, store_critique(release, critique)
    # A release that was published and downloaded may have no card.
    if not path.is_file():
        return [stored]
    heading = f"{CARD_HEADING}: {critique.split.ref}"
    write_text(path, put_section(path.read_text(encoding="utf-8"), heading, format_card_section(critique)))
    return [stored, path]
