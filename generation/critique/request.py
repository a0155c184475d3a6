"""What a critique is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from imagenet_g.benchmark.backends.settings import RunSettings
from imagenet_g.benchmark.critiques.critique import SECTION_NAMES, SectionName
from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.splits.references import SplitRef


@dataclass(frozen=True, slots=True, kw_only=True)
class CritiqueRequest:
    """What to measure.

    Attributes:
        split: The images.
        reference: Real images of the same classes.
        features: Models whose features distances and diversity rest on, the first also for the other checks.
        protocol: "paper" adds that of Table 2.
        training: Images that the generator was trained on; None where they are not available.
        audit: Folder of an audit by people; None without one.
        results: Folders or files of results of models on the split and the reference.
        judges: Models that are asked for the classes of the images.
        only: The sections to measure; None for all.
        out: Folder of the outputs.
        cache: What is kept between runs.
        data: Local copies by name.
        settings: Device, dtype, batch size, workers.
    """

    split: SplitRef
    reference: SplitRef
    features: tuple[str, ...]
    protocol: Literal["ours", "paper"] = "ours"
    training: SplitRef | None = None
    audit: Path | None = None
    results: tuple[Path, ...] = ()
    judges: tuple[str, ...] = ()
    only: frozenset[SectionName] | None = None
    out: Path
    cache: Path
    data: Mapping[str, Path] = field(default_factory=dict)
    settings: RunSettings = field(default_factory=RunSettings)


def parse_sections(names: list[str] | None) -> frozenset[SectionName] | None:
    """Sections by their names, with hyphens or underscores; None for all.

    Raises:
        UnknownNameError: There is no such section.

    Example:
        >>> sorted(parse_sections(["near-duplicates", "traps"]) or ())
        ['near_duplicates', 'traps']
    """
    if not names:
        return None
    known = {name.replace("_", "-"): name for name in SECTION_NAMES}
    for name in names:
        if name.replace("_", "-") not in known:
            raise UnknownNameError("section", name, known)
    return frozenset(known[name.replace("_", "-")] for name in names)
