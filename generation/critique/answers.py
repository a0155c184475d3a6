"""Stored answers of models to both sides: given as results, or made by judges that are run now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from imagenet_g.benchmark.critiques.critique import InputFile
from imagenet_g.benchmark.evaluation.cache import Cache
from imagenet_g.benchmark.evaluation.evaluate import run_evaluation
from imagenet_g.benchmark.evaluation.requests import EvaluationRequest
from imagenet_g.benchmark.models.classifiers import ModelRequest
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.predictions.answered_sets import AnsweredSets, load_answered_sets
from imagenet_g.benchmark.predictions.evidence import select_view
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.generation.critique.materials import Materials

JUDGES_FOLDER = "judges"


def run_judges(materials: Materials) -> tuple[Path, ...]:
    """Run the judges on both sides, whole; what is in the cache is not run again.

    Returns:
        The result of each.

    Raises:
        ImagenetGError: A judge cannot be loaded or run.
    """
    request = materials.request
    if not request.judges:
        return ()
    outcomes = run_evaluation(
        EvaluationRequest(
            models=tuple(
                ModelRequest(requested=name, spec=parse_model_spec(name)) for name in request.judges
            ),
            # Whole: a view follows from the answers, and the filter's effect is measured on all images.
            splits=(replace(request.split, view=None),),
            reference=replace(request.reference, view=None),
            data=request.data,
            settings=request.settings,
            out=request.out / JUDGES_FOLDER,
            cache=Cache(request.cache),
        ),
        materials.listener,
    )
    paths = []
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
        if outcome.path is not None:
            paths.append(outcome.path)
    return tuple(paths)


def load_judge_answers(materials: Materials, paths: Sequence[Path]) -> tuple[AnsweredSets, ...]:
    """Answers to both sides, through the views that are judged.

    Raises:
        DataError: A file is missing or damaged.
        UnknownNameError: A result has no answers to the split.
    """
    return tuple(_take_views(materials, one) for one in load_whole_answers(materials, paths))


def load_whole_answers(materials: Materials, paths: Sequence[Path]) -> tuple[AnsweredSets, ...]:
    """Answers to both sides, whole.

    Raises:
        DataError: A file is missing or damaged.
        UnknownNameError: A result has no answers to the split.
    """
    request = materials.request
    return load_answered_sets(paths, request.split.base, request.reference.base, data=request.data)


def list_prediction_files(paths: Sequence[Path], bases: Sequence[str]) -> tuple[InputFile, ...]:
    """The files of predictions behind results, for some splits.

    Raises:
        DataError: A result is missing or damaged.
    """
    found = []
    for path in paths:
        for entry in load_result(path).entries:
            if entry.split.base_ref in bases and entry.relabelled is None:
                # The end of it: a record takes 255 characters, and the file's own name finds it again.
                name = f"{path.parent.name}/{entry.predictions.file}"[-255:]
                found.append(InputFile(kind="predictions", name=name, sha256=entry.predictions.sha256))
    return tuple(dict.fromkeys(found))


def _take_views(materials: Materials, one: AnsweredSets) -> AnsweredSets:
    request, evidence, clean = materials.request, one.evidence, one.clean
    if request.split.view is not None:
        evidence = select_view(evidence, materials.split.split, request.split.view)
    if clean is not None and request.reference.view is not None:
        clean = select_view(clean, materials.reference.split, request.reference.view)
    return AnsweredSets(evidence, clean)
