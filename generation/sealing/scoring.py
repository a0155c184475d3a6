"""A model on a sealed set, compared with its answers to the public one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from imagenet_g.benchmark.classes import name_class_set
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.naming.specs import OWN_WEIGHTS
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.siblings.matched import LEVEL
from imagenet_g.benchmark.siblings.scores import SiblingScore, count_answers
from imagenet_g.benchmark.splits.manifests import Manifest, SiblingRecord, load_manifest, write_manifest
from imagenet_g.generation.plans.siblings import list_strata
from imagenet_g.generation.releases.recipe import list_split_files, parse_split_recipe
from imagenet_g.generation.sealing.opening import require_sibling_release
from imagenet_g.generation.sealing.public_splits import (
    PublicSplit,
    load_plan,
    load_public_split,
    replace_split,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringRequest:
    """What to compare.

    Attributes:
        release: The public release.
        sealed: The sealed one.
        answers: Predictions on a public split, as `evaluate` wrote them or a submission holds them.
        options: Further words of `evaluate`: what answers hold by its hash alone, and the device.
    """

    release: Path
    sealed: Path
    answers: Path
    options: Sequence[str] = ()


def score_sibling(request: ScoringRequest) -> SiblingScore:
    """Run the model of some public answers on the sealed images, and compare.

    Its private answers are deleted at the end: what stays are counts.

    Raises:
        InputError: The answers are not to a whole public split that has a sibling, or the model failed, or is
            another one than gave them.
        DataError: A file is damaged, or the sealed release is another sibling.
    """
    answers = Evidence.from_file(request.answers)
    public, record = _find_public(request.release, answers)
    sealed = require_sibling_release(request.sealed, public, record)
    with TemporaryDirectory(prefix="imagenet-g-sealed-") as folder:
        private = _run(request, sealed, public.name, answers, Path(folder))
    _require_same_model(answers, private)
    outputs = "all" if answers.output_set.covers_all else name_class_set(answers.output_set)
    plan = load_plan(request.sealed, sealed, parse_split_recipe(sealed, public.name), public.name)
    classes, strata, public_right = count_answers(
        answers.predictions,
        private.predictions,
        strata=(list_strata(public.plan.table), list_strata(plan.table)),
        outputs=outputs,
    )
    environment = make_environment()
    score = SiblingScore(
        split=public.ref,
        content_sha256=answers.record.content_sha256,
        commitment=record.commitment,
        model=answers.model.spec,
        weights_sha256=private.model.weights_sha256,
        predictions_sha256=answers.source.sha256,
        outputs=outputs,
        classes=classes,
        strata=strata,
        public_right=public_right,
        p_value=1.0,
        level=LEVEL,
        imagenet_g=environment.imagenet_g,
        created_utc=environment.created_utc,
    )
    return score.model_copy(update={"p_value": score.test_again().p_value})


def _find_public(release: Path, answers: Evidence) -> tuple[PublicSplit, SiblingRecord]:
    from imagenet_g.benchmark.splits.releases import load_release_split

    manifest, record = load_manifest(release), answers.record
    if record.version != manifest.version or record.name not in manifest.splits:
        raise InputError(f"The answers are to '{record.ref}', which '{release}' ({manifest.version}) lacks.")
    sibling = manifest.splits[record.name].sibling
    if sibling is None:
        raise InputError(
            f"'{record.ref}' has no sibling in the manifest of '{release}': there is nothing to compare with."
        )
    if load_release_split(release, record.name, cache=None).record.content_sha256 != record.content_sha256:
        raise InputError(f"The answers are to other images than '{release}' has under '{record.ref}'.")
    found = len(answers.predictions)
    if answers.limit is not None or found != manifest.splits[record.name].num_images:
        raise InputError(
            f"The answers are to {found} of {manifest.splits[record.name].num_images} images of "
            f"'{record.ref}'. "
            "Part of a split, such as a filtered view, has no sibling: give the answers to all of it."
        )
    return load_public_split(release, record.name), sibling


def _run(request: ScoringRequest, sealed: Manifest, name: str, answers: Evidence, folder: Path) -> Evidence:
    """The model's answers to the sealed images, from a copy of the release that is open for this run."""
    place, out = folder / "release", folder / "out"
    for file in list_split_files(sealed.splits[name]):
        link = place / file.path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to((request.sealed / file.path).resolve())
    alone = sealed.model_copy(update={"splits": {name: sealed.splits[name]}})
    write_manifest(place, replace_split(alone, name, role="test"))
    version = sealed.version
    words = [
        "evaluate",
        # With "=": a spec from a file that starts with a dash would otherwise be an option.
        f"--model={answers.model.spec.removesuffix(OWN_WEIGHTS)}",
        f"--split={version}/{name}",
        f"--data={version}={place}",
        "--reference=published",
        f"--out={out}",
        # The usual cache would keep the answers to the sealed images, one by one.
        f"--cache={folder / 'cache'}",
        *request.options,
    ]
    if (dtype := answers.source.run.dtype) != "float32":
        words.append(f"--dtype={dtype}")
    code = main(words)
    found = sorted(out.rglob("*.parquet"))
    if code != 0 or len(found) != 1:
        raise InputError(
            f"'{answers.model.spec}' could not be run on the sealed images; its message stands above."
        )
    return Evidence.from_file(found[0])


def _require_same_model(answers: Evidence, private: Evidence) -> None:
    theirs, ours = answers.model, private.model
    for what, one, other in (
        ("weights", theirs.weights_sha256, ours.weights_sha256),
        ("class map", theirs.class_map, ours.class_map),
        ("prompts or class names", theirs.zero_shot, ours.zero_shot),
        ("preprocessing", theirs.preprocessing, ours.preprocessing),
        ("number format", answers.source.run.dtype, private.source.run.dtype),
    ):
        if one != other:
            raise InputError(
                f"The model that was run here has another {what} than the one that gave the public answers: "
                "two models cannot be compared. Give what the answers hold by its hash, such as --checkpoint."
            )
    if answers.output_set.indices != private.output_set.indices:
        raise InputError("The public and the sealed images are of other classes; build the sibling again.")
