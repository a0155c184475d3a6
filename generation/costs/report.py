"""The estimate of a build as lines for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from imagenet_g.generation.costs.estimates import (
    BuildEstimate,
    CoreEstimate,
    DiskEstimate,
    Elapsed,
    GpuEstimate,
    SplitEstimate,
)
from imagenet_g.generation.costs.rates import Rate
from imagenet_g.generation.costs.records import Origin


class Footnotes:
    """Sources, numbered in the order in which they are first named."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def add(self, rate: Rate) -> str:
        """How a figure is known, and the number of its source, such as "(published [1])"."""
        text = f"{rate.origin}: {rate.source}"
        return f"({rate.origin} [{self._numbers.setdefault(text, len(self._numbers) + 1)}])"

    def format(self) -> list[str]:
        """One line a source."""
        return [f"  [{number}] {text}" for text, number in self._numbers.items()]


def format_estimate(estimate: BuildEstimate) -> str:
    """All of it."""
    notes = Footnotes()
    lines = [f"{estimate.version}: {estimate.title} ({estimate.status})"]
    for split in estimate.splits:
        lines += ["", *_format_split(estimate.version, split, notes)]
    if len(estimate.splits) > 1:
        lines += ["", *_format_totals(estimate)]
    sources = notes.format()
    lines += ["where the figures are from:", *sources] if sources else []
    return "\n".join([*lines, *estimate.notes, "Nothing was written."])


def _format_totals(estimate: BuildEstimate) -> list[str]:
    lines = [f"in all: {estimate.num_images} images"]
    for total in estimate.totals:
        hours = _format_hours(total.gpu, total.gpu_hours, total.elapsed)
        lines.append(f"  time     {total.gpu or _name_machine(total.origin)}: {hours} ({total.origin})")
    if not estimate.totals:
        lines.append("  time     unknown: there is no machine on which every split is known")
    disk = "unknown"
    if estimate.building_bytes is not None and estimate.release_bytes is not None:
        disk = _format_disk(estimate.building_bytes, estimate.release_bytes)
    return [*lines, f"  disk     {disk}"]


def _format_split(version: str, split: SplitEstimate, notes: Footnotes) -> list[str]:
    lines = [f"{version}/{split.split}: {split.title}"]
    lines += [f"  {note.label:<8} {note.text}" for note in split.notes]
    lines += [_format_gpu(one, notes) for one in split.gpus]
    if split.cores is not None:
        lines.append(_format_cores(split.cores))
    if split.writing is not None:
        time = format_duration(split.writing.seconds)
        lines.append(f"  writing  {time} by one process {notes.add(split.writing.rate)}")
    return [*lines, _format_split_disk(split.disk)]


def _format_gpu(one: GpuEstimate, notes: Footnotes) -> str:
    label = f"  time     {one.gpu or _name_machine(one.render.origin)}: "
    if one.render.seconds_per_image is None or one.gpu_hours is None:
        # An unknown figure needs its reason where it stands, not at the end.
        return f"  time     unknown: {one.render.source}"
    parts = [f"{format_seconds(one.render.seconds_per_image)} an image {notes.add(one.render)}"]
    if one.score is not None and one.score.seconds_per_image is not None:
        parts.append(f"scoring {format_seconds(one.score.seconds_per_image)} {notes.add(one.score)}")
    elif one.score is not None:
        parts.append(f"scoring unknown ({one.score.source})")
    return f"{label}{', '.join(parts)}; {_format_hours(one.gpu, one.gpu_hours, one.elapsed)}"


def _name_machine(origin: Origin) -> str:
    # Whose time the user gave is not known.
    return "a worker" if origin == "given" else "this machine"


def _format_hours(gpu: str | None, hours: float, elapsed: Sequence[Elapsed]) -> str:
    unit = "machine hours" if gpu is None else "GPU hours"
    known = [(one.workers, one.seconds) for one in elapsed if one.seconds is not None]
    times = [f"{format_duration(time)} on {'one' if count == 1 else count}" for count, time in known]
    return f"{_format_number(hours)} {unit}, {', '.join(times)}"


def _format_cores(cores: CoreEstimate) -> str:
    parts = [f"encoding {_format_number(cores.encode_hours)}"]
    parts += [f"scoring {_format_number(cores.score_hours)}"] if cores.score_hours else []
    text = f"  cores    {', '.join(parts)} core hours (estimate: medians on an AMD EPYC)"
    if cores.cores_per_worker is None:
        return text
    # Fractions would say more than the table can.
    needed = max(1, math.ceil(cores.cores_per_worker))
    return f"{text}; {needed} {'core keeps' if needed == 1 else 'cores keep'} up with the fastest of them"


def _format_split_disk(disk: DiskEstimate | None) -> str:
    if disk is None:
        return "  disk     unknown: the image size is the pipeline's own default"
    how = {"estimate": "rule of thumb", "timed": "measured", "measured": "measured by --calibrate"}
    size = f"{format_bytes(disk.bytes_per_image)} an image, {how[disk.origin]}"
    return f"  disk     {_format_disk(disk.building_bytes, disk.release_bytes)} ({size})"


def _format_disk(building: float, release: float) -> str:
    return f"{format_bytes(building)} until .build is deleted, {format_bytes(release)} for the release alone"


def _format_number(value: float) -> str:
    """Two digits below ten, whole numbers above a hundred.

    Example:
        >>> _format_number(0.0123), _format_number(27.78), _format_number(1200.0)
        ('0.012', '27.8', '1200')
    """
    return f"{value:.2g}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def format_seconds(seconds: float) -> str:
    """A short time: "3.2 s", "8.5 ms".

    Example:
        >>> format_seconds(3.2), format_seconds(0.0085)
        ('3.2 s', '8.5 ms')
    """
    return f"{seconds:.3g} s" if seconds >= 0.1 else f"{seconds * 1000:.2g} ms"


def format_duration(seconds: float) -> str:
    """Seconds in a readable unit: "45 s", "12 min", "3.4 h", "9.2 days".

    Example:
        >>> format_duration(45), format_duration(720), format_duration(12_240), format_duration(800_000)
        ('45 s', '12 min', '3.4 h', '9.3 days')
    """
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}" if unit != "h" else f"{seconds / size:.1f} {unit}"
    return f"{seconds / 86_400:.1f} days"


def format_bytes(size: float) -> str:
    """A size as read aloud: bytes below a kilobyte, kilobytes, megabytes, gigabytes.

    Example:
        >>> format_bytes(350.4), format_bytes(98304), format_bytes(4_915_200_000)
        ('350 bytes', '98 kB', '4.9 GB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            value = size / factor
            return f"{value:.2g} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{size:.0f} bytes"
