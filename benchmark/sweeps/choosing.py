"""From the patterns of a sweep file to models, without weights and without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from imagenet_g.benchmark.errors import InputError, ModelError, UnknownNameError
from imagenet_g.benchmark.naming.facts import UNKNOWN, ModelFacts, load_facts
from imagenet_g.benchmark.naming.libraries import find_library, list_libraries, list_names
from imagenet_g.benchmark.naming.resolve import resolve_model_spec
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.sweeps.sweep_files import ModelPattern

FindFacts = Callable[[str, bool], ModelFacts]
"""From a spec, and whether to count its parameters, to its facts."""


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A model of a sweep.

    Attributes:
        requested: The spec as the file has it, or as the pattern found it.
        spec: In full.
        facts: What is known of it.
    """

    requested: str
    spec: str
    facts: ModelFacts


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """What was chosen.

    Attributes:
        models: In the order of the file, each once.
        notes: Sentences on models that were left out since too little is known of them.
    """

    models: tuple[ChosenModel, ...]
    notes: tuple[str, ...] = ()


def choose_models(patterns: Sequence[ModelPattern], *, find_facts: FindFacts | None = None) -> ModelChoice:
    """The models that the entries of a sweep file stand for.

    Args:
        patterns: The entries.
        find_facts: Where facts come from; None for `naming.facts.load_facts`.

    Raises:
        UnknownNameError: A name or a pattern that no model fits.
        InputError: A pattern without a library that can list its models, or nothing is left.
    """
    find_facts = find_facts or (lambda spec, count: load_facts(spec, count=count))
    found: dict[str, ChosenModel] = {}
    notes: list[str] = []
    for pattern in patterns:
        fitting = _list_fitting(pattern) if pattern.is_pattern else _resolve_one(pattern)
        kept, unknown = _filter(pattern, fitting, find_facts)
        for model in kept:
            # Two entries may name one model; both would write to one folder.
            found.setdefault(model.spec, model)
        if unknown:
            notes.append(_format_unknown(pattern, unknown))
    if not found:
        raise InputError(" ".join(["No model is chosen: every one that fits is left out.", *notes]))
    return ModelChoice(tuple(found.values()), tuple(notes))


def match_pattern(spec: str, pattern: str) -> bool:
    """Whether a spec fits a pattern with * and ?; case does not count, a bracket is a part of a name.

    >>> match_pattern("timm:resnet50.a1_in1k", "timm:ResNet*"), match_pattern("timm:a[b]", "timm:?[b]")
    (True, True)
    """
    return fnmatchcase(spec.lower(), pattern.lower().replace("[", "[[]"))


def _resolve_one(pattern: ModelPattern) -> dict[str, str]:
    spec = parse_model_spec(pattern.spec)
    return {str(resolve_model_spec(spec).spec): pattern.spec}


def _list_fitting(pattern: ModelPattern) -> dict[str, str]:
    """Full specs of the models that fit, with themselves as what was requested."""
    scheme, colon, _ = pattern.spec.partition(":")
    if not colon:
        raise InputError(
            f"The pattern '{pattern.spec}' names no library: write for example 'timm:{pattern.spec}', or "
            f"'*:{pattern.spec}' for all libraries."
        )
    specs = _list_specs(scheme)
    fitting = [spec for spec in specs if match_pattern(spec, pattern.spec)]
    if not fitting:
        hint = f"{len(specs)} names were compared; 'imagenet-g models' lists them."
        raise UnknownNameError("model pattern", pattern.spec, specs, hint=hint)
    return dict(zip(fitting, fitting, strict=True))


def _list_specs(scheme: str) -> list[str]:
    if "*" not in scheme and "?" not in scheme:
        library = find_library(scheme)
        if library.names is None:
            raise InputError(
                f"The models of '{scheme}' cannot be listed, so no pattern fits them; name them in full."
            )
        return [f"{scheme}:{name}" for name in list_names(library)]
    specs = []
    for library in list_libraries()[0]:
        try:
            specs += [f"{library.scheme}:{name}" for name in list_names(library)]
        except ModelError:
            # A broken library of another package; by its own name it would be reported.
            continue
    return specs


def _filter(
    pattern: ModelPattern, fitting: Mapping[str, str], find_facts: FindFacts
) -> tuple[list[ChosenModel], list[str]]:
    """Models that an entry keeps, and those of which too little is known."""
    kept, unknown = [], []
    for spec, requested in fitting.items():
        if any(match_pattern(spec, left_out) for left_out in pattern.exclude):
            continue
        facts = find_facts(spec, False)
        answer = True if pattern.where is None else pattern.where.judge(facts)
        if answer is None and pattern.where is not None:
            # Only where a rounded or missing figure leaves it open: counting builds the model.
            facts = find_facts(spec, True)
            answer = pattern.where.judge(facts)
        if answer is None:
            unknown.append(spec)
        elif answer:
            kept.append(ChosenModel(requested, spec, facts))
    return kept, unknown


def _format_unknown(pattern: ModelPattern, specs: Iterable[str]) -> str:
    names = list(specs)
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return (
        f"Of '{pattern.spec}', {len(names)} {'is' if len(names) == 1 else 'are'} left out, since what the "
        f"condition asks for is not known of them: {shown}."
    )


def is_known(facts: ModelFacts) -> bool:
    """Whether size and input are known, so that its speed can be estimated."""
    return UNKNOWN not in (facts.num_parameters, facts.input_size)
