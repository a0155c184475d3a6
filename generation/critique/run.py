"""A critique from its request: each section measured or read again, then put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from imagenet_g.benchmark.critiques.critique import (
    SECTION_NAMES,
    Critique,
    Extremes,
    FeaturesUsed,
    SectionName,
)
from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.evaluation.requests import EvaluationListener
from imagenet_g.benchmark.storage import validate_writable
from imagenet_g.generation.critique import by_answers, by_features, by_images
from imagenet_g.generation.critique.by_answers import GatheredAnswers
from imagenet_g.generation.critique.materials import Materials, list_missing, open_materials
from imagenet_g.generation.critique.pages.thumbnails import Thumbnails
from imagenet_g.generation.critique.ranking import rank_by_features
from imagenet_g.generation.critique.request import CritiqueRequest

_LEFT_OUT = "Left out by --only."
_OF_MATERIALS: Mapping[SectionName, Callable[[Materials], object]] = {
    "distances": by_features.make_distances,
    "diversity": by_features.make_diversity,
    "style": by_features.make_style,
    "near_duplicates": by_images.make_near_duplicates,
    "safety": by_images.make_safety,
    "variation": by_images.make_variation,
    "watermarks": by_images.make_watermarks,
    "traps": by_images.make_traps,
}
_OF_ANSWERS: Mapping[SectionName, Callable[[GatheredAnswers], object]] = {
    "recognition": by_answers.make_recognition,
    "fine_grained": by_answers.make_fine_grained,
    "filter_effects": by_answers.make_filter_effects,
    "audit": by_answers.make_audit,
    "valid_accuracy": by_answers.make_valid_accuracy,
}


def make_critique(request: CritiqueRequest, listener: EvaluationListener) -> tuple[Critique, Thumbnails]:
    """Measure every section, or read it again where it is kept.

    Returns:
        The critique, and where its images are.

    Raises:
        ImagenetGError: A side, a model, a result or an audit cannot be used.
    """
    # Before any model is loaded: features take hours and must find a place.
    validate_writable(request.cache)
    materials = open_materials(request, listener)
    answers = GatheredAnswers(materials)
    # A damaged audit or result must be reported before hours of features.
    inputs = answers.list_inputs() if _needs_answers(request) else ()
    made = {name: _make_section(name, materials, answers) for name in SECTION_NAMES}
    critique = Critique.model_validate(
        {
            "split": materials.split.record,
            "num_images": len(materials.split.rows),
            "num_classes": len(materials.classes),
            "reference": materials.reference.record,
            "num_reference_images": len(materials.reference.rows),
            "missing_wnids": list_missing(materials),
            "features": _list_features(materials),
            "inputs": inputs,
            **{name: None if isinstance(part, str) else part for name, part in made.items()},
            "unmeasured": {name: part for name, part in made.items() if isinstance(part, str)},
            "extremes": _rank(materials),
            "environment": make_environment(),
        }
    )
    return critique, _open_thumbnails(materials)


def _make_section(name: SectionName, materials: Materials, answers: GatheredAnswers) -> object:
    if materials.request.only is not None and name not in materials.request.only:
        return _LEFT_OUT
    if (make := _OF_MATERIALS.get(name)) is not None:
        return make(materials)
    return _OF_ANSWERS[name](answers)


def _needs_answers(request: CritiqueRequest) -> bool:
    return request.only is None or bool(request.only & set(_OF_ANSWERS))


def _uses_features(request: CritiqueRequest) -> bool:
    return request.only is None or bool(request.only & {"distances", "diversity", "style"})


def _list_features(materials: Materials) -> tuple[FeaturesUsed, ...]:
    return tuple(pair.used for pair in materials.pairs) if _uses_features(materials.request) else ()


def _rank(materials: Materials) -> tuple[Extremes, ...]:
    if not _uses_features(materials.request):
        return ()
    return tuple(extremes for pair in materials.pairs for extremes in rank_by_features(pair))


def _open_thumbnails(materials: Materials) -> Thumbnails:
    sides = [materials.split, materials.reference, *by_images.list_other_splits(materials)]
    if materials.training is not None:
        sides.append(materials.training)
    return Thumbnails({side.record.base_ref: side.split for side in sides})
