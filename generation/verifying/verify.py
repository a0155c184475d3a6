"""Verifying a release: its files, what they hold against the recipe, and images rendered again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from imagenet_g.benchmark.errors import DataError, ImagenetGError
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME, Manifest
from imagenet_g.generation.generators.runtime import choose_generation_device, fix_gpu, read_runtime
from imagenet_g.generation.releases.adopted import find_adopted
from imagenet_g.generation.releases.reading import (
    Damage,
    Row,
    find_damage,
    find_image,
    load_planned_rows,
    load_release,
)
from imagenet_g.generation.releases.recipe import SplitRecipe, parse_split_recipe
from imagenet_g.generation.verifying.checking import Listener, check_split, list_damage, verify_adopted
from imagenet_g.generation.verifying.journal import RenderedBatches, compare_batches, open_journal
from imagenet_g.generation.verifying.judging import JudgeComparison, judge_images
from imagenet_g.generation.verifying.levels import (
    LEVELS,
    ImageDifference,
    Level,
    SplitVerification,
    compute_chances,
    decide_level,
    list_runtime_differences,
    open_image,
    summarize_differences,
)
from imagenet_g.generation.verifying.regeneration import (
    RegenerationSettings,
    choose_batches,
    describe_machine,
    remake_batches,
    render_again,
)
from imagenet_g.generation.verifying.rescoring import NUM_SAMPLED, ScoreChecker
from imagenet_g.generation.verifying.signatures import verify_signature

MAX_JUDGED = 256
"""Images that a judge sees; more would be held in memory for hours."""


class VerifyReport(FileModel):
    """The report of `imagenet-g verify`."""

    schema_version: Literal[1] = 1
    version: str
    num_files: int
    damaged: dict[str, str]
    """What is wrong with a file, or with what it holds, by file."""
    splits: tuple[SplitVerification, ...]
    signer: str | None = None
    """Who signed the manifest, by the file of allowed signers; null where it was not asked."""

    @property
    def nothing_remade(self) -> bool:
        """Whether something the user can change kept every split from being rendered that could be."""
        return any(one.blocked for one in self.splits) and not any(one.distance for one in self.splits)

    @property
    def missed(self) -> tuple[SplitVerification, ...]:
        """Splits that do not reach the level that is expected of them."""
        return tuple(one for one in self.splits if not one.reached)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """What to verify.

    Attributes:
        release: The release folder.
        splits: Splits; empty for all.
        settings: How to render again.
        hashes_only: Hash the files, and neither open nor render anything.
        num_batches: How many of the probe's batches to remake; None for all.
        num_drawn: How many other batches to remake; None for all.
        seed: Seed of what is drawn.
        judge: Model spec that decides R2; None for no judge.
        expect: The level that every split must reach; None for the one its manifest claims.
        allowed_signers: File of those who may have signed the manifest; None: a signature is not looked for.
    """

    release: Path
    splits: tuple[str, ...]
    settings: RegenerationSettings
    hashes_only: bool = False
    num_batches: int | None = None
    num_drawn: int | None = 0
    seed: int = 0
    judge: str | None = None
    expect: Level | None = None
    allowed_signers: Path | None = None

    @property
    def is_resumable(self) -> bool:
        """Whether everything is rendered, and no judge needs the pixels again."""
        return self.num_drawn is None and self.judge is None


def run_verify(request: VerifyRequest, listener: Listener) -> VerifyReport:
    """Hash the files of a release, check what they hold, and remake its probe and drawn batches.

    Raises:
        DataError: It is not a complete release.
        InputError: A signature cannot be checked on this machine.
    """
    manifest, splits = load_release(request.release, request.splits)
    damaged, signer = _check_signature(request)
    found = list(find_damage(request.release, manifest, splits))
    damaged += [damage for damage in found if damage is not None]
    listener.say(f"{sum(damage is None for damage in found)} of {len(found)} files match the manifest")
    verdicts = []
    scores = make_score_checker(request)
    journals: list[RenderedBatches] = []
    for split in () if request.hashes_only else splits:
        notes, faults = check_split(
            request.release, manifest, split, damaged, scores, request.settings, listener
        )
        damaged += faults
        if (adopted := find_adopted(manifest.splits[split])) is not None:
            faults = list_damage(manifest, split, damaged)
            verdict, faults = verify_adopted(request.release, split, manifest.splits[split], adopted, faults)
            damaged += [fault for fault in faults if fault not in damaged]
        else:
            verdict = _remake_split(request, manifest, split, damaged, journals, listener)
        verdicts.append(_expect(request, verdict.model_copy(update={"notes": (*verdict.notes, *notes)})))
    # Only now: a run that is killed in its last split must not render the first one again.
    for journal in journals:
        journal.forget()
    return VerifyReport(
        version=manifest.version,
        num_files=len(found),
        # The first fault of a file: those behind it may follow from it.
        damaged={damage.path: damage.reason for damage in reversed(damaged)},
        splits=tuple(verdicts),
        signer=signer,
    )


def make_score_checker(request: VerifyRequest) -> ScoreChecker:
    """What computes scores of a request again: all of them where everything is rendered."""
    everything = request.num_drawn is None
    return ScoreChecker(
        device=choose_generation_device(request.settings.device),
        places=request.settings.pipelines,
        num_rows=None if everything else NUM_SAMPLED,
        seed=request.seed,
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


def _check_signature(request: VerifyRequest) -> tuple[list[Damage], str | None]:
    if request.allowed_signers is None:
        return [], None
    try:
        return [], verify_signature(request.release, request.allowed_signers)
    except DataError as error:
        return [Damage(MANIFEST_NAME, str(error))], None


def _expect(request: VerifyRequest, verdict: SplitVerification) -> SplitVerification:
    """The verdict with the level that was expected of it."""
    expected = request.expect or verdict.expected
    if expected is None:
        return verdict
    reached = verdict.level in LEVELS and LEVELS.index(verdict.level) <= LEVELS.index(expected)
    return verdict.model_copy(update={"expected": expected, "reached": reached})


def _remake_split(
    request: VerifyRequest,
    manifest: Manifest,
    split: str,
    damaged: Sequence[Damage],
    journals: list[RenderedBatches],
    listener: Listener,
) -> SplitVerification:
    differs: tuple[str, ...] = ()
    claimed: Level | None = None
    try:
        recipe = parse_split_recipe(manifest, split)
        wanted_size = request.settings.batch_size
        same = wanted_size in (None, recipe.recipe["batch_size"])
        # Until more is known: a split with a recipe claims that it can be made again.
        claimed = "R0"
        if broken := list_damage(manifest, split, damaged):
            raise DataError(f"{broken[0].path} is damaged")
        device = choose_generation_device(request.settings.device)
        # As a build does: it is among the facts that are compared.
        fix_gpu(device)
        here = read_runtime(device)
        here |= describe_machine(recipe, request.settings)
        differs = list_runtime_differences(here, recipe.runtimes)
        # Other libraries or hardware give other last bits, and no release claims otherwise.
        claimed = "R0" if same and not differs else "R1"
        journals.append(
            open_journal(request.settings, request.release, split, here, keep=request.is_resumable)
        )
        verdict = _remake(request, manifest, split, recipe, journals[-1], listener)
    # One split that cannot be made here must not hide what holds for the others.
    except ImagenetGError as error:
        return SplitVerification(
            split=split, level="unknown", distance=None, judge=None, runtime_differs=differs,
            reason=f"not remade: {error}{_describe_rest(manifest, split, claimed, damaged)}",
            expected=claimed,
            # A split without a plan, or with a damaged one, cannot be remade on any machine.
            blocked=not isinstance(error, DataError),
        )  # fmt: skip
    return verdict.model_copy(update={"runtime_differs": differs, "expected": claimed})


def _describe_rest(manifest: Manifest, split: str, claimed: Level | None, damaged: Sequence[Damage]) -> str:
    """What holds for a split that states no way to render it."""
    if claimed is not None or list_damage(manifest, split, damaged):
        return ""
    count = manifest.splits[split].num_images
    return f" Nothing was rendered; files, pixels and columns of {count} images are as recorded."


def _remake(
    request: VerifyRequest,
    manifest: Manifest,
    split: str,
    recipe: SplitRecipe,
    journal: RenderedBatches,
    listener: Listener,
) -> SplitVerification:
    batch_size = int(str(recipe.recipe["batch_size"]))
    choice = choose_batches(
        recipe.plan.num_rows, batch_size,
        num_probe=request.num_batches, num_drawn=request.num_drawn, seed=request.seed,
    )  # fmt: skip
    kept = {batch: journal.done[batch] for batch in choice.batches if batch in journal.done}
    if kept:
        listener.say(f"{split}: {len(kept)} of {len(choice.batches)} batches were compared before")
    differences: list[ImageDifference] = [one for batch in kept.values() for one in batch]
    pairs: list[tuple[Row, Row]] = []
    drawn = set(map(str, choice.drawn))
    num_drawn = sum(len(found) for batch, found in kept.items() if str(batch) in drawn)
    rest = [batch for batch in choice.batches if batch not in kept]
    made = remake_batches(request.release, manifest, split, recipe, rest, request.settings)
    with listener.track("rendering", split) as advance:
        for released, remade, difference in compare_batches(made, journal):
            differences.append(difference)
            num_drawn += released["batch_id"] in drawn
            if len(pairs) < MAX_JUDGED:
                pairs.append((released, remade))
            advance(len(differences), len(choice.batches) * batch_size)
    if not differences:
        raise DataError("no image of the chosen batches is in the release")
    distance = summarize_differences(differences)
    # R0 needs no judge, and loading one takes longer than the comparison.
    judge = None if distance.num_identical == distance.num_images else _judge(request, pairs)
    same = request.settings.batch_size in (None, batch_size)
    level, reason = decide_level(distance, judge, same_batch_size=same)
    return SplitVerification(
        split=split, level=level, distance=distance, judge=judge, runtime_differs=(), reason=reason,
        chances=compute_chances(
            num_released=manifest.splits[split].num_images,
            num_rendered=len(differences),
            num_drawn=num_drawn,
            batches=(len(choice.drawn), choice.num_drawable),
            seed=choice.seed,
        ),
    )  # fmt: skip


def _judge(request: VerifyRequest, pairs: Sequence[tuple[Row, Row]]) -> JudgeComparison | None:
    if request.judge is None:
        return None
    return judge_images(
        request.judge,
        [int(str(released["label"])) for released, _ in pairs],
        [[open_image(row) for row in rows] for rows in zip(*pairs, strict=True)],
        device=choose_generation_device(request.settings.device),
    )
