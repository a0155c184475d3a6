"""`imagenet-g diff`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_block

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagenet_g.benchmark.splits.manifests import SplitManifest
    from imagenet_g.generation.verifying.diff import ModelPair, SplitDiff, VersionComparison
    from imagenet_g.generation.verifying.equating import Equating
    from imagenet_g.generation.verifying.shifts import SplitShift

_SHOWN_CLASSES = 5
_SHOWN_CHANGES = 60


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("before", metavar="V1", help="a version, or the folder of a release")
    parser.add_argument("after", metavar="V2", help="another one")
    parser.add_argument(
        "--split", action="append", metavar="NAME", help="repeatable (default: all that both have)"
    )
    parser.add_argument(
        "--results", action="append", type=Path, default=[], metavar="DIR",
        help="results of the same models on both versions, as 'evaluate' wrote them; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="a local copy of a version; repeatable",
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for what is kept between runs")
    parser.add_argument("--json", action="store_true", help="print JSON, with every class")


def run(arguments: Namespace) -> int:
    """Compare split by split."""
    import json

    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.benchmark.splits.manifests import load_manifest
    from imagenet_g.generation.verifying.diff import diff_split, load_model_pairs, load_split_manifest

    manifests = [load_manifest(_find_folder(name, arguments)) for name in (arguments.before, arguments.after)]
    splits = arguments.split or [name for name in manifests[0].splits if name in manifests[1].splits]
    if not splits:
        raise InputError(f"'{arguments.before}' and '{arguments.after}' have no split in common.")
    found = []
    for split in splits:
        # Only now with images: of a release on the Hub one split is fetched at a time.
        folders = [_find_folder(name, arguments, split) for name in (arguments.before, arguments.after)]
        old, new = (load_split_manifest(folder, split) for folder in folders)
        pairs = load_model_pairs(arguments.results, old, new)
        diff = diff_split(folders[0], folders[1], split, pairs)
        equating, why = _try_equating(pairs, old, new) if arguments.results else (None, "no --results given")
        shift, lines = _try_shift(folders, split, arguments)
        found.append((diff, equating, shift))
        if not arguments.json:
            print_block("\n".join([format_diff(diff, equating, why), *lines]))
    if arguments.json:
        print_block(json.dumps([_make_row(*one) for one in found], indent=2))
    return 0


def _make_row(diff: SplitDiff, equating: Equating | None, shift: SplitShift | None) -> dict[str, object]:
    return diff.model_dump(mode="json") | {
        "equating": equating and equating.model_dump(mode="json"),
        "shift": shift and shift.shift.model_dump(mode="json"),
        "equated": [] if shift is None else [score.model_dump(mode="json") for score in shift.scores],
    }


def _try_shift(
    folders: Sequence[Path], split: str, arguments: Namespace
) -> tuple[SplitShift | None, list[str]]:
    """The shift in difficulty and its lines, or the reason why it cannot be computed."""
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.generation.verifying.shifts import compute_split_shift, format_shift

    try:
        found = compute_split_shift(folders[0], folders[1], split, arguments.results)
    except InputError as error:
        return None, [f"difficulty: unknown ({error})"]
    return found, format_shift(found, Path(arguments.before).name, Path(arguments.after).name)


def _find_folder(name: str, arguments: Namespace, split: str | None = None) -> Path:
    """A release folder; with a split, its images are fetched if the release is on the Hub."""
    from imagenet_g.benchmark.catalogue.catalogue import complete_split, find_release, parse_data_pairs
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME
    from imagenet_g.benchmark.splits.references import parse_split_ref
    from imagenet_g.benchmark.splits.registry import load_versions

    if (Path(name) / MANIFEST_NAME).is_file():
        return Path(name)
    known = load_versions().get(name)
    ref = parse_split_ref(f"{name}/{split or (known.splits[0] if known else 'any')}")
    cache = choose_cache_folder(arguments.cache)
    folder = find_release(ref, parse_data_pairs(arguments.data), cache=cache)
    if split is not None:
        complete_split(folder, ref, cache=cache)
    return folder


def _try_equating(
    pairs: Sequence[ModelPair], old: SplitManifest, new: SplitManifest
) -> tuple[Equating | None, str]:
    """The equating, or the reason why it cannot be computed."""
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.generation.verifying.diff import list_shared_classes
    from imagenet_g.generation.verifying.equating import compute_equating

    try:
        return compute_equating(pairs, list_shared_classes(old, new)), ""
    except InputError as error:
        return None, str(error)


def format_diff(diff: SplitDiff, equating: Equating | None, why: str) -> str:
    """One split's differences as text, rates in percent."""
    lines = [
        f"== {diff.split}: {diff.num_images[0]} -> {diff.num_images[1]} images, "
        f"{diff.num_shared_classes} shared classes",
        f"recipe: {len(diff.changes)} settings differ" if diff.changes else "recipe: the same",
        *(f"  {c.setting}: {c.before} -> {c.after}" for c in diff.changes[:_SHOWN_CHANGES]),
    ]
    if len(diff.changes) > _SHOWN_CHANGES:
        lines.append(f"  and {len(diff.changes) - _SHOWN_CHANGES} more; see --json")
    lines += [line for c in diff.agreement for line in _format_comparison("label agreement", c)]
    lines += [line for c in diff.models for line in _format_comparison("accuracy", c)]
    lines += _format_equating(equating) if equating else [f"order of models: unknown ({why})"]
    return "\n".join(lines)


def _format_comparison(what: str, comparison: VersionComparison) -> list[str]:
    lines = [f"{what} of {comparison.name}: {100 * comparison.before:.1f} -> {100 * comparison.after:.1f} %"]
    changed = [c for c in comparison.classes if c.after != c.before]
    if len(changed) > 2 * _SHOWN_CLASSES:
        changed = [*changed[:_SHOWN_CLASSES], *changed[-_SHOWN_CLASSES:]]
    return lines + [f"  {c.name} ({c.wnid}): {100 * c.before:.0f} -> {100 * c.after:.0f} %" for c in changed]


def _format_equating(found: Equating) -> list[str]:
    rows = {
        "Spearman": found.spearman, "Kendall tau": found.kendall,
        "slope": found.slope, "intercept": found.intercept,
    }  # fmt: skip
    lines = [f"order of {len(found.models)} models, {found.num_classes} classes (95 % over classes drawn):"]
    lines += [f"  {name}: {i.value:.3f} [{i.low:.3f}, {i.high:.3f}]" for name, i in rows.items()]
    return [*lines, f"  line: after = intercept + slope * before, r2 {found.r2:.3f}"]
