"""From options of the command line, and the spec they name, to what is adopted and as what."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.catalogue.catalogue import load_split, parse_data_pairs
from imagenet_g.benchmark.errors import InputError, shorten
from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
from imagenet_g.benchmark.splits.real_set_files import load_real_sets
from imagenet_g.benchmark.splits.real_set_specs import NAME_PATTERN
from imagenet_g.benchmark.splits.references import SplitRef, parse_split_ref
from imagenet_g.benchmark.splits.registry import load_versions
from imagenet_g.generation.adopting.adopt import AdoptRequest, NearRequest, make_source_name
from imagenet_g.generation.adopting.class_files import load_class_map, load_order
from imagenet_g.generation.adopting.classes import ReadClasses, read_listed_classes
from imagenet_g.generation.adopting.label_files import Columns
from imagenet_g.generation.adopting.listing import Listing
from imagenet_g.generation.adopting.paths import PathTemplate
from imagenet_g.generation.adopting.sources import HUB_FILES, OpenedSource, SourceRequest, open_source
from imagenet_g.generation.adopting.specs import AdoptedSplitSpec, FoundSpec, find_spec, validate_md5
from imagenet_g.generation.adopting.writing import ReleaseRequest
from imagenet_g.generation.near_duplicates.reference import ReferenceHashes, hash_split
from imagenet_g.generation.releases.adopted import Provenance
from imagenet_g.generation.releases.check import is_spdx

if TYPE_CHECKING:
    from imagenet_g.benchmark.terminal.progress import ProgressListener

_MAX_CITATION_BYTES = 100_000
_SAID_BY_SPEC = ("path", "label_file", "class_names", "order", "class_map", "layout")


def make_adopt_request(arguments: Namespace, listener: ProgressListener) -> AdoptRequest:
    """What the options ask for; a spec fills in what they do not say.

    Args:
        arguments: The parsed options, see `command.add_arguments`.
        listener: Shows how far the hashing of a reference is.

    Raises:
        InputError: A name is missing, taken or malformed, or a file cannot be read.
    """
    found = None if arguments.spec is None else find_spec(arguments.spec)
    version, split = choose_names(arguments, found)
    part = None if found is None else _find_part(arguments, found, split)
    release = ReleaseRequest(
        out=(arguments.out or Path(version)).expanduser(),
        version=version,
        split=split,
        title=arguments.title or (found.spec.title if found is not None else None),
        license=choose_license(arguments.license, found),
        notice=arguments.notice or (found.spec.notice or None if found is not None else None),
    )
    return AdoptRequest(
        source_name=make_source_name(arguments.source),
        open=partial(_open_checked, _make_source(arguments, found, part), found),
        classes=_choose_classes(arguments, found),
        release=release,
        provenance=_make_provenance(arguments, found, part, release.license),
        expected=arguments.expect or (part.class_set if part is not None else None),
        num_expected=part.num_images if part is not None else None,
        leave_out_unreadable=arguments.leave_out_unreadable
        or (found is not None and found.spec.leave_out_unreadable),
        strength_file=arguments.strength_file,
        near=_make_near(arguments, listener),
    )


def choose_names(arguments: Namespace, found: FoundSpec | None) -> tuple[str, str]:
    """The version and the split, checked.

    Raises:
        InputError: One is missing or malformed, or the version is one that is known here or a real set.
    """
    version = arguments.version or (found.spec.version if found is not None else None)
    if not version or not arguments.split:
        missing = "--version NAME" if not version else "--split NAME"
        known = [] if found is None else [one.name for one in found.spec.split if one.name != "*"]
        hint = f" The spec has: {', '.join(known)}." if known and version else ""
        raise InputError(f"Give the release a name: {missing}.{hint}")
    validate_names(version, arguments.split)
    return version, arguments.split


def validate_names(version: str, split: str) -> None:
    """Check that references can name the version and the split.

    Raises:
        InputError: A name is malformed, or the version is one that is known here or a real set.
    """
    for option, name in (("--version", version), ("--split", split)):
        if not re.fullmatch(NAME_PATTERN, name):
            raise InputError(
                f"Malformed {option} '{shorten(name)}'. Use lower-case letters, digits, dots, dashes and "
                "underscores, such as 'gen-1'."
            )
    families = {name.split("/")[0] for name in load_real_sets()}
    if version in families:
        raise InputError(
            f"--version '{version}' is the name of a real set; choose another, such as '{version}-gen'."
        )
    # Results on it could not be distinguished from results on that version.
    if version in load_versions():
        raise InputError(f"--version '{version}' is a version of ImageNet-G; choose another name.")


def choose_license(wanted: str | None, found: FoundSpec | None) -> str:
    """The licence of the images, "unknown" where nobody states it.

    Raises:
        InputError: It is no SPDX expression.
    """
    text = wanted or (found.spec.license if found is not None else "unknown")
    if text != "unknown" and not is_spdx(text):
        raise InputError(
            f"--license '{shorten(text)}' is no SPDX expression such as CC-BY-4.0 or LicenseRef-x; omit it "
            "where "
            "the licence is unknown."
        )
    return text


def read_citation(path: Path | None) -> str | None:
    """The text of a file with BibTeX; None without one.

    Raises:
        InputError: It cannot be read, is too long or is no text.
    """
    if path is None:
        return None
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_CITATION_BYTES + 1)
        if len(data) > _MAX_CITATION_BYTES:
            raise InputError(f"--citation '{path}' has more than {_MAX_CITATION_BYTES} bytes; is it BibTeX?")
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--citation '{path}' cannot be read: {error}.") from error


def _find_part(arguments: Namespace, found: FoundSpec, split: str) -> AdoptedSplitSpec:
    # Under the spec's name the release would else be something that the spec does not describe.
    if said := [name for name in _SAID_BY_SPEC if getattr(arguments, name) is not None]:
        raise InputError(
            f"--{said[0].replace('_', '-')} is what the spec '{found.spec.name}' says; omit one of the two."
        )
    return found.spec.find_split(split)


def _open_checked(request: SourceRequest, found: FoundSpec | None) -> OpenedSource:
    """The source; a published file is compared with what its authors state before it is listed."""
    if found is not None:
        validate_md5(found.spec, Path(request.source).expanduser())
    return open_source(request)


def _make_source(
    arguments: Namespace, found: FoundSpec | None, part: AdoptedSplitSpec | None
) -> SourceRequest:
    template = arguments.path if part is None else part.path
    return SourceRequest(
        source=arguments.source,
        layout=arguments.layout,
        inside=arguments.inside,
        label_file=arguments.label_file,
        path=None if template is None else PathTemplate(template),
        strength_divisor=1.0 if found is None else found.spec.strength_divisor,
        columns=Columns(arguments.file_column, arguments.label_column),
        hub_files=tuple(arguments.hub_files) or HUB_FILES,
        cache=choose_cache_folder(arguments.cache),
    )


def _choose_classes(arguments: Namespace, found: FoundSpec | None) -> Callable[[Listing], ReadClasses]:
    if found is not None:
        return found.read_classes
    return partial(
        read_listed_classes,
        kind=arguments.class_names,
        order=load_order(arguments.order),
        mapped=load_class_map(arguments.class_map),
    )


def _make_provenance(
    arguments: Namespace, found: FoundSpec | None, part: AdoptedSplitSpec | None, spdx: str
) -> Provenance:
    citation = read_citation(arguments.citation)
    if found is None or part is None:
        return Provenance(
            generator=arguments.generator, paper=arguments.paper, citation=citation, license=spdx, spec=None
        )
    return Provenance(
        generator=arguments.generator or part.generator or None,
        paper=arguments.paper or found.spec.paper,
        citation=citation or found.spec.citation,
        license=spdx,
        spec=found.spec.name,
    )


def _make_near(arguments: Namespace, listener: ProgressListener) -> NearRequest | None:
    if arguments.near_duplicates is None:
        return None
    load = None
    if arguments.against is not None:
        ref = parse_split_ref(arguments.against)
        if ref.view is not None:
            raise InputError(f"--against takes a whole split; write '{ref.base}' without its view.")
        data, cache = parse_data_pairs(arguments.data), choose_cache_folder(arguments.cache)
        load = partial(_hash_reference, ref, data, cache, listener)
    return NearRequest(
        max_distance=arguments.near_duplicates, load_reference=load, drop=arguments.drop_near_duplicates
    )


def _hash_reference(
    ref: SplitRef, data: dict[str, Path], cache: Path, listener: ProgressListener
) -> ReferenceHashes:
    split = load_split(ref, data=data, cache=cache, kept=False)
    listener.start_split("hashing", str(ref))
    return hash_split(split, progress=listener.advance)
