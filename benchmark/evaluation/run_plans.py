"""What an evaluation runs: what the user named, and the defaults of the version for the rest.

Whatever is taken by default is written into the result with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from imagenet_g.benchmark.catalogue.clean_sets import choose_default_reference
from imagenet_g.benchmark.catalogue.newest import choose_newest_version
from imagenet_g.benchmark.corruptions.corruption_errors import load_corruption_baselines
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.evaluation.requests import PUBLISHED
from imagenet_g.benchmark.records import Choice
from imagenet_g.benchmark.splits.real_set_files import RealSet
from imagenet_g.benchmark.splits.references import SplitRef, parse_split_ref

FindLine = Callable[[str, str | None], tuple[str | None, str]]


@dataclass(frozen=True, slots=True)
class NamedParts:
    """What the user named of a run.

    Attributes:
        splits: References; empty for the defaults.
        reference: A reference, or "published"; None for the default.
        baselines: Baselines; empty for the default.
    """

    splits: Sequence[str] = ()
    reference: str | None = None
    baselines: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What to run.

    Attributes:
        splits: Splits and views.
        references: The clean set of each split, by the split; None to look its accuracy up.
        baselines: The lines of each split, by the split.
        choices: What was not named, by the split or clean set that it is about.
        notes: What the user should read before the run.
    """

    splits: tuple[SplitRef, ...]
    references: Mapping[str, SplitRef | None]
    baselines: Mapping[str, tuple[str, ...]]
    choices: Mapping[str, tuple[Choice, ...]]
    notes: tuple[str, ...]

    def list_baselines(self) -> list[str]:
        """The lines of all splits, each once."""
        return list(dict.fromkeys(line for lines in self.baselines.values() for line in lines))


def plan_run(
    named: NamedParts,
    data: Mapping[str, Path],
    sets: Mapping[str, RealSet] | None,
    *,
    cache: Path | None,
    find_line: FindLine,
) -> RunPlan:
    """What was named, and the defaults for the rest.

    Args:
        named: What the user named.
        data: Local copies by name.
        sets: Known real sets by name; None for the shipped ones.
        cache: Where downloads are remembered; None where nothing is.
        find_line: From a split and its clean set to the line that comes with its version, or None, and a
            phrase on why.

    Raises:
        InputError: A reference is malformed, or no version is available.
        UnknownNameError: There is no such set.
        DataError: The release of the newest version is damaged.
    """
    splits, why, notes = _choose_splits(named, data, sets, cache)
    choices = {str(ref): [why] if why else [] for ref in splits}
    references: dict[str, SplitRef | None] = {}
    baselines: dict[str, tuple[str, ...]] = {}
    for ref in splits:
        references[str(ref)], clean_choice = _choose_reference(ref, named, data, sets)
        baselines[str(ref)], line_choice = _choose_baselines(ref, references[str(ref)], named, find_line)
        choices[str(ref)] += [choice for choice in (clean_choice, line_choice) if choice is not None]
        if clean_choice is not None and (clean := references[str(ref)]) is not None:
            choices.setdefault(
                str(clean), [Choice(what="split", taken=str(clean), reason=clean_choice.reason)]
            )
    return RunPlan(
        splits=splits,
        references=references,
        baselines=baselines,
        choices={name: tuple(found) for name, found in choices.items()},
        notes=notes,
    )


def _choose_splits(
    named: NamedParts, data: Mapping[str, Path], sets: Mapping[str, RealSet] | None, cache: Path | None
) -> tuple[tuple[SplitRef, ...], Choice | None, tuple[str, ...]]:
    if named.splits:
        texts = dict.fromkeys(part for text in named.splits for part in list_parts(text, data))
        return tuple(parse_split_ref(text, sets) for text in texts), None, ()
    version = choose_newest_version(data, cache=cache)
    refs = tuple(parse_split_ref(f"{version.name}/{split}") for split in version.splits)
    return refs, Choice(what="split", taken=version.name, reason=version.reason), tuple(version.list_notes())


def list_parts(text: str, data: Mapping[str, Path]) -> Sequence[str]:
    """The parts that a set of corruptions stands for in a mean corruption error; other texts as they are.

    Args:
        text: A reference as typed.
        data: Local copies by name.

    Raises:
        InputError: The local copy lacks parts; there is no mean of some.

    Example:
        >>> list_parts("imagenet-c", {})[:2], len(list_parts("imagenet-c", {}))
        (['imagenet-c/gaussian_noise/1', 'imagenet-c/gaussian_noise/2'], 75)
        >>> list_parts("imagenet-r", {})
        ['imagenet-r']
    """
    baseline = load_corruption_baselines().get(text)
    if baseline is None:
        return [text]
    parts = list(baseline.list_parts())
    root = data.get(text)
    missing = [] if root is None else [part for part in parts if not (root / part.partition("/")[2]).is_dir()]
    if missing:
        raise InputError(
            f"'{root}' has {len(parts) - len(missing)} of the {len(parts)} parts of '{text}', and a mean "
            f"corruption error needs all. Missing: {', '.join(missing)}. Add them, or name with --split the "
            "parts that are there: each has its accuracy, without a mean."
        )
    return parts


def _choose_reference(
    ref: SplitRef, named: NamedParts, data: Mapping[str, Path], sets: Mapping[str, RealSet] | None
) -> tuple[SplitRef | None, Choice | None]:
    if named.reference is not None:
        return (None if named.reference == PUBLISHED else parse_split_ref(named.reference, sets)), None
    found = choose_default_reference(ref, data, sets)
    return found.ref, Choice(what="reference", taken=found.name, reason=found.reason)


def _choose_baselines(
    ref: SplitRef, clean: SplitRef | None, named: NamedParts, find_line: FindLine
) -> tuple[tuple[str, ...], Choice | None]:
    if named.baselines:
        return tuple(dict.fromkeys(named.baselines)), None
    # Real sets and folders belong to no version, and no line is theirs by default.
    if ref.version is None:
        return (), None
    line, reason = find_line(str(ref), None if clean is None else str(clean))
    return (() if line is None else (line,)), Choice(what="baseline", taken=_name_line(line), reason=reason)


def _name_line(line: str | None) -> str | None:
    # A result travels; the folder of a file on this machine does not.
    return None if line is None else PurePath(line).name.removesuffix(".json")
