"""Captions that stage 1 is trained on: from patterns and scenes, a file, or another language model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.identity import hash_lines, make_seed
from imagenet_g.benchmark.texts.articles import is_plural_name, takes_an
from imagenet_g.generation.captions.names import list_class_names
from imagenet_g.generation.captions.sentences import Fault, find_faults
from imagenet_g.generation.captions.specs import CaptionSpec, FileSeeds, ModelSeeds, SceneSeeds
from imagenet_g.generation.prompts.recipes import ClassNames, load_lines, load_readable_scenes

SeedWriter = Callable[[ModelSeeds, Sequence[str], int], list[list[str]]]
"""From settings, requests and a seed to several texts for each request."""


@dataclass(frozen=True, slots=True)
class SeedCaption:
    """A training caption of stage 1."""

    class_index: int
    caption: str


def load_seeds(spec: CaptionSpec, write: SeedWriter) -> tuple[SeedCaption, ...]:
    """The seed captions of a run, by class, all valid and distinct.

    Args:
        spec: The run's settings.
        write: Generates text with a language model; called for seeds of kind "model" only.

    Raises:
        InputError: A file cannot be read or is malformed, or has an invalid caption.
        DataError: A class has no valid seed caption.
    """
    match spec.seeds:
        case SceneSeeds():
            found = make_scene_seeds(spec, spec.seeds)
        case FileSeeds():
            found = load_file_seeds(spec, Path(spec.seeds.path))
        case ModelSeeds():
            found = _write_model_seeds(spec, spec.seeds, write)
    # The sort keeps the order within a class, which for a file is the author's.
    seeds = tuple(dict.fromkeys(sorted(found, key=lambda seed: seed.class_index)))
    _validate_covered(spec, seeds)
    return seeds


def drop_long_seeds(
    spec: CaptionSpec, seeds: tuple[SeedCaption, ...], too_long: Collection[str], *, limit: int
) -> tuple[SeedCaption, ...]:
    """Seeds without those that the CLIP's text encoder would cut; a user's own are refused instead.

    Args:
        spec: The run's settings.
        seeds: All seeds.
        too_long: Captions of more than `limit` tokens.
        limit: Tokens the text encoder accepts.

    Raises:
        InputError: A caption of a file is too long.
        DataError: A class keeps no seed.
    """
    # A caption that the user wrote is never dropped without a message.
    if too_long and isinstance(spec.seeds, FileSeeds):
        raise InputError(
            f"{len(too_long)} of {len(seeds)} seed captions are longer than the CLIP's text encoder accepts "
            f"({limit} tokens), first: '{next(iter(too_long))}'. Shorten them."
        )
    kept = tuple(seed for seed in seeds if seed.caption not in too_long)
    _validate_covered(spec, kept)
    return kept


def describe_seeds(spec: CaptionSpec) -> str:
    """Where the seeds come from, without paths of this machine."""
    match spec.seeds:
        case SceneSeeds():
            return "scenes"
        case FileSeeds():
            return f"file:{Path(spec.seeds.path).name}"
        case ModelSeeds():
            return f"model:{Path(spec.seeds.model.repo).name}"


def hash_seeds(seeds: Sequence[SeedCaption]) -> str:
    """sha256 over class and text of all seeds, in order."""
    return hash_lines(f"{seed.class_index}\t{seed.caption}" for seed in seeds)


def make_scene_seeds(spec: CaptionSpec, settings: SceneSeeds) -> list[SeedCaption]:
    """Patterns filled with the class and a scene; the choice depends only on seed, class and number.

    Pairs of pattern and scene are sampled without replacement.
    """
    patterns, scenes = load_lines("caption_patterns.txt"), load_readable_scenes()
    seeds = []
    for index in spec.class_indices:
        info = load_classes()[index]
        named = add_article(name_class(index, spec.class_names))
        # Seeded by the class, so that it has the same seeds whichever other classes are in the run.
        rng = np.random.default_rng(make_seed("captions", str(spec.seed), info.wnid, 0))
        size = min(settings.per_class, len(patterns) * len(scenes))
        # One number for the pair, so that drawing without replacement rules out repeated pairs.
        for draw in rng.choice(len(patterns) * len(scenes), size=size, replace=False):
            scene, pattern = divmod(int(draw), len(patterns))
            text = patterns[pattern].format(c=named, b=scenes[scene])
            # Not `capitalize`, which would write "St. bernard".
            seeds.append(SeedCaption(index, text[0].upper() + text[1:]))
    return seeds


def load_file_seeds(spec: CaptionSpec, path: Path, *, are_judged: bool = False) -> list[SeedCaption]:
    """Seeds of the wanted classes from a file of lines "wnid<TAB>caption"; "#" begins a comment.

    Args:
        spec: The run's settings.
        path: The file.
        are_judged: The captions were found valid before, and are not judged again.

    Raises:
        InputError: It cannot be read, a line has another form, or a caption is invalid.
    """
    try:
        lines = path.expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Seed captions '{path}' cannot be read: {error}") from error
    wanted, seeds = frozenset(spec.class_indices), []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        wnid, tab, caption = line.partition("\t")
        if not tab:
            raise InputError(f"'{path}', line {number}: write the wnid, a tab, and the caption.")
        if wnid not in load_index_by_wnid():
            raise UnknownNameError("wnid", wnid, load_index_by_wnid(), hint=f"'{path}', line {number}.")
        index = load_index_by_wnid()[wnid]
        if index in wanted:
            if not are_judged:
                _validate_seed(spec, index, caption.strip(), where=f"'{path}', line {number}")
            seeds.append(SeedCaption(index, caption.strip()))
    return seeds


def name_class(class_index: int, names: ClassNames) -> str:
    """The usual name of a class.

    Example:
        >>> name_class(21, "open_clip")
        'kite'
    """
    return list_class_names(load_classes()[class_index], names)[0]


def make_prompt(spec: CaptionSpec, class_index: int) -> str:
    """Input of the language model for a class."""
    return spec.prompt.format(c=name_class(class_index, spec.class_names))


def add_article(noun: str) -> str:
    """A noun with "a" or "an"; a plural becomes "a heap of", so that verbs agree.

    Example:
        >>> add_article("unicycle"), add_article("hourglass"), add_article("binoculars")
        ('a unicycle', 'an hourglass', 'a heap of binoculars')
    """
    if is_plural_name(noun):
        return f"a heap of {noun}"
    return f"{'an' if takes_an(noun) else 'a'} {noun}"


def _validate_covered(spec: CaptionSpec, seeds: Sequence[SeedCaption]) -> None:
    have = {seed.class_index for seed in seeds}
    for index in spec.class_indices:
        if index not in have:
            info = load_classes()[index]
            raise DataError(
                f"Class {info.wnid} ({info.name}) has no valid seed caption; add one, or leave the class out."
            )


def _validate_seed(spec: CaptionSpec, index: int, caption: str, *, where: str) -> None:
    if faults := _find_faults(spec, index, caption):
        raise InputError(
            f"{where}: '{caption}' is not a valid caption of {load_classes()[index].name}: "
            f"{', '.join(faults)}."
        )


def _find_faults(spec: CaptionSpec, index: int, caption: str) -> tuple[Fault, ...]:
    objective = spec.objective
    return find_faults(
        caption, index, names=spec.class_names, min_words=objective.min_words, grammar=objective.grammar
    )


def _write_model_seeds(spec: CaptionSpec, settings: ModelSeeds, write: SeedWriter) -> list[SeedCaption]:
    """Valid captions of an instruction-tuned model, which writes twice as many as are kept."""
    indices = spec.class_indices
    requests = [
        settings.instruction.format(c=add_article(name_class(index, spec.class_names))) for index in indices
    ]
    texts: Mapping[int, list[str]] = dict(zip(indices, write(settings, requests, spec.seed), strict=True))
    seeds = []
    for index in indices:
        # Models trained to follow instructions often put their answer in quotation marks.
        lines = dict.fromkeys(text.strip().strip('"').strip() for text in texts[index])
        valid = [
            line for line in lines
            if not _find_faults(spec, index, line)
        ]  # fmt: skip
        seeds += [SeedCaption(index, line) for line in valid[: settings.per_class]]
    return seeds
