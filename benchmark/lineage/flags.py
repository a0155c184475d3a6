"""Whether a model may have seen a split, or images like it, or helped to make them.

A split published before the model's data were gathered may be among them; a model trained on images of the
generator that drew the split, or of its kin, has trained on images like those of the test; and a model that
chose the images is favoured by the choice. A flag is no proof, so a result is flagged and not refused. What
is not declared is unknown and raises no flag; what a release does not record is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache as remember

from imagenet_g.benchmark.formats.flags import ContaminationFlag
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.lineage.families import FamilySpec, find_family, normalize_generator, read_families
from imagenet_g.benchmark.lineage.roles import list_role_flags, read_known_encoders
from imagenet_g.benchmark.lineage.training_sets import find_training_sets, read_training_sets
from imagenet_g.benchmark.records import ModelRecord, SplitRecord
from imagenet_g.benchmark.results import Entry

RULES_VERSION = 1
"""Raised when the code of this room gives other flags from the same facts."""
_SHORT = {
    "data-after-release": "data newer than the split",
    "same-generator": "trained on the split's generator",
    "kin-generator": "trained on kin of the split's generator",
    "unknown-generator": "trained on a generator of unknown family",
    "data-after-generator": "web data newer than the generator",
    "holds-source": "web data may hold the real images",
    "is-filter": "is the split's filter",
    "is-reward": "is the CLIP that images were made far by",
    "is-text-encoder": "is the generator's text encoder",
    "is-image-encoder": "is the generator's image encoder",
}


def flag_entry(entry: Entry, model: ModelRecord) -> Entry:
    """The entry with its flags, and each of them among the warnings that a reader sees."""
    flags = find_flags(model, entry.split)
    earlier = {format_flag(flag) for flag in entry.contamination}
    warnings = tuple(text for text in entry.warnings if text not in earlier)
    return entry.model_copy(
        update={
            "contamination": flags,
            "contamination_rules": compute_rules_hash(),
            "warnings": (*warnings, *map(format_flag, flags)),
        }
    )


def format_flag(flag: ContaminationFlag) -> str:
    """A flag as a sentence among the warnings of an entry.

    Example:
        >>> format_flag(ContaminationFlag(kind="same-generator", reason="trained on images of sd-1.5."))
        'Possible contamination: trained on images of sd-1.5.'
    """
    if not flag.known:
        return f"Unknown: {flag.reason}"
    return f"{'Circular' if flag.kind.startswith('is-') else 'Possible contamination'}: {flag.reason}"


def describe_flag(flag: ContaminationFlag) -> str:
    """A flag in a few words, for a table.

    Example:
        >>> describe_flag(ContaminationFlag(kind="is-filter", reason="", known=False))
        "is the split's filter: unknown"
    """
    return _SHORT[flag.kind] if flag.known else f"{_SHORT[flag.kind]}: unknown"


def describe_flags(entry: Entry, model: ModelRecord) -> tuple[str, ...]:
    """The flags of an entry in a few words each, for a row of a board: the stored ones and those of today.

    One that today's data no longer give, or that the file is older than, stays visible and says so.

    Args:
        entry: With its split's origin where that is known, see `catalogue.origins.restore_origin`.
        model: Its model, with what is declared of its training.
    """
    stored, today = dict.fromkeys(entry.contamination), dict.fromkeys(find_flags(model, entry.split))
    words = [describe_flag(flag) for flag in stored if flag in today]
    words += [f"{describe_flag(flag)} (not by today's data)" for flag in stored if flag not in today]
    words += [f"{describe_flag(flag)} (found later)" for flag in today if flag not in stored]
    return tuple(dict.fromkeys(words))


@remember
def compute_rules_hash() -> str:
    """Hash of everything that flags follow from besides the model's record and the split's."""
    return hash_json([RULES_VERSION, read_families(), read_training_sets(), read_known_encoders()])


def find_flags(model: ModelRecord, split: SplitRecord) -> tuple[ContaminationFlag, ...]:
    """Reasons to doubt a model's numbers on a split.

    Args:
        model: With what is declared of its training.
        split: With its origin; without one only what follows from its name is found.
    """
    return (*_list_generator_flags(model, split), *_list_date_flags(model, split), *_list_roles(model, split))


def _list_roles(model: ModelRecord, split: SplitRecord) -> Iterator[ContaminationFlag]:
    if split.origin is not None:
        yield from list_role_flags(model, split.origin, split.view)


def _list_generator_flags(model: ModelRecord, split: SplitRecord) -> Iterator[ContaminationFlag]:
    drawn_by = () if split.origin is None else split.origin.generators
    for name in dict.fromkeys(model.generated_training_data or ()):
        if drawn_by is None:
            reason = f"the model was trained on images of {name}, and the release does not say what drew it."
            yield ContaminationFlag(kind="unknown-generator", reason=reason, known=False)
        elif drawn_by and (flag := _compare_generator(name, drawn_by)):
            yield flag


def _compare_generator(name: str, drawn_by: tuple[str, ...]) -> ContaminationFlag | None:
    said = f"the model was trained on images of {name}"
    plain = normalize_generator(name)
    for other in drawn_by:
        if plain == normalize_generator(other):
            return ContaminationFlag(kind="same-generator", reason=f"{said}, which drew the split ({other}).")
    family = find_family(name)
    kin = [other for other in drawn_by if family is not None and find_family(other) is family]
    if family is not None and kin:
        reason = f"{said}, kin of {kin[0]}, which drew the split: both are {family.title}."
        return ContaminationFlag(kind="kin-generator", reason=reason)
    if unknown := [one for one in (name, *drawn_by) if find_family(one) is None]:
        reason = f"{said}; whether it is kin of {drawn_by[0]}, which drew the split, is unknown: the family "
        reason += f"of {unknown[0]} is not known."
        return ContaminationFlag(kind="unknown-generator", reason=reason, known=False)
    return None


def _list_date_flags(model: ModelRecord, split: SplitRecord) -> Iterator[ContaminationFlag]:
    until, origin = model.trained_until, split.origin
    if until is None:
        return
    # The same day counts too: which came first is unknown.
    if origin and origin.released and origin.released <= until:
        reason = (
            f"{split.version} was published on {origin.released}, and the model's training data go up to "
        )
        yield ContaminationFlag(kind="data-after-release", reason=f"{reason}{until}.")
    if is_crawled(model):
        if family := _find_public_family(split, model):
            reason = (
                f"the model's training data are pictures of the web up to {until}, and images of "
                f"{family.title} have been public since {family.released}: some may be among them."
            )
            yield ContaminationFlag(kind="data-after-generator", reason=reason)
        yield from _list_source_flags(model, split)


def is_crawled(model: ModelRecord) -> bool:
    """Whether all known sets of a training are of the public web; without a known set it may be.

    What a user declares without naming a known set may be of the web too.
    """
    known = find_training_sets(model.training_data)
    return any(spec.crawled for spec in known) if known else model.training_data is not None


def _find_public_family(split: SplitRecord, model: ModelRecord) -> FamilySpec | None:
    # Who declares that there were no generated images has looked.
    if split.origin is None or model.generated_training_data == () or model.trained_until is None:
        return None
    found = (find_family(name) for name in split.origin.generators or ())
    return next((one for one in found if one and one.released and one.released <= model.trained_until), None)


def _list_source_flags(model: ModelRecord, split: SplitRecord) -> Iterator[ContaminationFlag]:
    """The real images themselves, and images made from them."""
    sources = None if split.origin is None else split.origin.sources
    whole = split.ref.partition(":")[0]
    for name in {sources, whole} & {"imagenet-val"}:
        held = [spec for spec in find_training_sets(model.training_data) if spec.crawled]
        if open_sets := [spec.name for spec in held if name not in spec.cleaned_of]:
            what = "images of" if whole == name else "the images that the split was made from, of"
            reason = (
                f"{open_sets[0]} is of the public web, as {name} is, and was not cleaned of it: {what} "
                f"{name} may be among the model's training data."
            )
            yield ContaminationFlag(kind="holds-source", reason=reason)
