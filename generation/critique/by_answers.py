"""The sections that rest on answers: of models that judge, of models under test, and of people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import JsonValue

from imagenet_g.benchmark.audits.attaching import load_attached
from imagenet_g.benchmark.audits.files import LoadedSample, RaterAnswers, load_all_ratings, load_sample
from imagenet_g.benchmark.audits.measure import measure_audit
from imagenet_g.benchmark.audits.records import AuditSection
from imagenet_g.benchmark.audits.valid_accuracy import ValidAccuracySection
from imagenet_g.benchmark.audits.verdicts import list_verdicts
from imagenet_g.benchmark.catalogue.catalogue import find_release
from imagenet_g.benchmark.critiques.critique import InputFile
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.filter_effects.audited_views import list_valid_weights, measure_valid_accuracies
from imagenet_g.benchmark.filter_effects.measuring import FilterSettings, measure_filter_effects
from imagenet_g.benchmark.filter_effects.records import FilterSection
from imagenet_g.benchmark.predictions.answered_sets import AnsweredSets
from imagenet_g.benchmark.recognition.hypernyms import measure_fine_grained
from imagenet_g.benchmark.recognition.measuring import choose_judges, measure_recognition
from imagenet_g.benchmark.recognition.records import FineGrainedSection, RecognitionSection
from imagenet_g.benchmark.splits.hub_releases import fetch_missing
from imagenet_g.benchmark.splits.manifests import format_audit_view, load_manifest
from imagenet_g.generation.critique.answers import (
    list_prediction_files,
    load_judge_answers,
    load_whole_answers,
    run_judges,
)
from imagenet_g.generation.critique.materials import Materials
from imagenet_g.generation.prompts.recipes import load_all_hypernyms

_NO_JUDGE = (
    "No model judged: name some with --judge, such as timm:resnet50, or give --results of models on it."
)
_NO_AUDIT = (
    "Nobody rated the images: 'imagenet-g audit make SPLIT' draws a sample, --audit DIR takes its ratings."
)
_NO_RESULTS = "No --results of models on the split were given."
# What a judge has in common with a filter is decided by the lineage and its tables.
_SHARED = tuple(f"imagenet_g.benchmark.{room}" for room in ("data", "lineage", "predictions", "statistics"))
_RECOGNITION = ("imagenet_g.benchmark.recognition", *_SHARED)
_FILTERS = ("imagenet_g.benchmark.filter_effects", *_SHARED)
_AUDITS = ("imagenet_g.benchmark.audits", *_SHARED)


@dataclass(frozen=True, slots=True)
class RatedSample:
    """An audit as it lies on disk.

    Attributes:
        sample: The drawn images.
        raters: Everyone who gave a rating.
    """

    sample: LoadedSample
    raters: tuple[RaterAnswers, ...]


@dataclass(frozen=True)
class GatheredAnswers:
    """All answers to the images, each read once.

    Attributes:
        materials: Both sides.
    """

    materials: Materials

    @cached_property
    def judge_paths(self) -> tuple[Path, ...]:
        """Results of the judges: of those that are named, else all that are given."""
        return run_judges(self.materials) or self.materials.request.results

    @cached_property
    def all_paths(self) -> tuple[Path, ...]:
        """Results of all models."""
        return tuple(dict.fromkeys((*self.materials.request.results, *self.judge_paths)))

    @cached_property
    def judges(self) -> tuple[AnsweredSets, ...]:
        """Answers of the judges through the views that are judged."""
        return load_judge_answers(self.materials, self.judge_paths)

    @cached_property
    def models(self) -> tuple[AnsweredSets, ...]:
        """Answers of all models, whole."""
        return load_whole_answers(self.materials, self.all_paths)

    @cached_property
    def rated(self) -> RatedSample | None:
        """The audit; None without one.

        Raises:
            InputError: It is of other images, or of a kind that does not fit.
        """
        folder = self.materials.request.audit
        if folder is None:
            return _load_attached(self.materials)
        sample = load_sample(folder)
        mine = self.materials.split.record
        if sample.sample.split.content_sha256 != mine.content_sha256:
            raise InputError(
                f"The audit in '{folder}' is of '{sample.sample.split.ref}', or of other images of that "
                f"name, not of '{mine.ref}'. Draw a sample of these images with 'imagenet-g audit make'."
            )
        raters = tuple(rater for rater in load_all_ratings(folder, sample) if rater.answers)
        return RatedSample(sample, raters)

    def list_inputs(self) -> tuple[InputFile, ...]:
        """The files behind the sections, with their hashes."""
        request = self.materials.request
        files = [*list_prediction_files(self.all_paths, (request.split.base, request.reference.base))]
        if self.rated is not None:
            files.append(InputFile(kind="audit sample", name="sample.json", sha256=self.rated.sample.sha256))
            for rater in self.rated.raters:
                name = f"{rater.header.rater}.jsonl"
                files.append(InputFile(kind="audit ratings", name=name, sha256=rater.sha256))
        return tuple(files)

    def describe(self) -> JsonValue:
        """What decides the sections."""
        return [
            self.materials.describe(),
            [str(path) for path in self.judge_paths],
            [file.model_dump() for file in self.list_inputs()],
        ]


def _load_attached(materials: Materials) -> RatedSample | None:
    """The audit by people that is a part of the release; None where it has none, or is no release.

    Raises:
        DataError: A file of it is damaged.
    """
    request = materials.request
    if request.split.version is None:
        return None
    release = find_release(request.split, request.data, cache=request.cache)
    audits = load_manifest(release).splits[request.split.name].audits
    described = audits.get(format_audit_view(simulated=False))
    # A simulated one says nothing about the images, and is taken only where it is named by --audit.
    if described is None:
        return None
    for file in described.list_files():
        fetch_missing(release, file.path)
    materials.listener.say(f"reading the audit that is part of '{release}'; --audit DIR takes another")
    sample, raters = load_attached(release, described)
    return RatedSample(sample, tuple(rater for rater in raters if rater.answers))


def make_recognition(answers: GatheredAnswers) -> RecognitionSection | str:
    """The machine-recognised share; the reason why where no model may judge."""
    if not answers.judge_paths:
        return _NO_JUDGE
    try:
        return answers.materials.store.resume(
            RecognitionSection,
            answers.describe(),
            _RECOGNITION,
            lambda: measure_recognition(answers.judges),
        )
    # Where every model is the split's own filter: the other sections stand without it.
    except InputError as error:
        return str(error)


def make_fine_grained(answers: GatheredAnswers) -> FineGrainedSection | str:
    """Errors inside a hypernym of the first judge; the reason why where there can be no such figure."""
    if not answers.judge_paths:
        return _NO_JUDGE
    try:
        judges, _ = choose_judges(answers.judges)
        return answers.materials.store.resume(
            FineGrainedSection,
            [answers.describe(), judges[0].evidence.model.weights_sha256],
            (*_RECOGNITION, "imagenet_g.generation.prompts"),
            lambda: measure_fine_grained(judges[0], load_all_hypernyms()),
        )
    except InputError as error:
        return str(error)


def make_filter_effects(answers: GatheredAnswers) -> FilterSection | str:
    """The same models on every view of the whole split; the reason why without results."""
    if not answers.all_paths:
        return _NO_RESULTS
    verdicts = (
        () if answers.rated is None else list_verdicts(answers.rated.sample.sample, answers.rated.raters)
    )
    # A judge that is the filter itself may not make a view.
    judges = _list_judge_specs(answers)
    materials = answers.materials
    return materials.store.resume(
        FilterSection,
        [answers.describe(), list(judges)],
        _FILTERS,
        lambda: measure_filter_effects(
            answers.models,
            materials.split.split,
            materials.reference.split,
            audited=list_valid_weights(verdicts) if verdicts else None,
            simulated=answers.rated.raters[0].header.simulated if answers.rated and verdicts else None,
            settings=FilterSettings(judges=judges),
        ),
    )


def make_audit(answers: GatheredAnswers) -> AuditSection | str:
    """What people say; the reason why without an audit."""
    rated = answers.rated
    if rated is None:
        return _NO_AUDIT
    if not rated.raters:
        return (
            f"'{answers.materials.request.audit}' has no ratings yet: 'imagenet-g audit serve' collects them."
        )
    return answers.materials.store.resume(
        AuditSection, answers.describe(), _AUDITS, lambda: measure_audit(rated.sample, rated.raters)
    )


def make_valid_accuracy(answers: GatheredAnswers) -> ValidAccuracySection | str:
    """AG on valid images; the reason why without an audit or results."""
    rated = answers.rated
    if rated is None or not rated.raters:
        return _NO_AUDIT
    if not answers.all_paths:
        return _NO_RESULTS
    return answers.materials.store.resume(
        ValidAccuracySection,
        answers.describe(),
        (*_AUDITS, *_FILTERS),
        lambda: measure_valid_accuracies(
            answers.models,
            rated.sample.sample,
            list_verdicts(rated.sample.sample, rated.raters),
            sample_sha256=rated.sample.sha256,
            simulated=rated.raters[0].header.simulated,
        ),
    )


def _list_judge_specs(answers: GatheredAnswers) -> tuple[str, ...]:
    if not answers.materials.request.judges:
        return ()
    try:
        judges, _ = choose_judges(answers.judges)
    except InputError:
        return ()
    return tuple(one.evidence.model.spec for one in judges)
