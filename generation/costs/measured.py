"""What `imagenet-g build --calibrate` measured, kept in the user's cache folder, one small file for each.

A row is found again by what decides the time of an image, and by the device. Commits are no part of that:
the same network takes the same time with other weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import JsonValue, ValidationError

from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.storage import write_text
from imagenet_g.generation.costs.gpus import name_gpu
from imagenet_g.generation.costs.rates import Rate
from imagenet_g.generation.costs.records import MeasuredCost
from imagenet_g.generation.specs.version import SplitSpec, VersionSpec

MAX_BYTES = 100_000
"""Of a kept file; a larger one was not written here."""


def hash_render(spec: VersionSpec, split: SplitSpec, machine: Mapping[str, str]) -> str:
    """Hash of what decides how long an image of a split takes to render and to encode.

    Args:
        spec: The version.
        split: One of its splits.
        machine: Choices of the run, such as offloading, as `MachineOptions.describe` gives them.

    Raises:
        UnknownNameError: The spec names a shipped model that does not exist.
    """
    generator = spec.generators[split.generator]
    return hash_json(
        {
            "generator": _drop_commits(generator.describe_recipe()),
            "machine": {**machine, "hints": [*generator.machine_hints]},
            "batch_size": split.batch_size,
            "encoding": spec.encoding.model_dump(mode="json"),
            "sweep": None if split.sweep is None else split.sweep.model_dump(mode="json"),
        }
    )


def hash_scorers(spec: VersionSpec, split: SplitSpec) -> str | None:
    """Hash of the scorers of a split; None without any."""
    if not split.scorers:
        return None
    # Names and texts change nothing; the kinds and models, and whether there are sources to compare with, do.
    scorers = [spec.scorers[name] for name in split.scorers]
    described: JsonValue = [{"kind": one.kind, "model": getattr(one, "model", None)} for one in scorers]
    generator = spec.generators[split.generator]
    return hash_json(
        {"scorers": described, "sources": split.sources is not None, "size": [*generator.image_size]}
    )


def _drop_commits(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_drop_commits(one) for one in value]
    if not isinstance(value, dict):
        return value
    # A folder's revision is the hash of its contents, and names that are equal may be of other networks.
    return {
        key: _drop_commits(one)
        for key, one in value.items()
        if key != "revision" or (isinstance(one, str) and one.startswith("sha256:"))
    }


def make_costs_folder(cache: Path) -> Path:
    """The folder of the measured rows."""
    return cache / "costs"


def write_measured(cache: Path, row: MeasuredCost) -> Path:
    """Keep a row; an earlier one of the same recipe and device is replaced.

    Raises:
        StorageError: The folder cannot be written.
    """
    # A file each: two GPUs may be measured at once.
    name = hash_json([row.render_sha256, row.score_sha256, row.gpu, row.device_name])[:32]
    path = make_costs_folder(cache) / f"{name}.json"
    write_text(path, row.model_dump_json(indent=2) + "\n")
    return path


def load_measured(cache: Path | None) -> tuple[MeasuredCost, ...]:
    """All rows, the newest first; files that cannot be read count as missing."""
    if cache is None:
        return ()
    return tuple(sorted(_read_rows(make_costs_folder(cache)), key=lambda row: row.measured_utc, reverse=True))


def _read_rows(folder: Path) -> Iterator[MeasuredCost]:
    for path in sorted(folder.glob("*.json")):
        try:
            if path.stat().st_size <= MAX_BYTES:
                yield MeasuredCost.model_validate_json(path.read_bytes())
        # Whoever measures again gets a new one.
        except (OSError, ValidationError):
            continue


def is_on(row: MeasuredCost, gpu: str | None, device_name: str) -> bool:
    """Whether a row was measured on a GPU of this name, or on this processor if it names no GPU."""
    if gpu is None:
        return row.gpu is None and row.device_name == device_name
    return row.gpu is not None and name_gpu(row.gpu) == name_gpu(gpu)


def make_measured_rate(row: MeasuredCost, seconds: float) -> Rate:
    """A measured figure, with its date, device and versions."""
    named = ("imagenet-g", "torch", "diffusers")
    versions = ", ".join(f"{name} {row.versions[name]}" for name in named if name in row.versions)
    source = (
        f"on {row.measured_utc[:10]} on {row.device_name} ({row.num_cores} cores) with "
        f"{row.num_images} images in batches of {row.batch_size}; {versions}"
    )
    return Rate(seconds_per_image=seconds, origin="measured", source=source)
