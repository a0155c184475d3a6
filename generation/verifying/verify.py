"""Verifying a release: hash every file, then render the probe again and compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from imagenet_g.benchmark.errors import DataError, ImagenetGError
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.splits.manifests import Manifest
from imagenet_g.generation.generators.runtime import choose_generation_device, read_runtime
from imagenet_g.generation.releases.adopted import AdoptedRecipe, find_adopted
from imagenet_g.generation.releases.reading import (
    Damage,
    Row,
    find_damage,
    find_image,
    load_planned_rows,
    load_probe,
    load_release,
)
from imagenet_g.generation.releases.recipe import parse_split_recipe
from imagenet_g.generation.verifying.adopted import verify_adopted
from imagenet_g.generation.verifying.levels import (
    JudgeComparison,
    SplitVerification,
    compare_judgements,
    compute_distance,
    decide_level,
    list_runtime_differences,
    open_image,
)
from imagenet_g.generation.verifying.regeneration import RegenerationSettings, render_again

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from imagenet_g.benchmark.models.classifiers import Classifier

JUDGE_BATCH = 32


class VerifyReport(FileModel):
    """The report of `imagenet-g verify`."""

    schema_version: Literal[1] = 1
    version: str
    num_files: int
    damaged: dict[str, str]
    """Reason of the damage, by file."""
    splits: tuple[SplitVerification, ...]

    @property
    def nothing_remade(self) -> bool:
        """Whether something the user can change kept every split from being rendered that could be."""
        return any(one.blocked for one in self.splits) and not any(one.distance for one in self.splits)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """What to verify.

    Attributes:
        release: The release folder.
        splits: Splits; empty for all.
        settings: How to render again.
        num_batches: How many of the probe's batches to remake; None for all, 0 for hashes only.
        judge: Model spec that decides R2 and measures features; None for no judge.
    """

    release: Path
    splits: tuple[str, ...]
    settings: RegenerationSettings
    num_batches: int | None = None
    judge: str | None = None


def run_verify(request: VerifyRequest, say: Callable[[str], None]) -> VerifyReport:
    """Hash the files of a release and remake its probe.

    Raises:
        DataError: It is not a complete release.
    """
    manifest, splits = load_release(request.release, request.splits)
    found = list(find_damage(request.release, manifest, splits))
    damaged = [damage for damage in found if damage is not None]
    say(f"{len(found) - len(damaged)} of {len(found)} files match the manifest")
    verdicts = []
    for split in splits if request.num_batches != 0 else ():
        if (adopted := find_adopted(manifest.splits[split])) is not None:
            verdict, faults = _verify_adopted(request.release, manifest, split, adopted, damaged)
            verdicts.append(verdict)
            damaged += faults
            continue
        say(f"{split}: rendering the probe again")
        verdicts.append(_verify_split(request, manifest, split, damaged))
    return VerifyReport(
        version=manifest.version,
        num_files=len(found),
        damaged={damage.path: damage.reason for damage in damaged},
        splits=tuple(verdicts),
    )


def remake_image(release: Path, image_id: str, settings: RegenerationSettings) -> tuple[Row, Row]:
    """An image as released and as it comes out now, by rendering its whole batch.

    Raises:
        ImagenetGError: No such image, or its generator is not available.
    """
    manifest, _ = load_release(release, ())
    split, row = find_image(release, manifest, image_id)
    recipe = parse_split_recipe(manifest, split)
    planned = load_planned_rows(release, recipe, [int(str(row["batch_id"]))])
    remade = render_again(manifest, split, recipe, planned, settings)
    return row, next(other for other in remade if other["image_id"] == image_id)


def _verify_adopted(
    release: Path, manifest: Manifest, split: str, recipe: AdoptedRecipe, damaged: Sequence[Damage]
) -> tuple[SplitVerification, list[Damage]]:
    described = manifest.splits[split]
    if broken := {file.path for file in described.files} & {damage.path for damage in damaged}:
        return SplitVerification(
            split=split, level="cannot be remade", distance=None, judge=None, runtime_differs=(),
            reason=f"the set was adopted, and nothing was rendered; {min(broken)} is damaged",
        ), []  # fmt: skip
    return verify_adopted(release, split, described, recipe)


def _verify_split(
    request: VerifyRequest, manifest: Manifest, split: str, damaged: Sequence[Damage]
) -> SplitVerification:
    differs: tuple[str, ...] = ()
    try:
        recipe = parse_split_recipe(manifest, split)
        if broken := {recipe.plan.path, recipe.probe.path} & {damage.path for damage in damaged}:
            raise DataError(f"{min(broken)} is damaged")
        here = read_runtime(choose_generation_device(request.settings.device))
        differs = list_runtime_differences(here, recipe.runtimes)
        released = _choose_rows(load_probe(request.release, recipe), request.num_batches)
        batches = sorted({int(str(row["batch_id"])) for row in released})
        planned = load_planned_rows(request.release, recipe, batches)
        remade = render_again(manifest, split, recipe, planned, request.settings)
        # A row that could not be rendered is in the plan and not in the release.
        wanted = {row["image_id"] for row in released}
        remade = [row for row in remade if row["image_id"] in wanted]
        distance = compute_distance(released, remade)
        judge = None
        # R0 needs no judge, and loading one takes longer than the comparison.
        if request.judge and distance.num_identical < distance.num_images:
            judge = judge_rows(
                request.judge, released, remade, device=choose_generation_device(request.settings.device)
            )
    # One split that cannot be made here must not hide what holds for the others.
    except ImagenetGError as error:
        return SplitVerification(
            split=split, level="unknown", distance=None, judge=None, runtime_differs=differs,
            reason=f"not remade: {error}",
            # A split without a plan, or with a damaged one, cannot be remade on any machine.
            blocked=not isinstance(error, DataError),
        )  # fmt: skip
    wanted_size = request.settings.batch_size
    same = wanted_size is None or wanted_size == recipe.recipe["batch_size"]
    level, reason = decide_level(distance, judge, same_batch_size=same)
    return SplitVerification(
        split=split, level=level, distance=distance, judge=judge, runtime_differs=differs, reason=reason
    )


def judge_rows(model: str, released: Sequence[Row], remade: Sequence[Row], *, device: str) -> JudgeComparison:
    """Predictions of a model on both samples.

    Raises:
        ImagenetGError: The model cannot be loaded.
    """
    from imagenet_g.benchmark.models.classifiers import ModelRequest, load_classifier
    from imagenet_g.benchmark.naming.specs import parse_model_spec

    classifier = load_classifier(
        ModelRequest(requested=model, spec=parse_model_spec(model), templates="single", text_device=device)
    )
    classifier.module.to(device)
    pictures = [[open_image(row) for row in rows] for rows in (released, remade)]
    predicted = [_run_in_batches(partial(_classify, classifier, device), images) for images in pictures]
    cosine = None
    if classifier.encoder is not None:
        features = [_run_in_batches(classifier.encode_images, images) for images in pictures]
        cosine = float((features[0] * features[1]).sum(dim=1).mean())
    labels = [int(str(row["label"])) for row in released]
    return compare_judgements(model, labels, predicted[0].tolist(), predicted[1].tolist(), cosine)


def _classify(classifier: Classifier, device: str, images: Sequence[Image.Image]) -> torch.Tensor:
    """`(N,)` class indices."""
    import torch

    inputs = torch.stack([classifier.transform(image) for image in images]).to(device)
    with torch.inference_mode():
        logits: torch.Tensor = classifier.module(inputs)
    return logits.float().cpu().argmax(dim=1)


def _run_in_batches(
    run: Callable[[Sequence[Image.Image]], torch.Tensor], images: Sequence[Image.Image]
) -> torch.Tensor:
    import torch

    return torch.cat(
        [run(images[first : first + JUDGE_BATCH]) for first in range(0, len(images), JUDGE_BATCH)]
    )


def _choose_rows(rows: list[Row], num_batches: int | None) -> list[Row]:
    if num_batches is None:
        return rows
    kept = sorted({int(str(row["batch_id"])) for row in rows})[:num_batches]
    return [row for row in rows if int(str(row["batch_id"])) in kept]
