"""Evaluations of a replay: the right answers by class behind every column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from replay_cases import write_split
from result_cases import make_result

from imagenet_g.baselines.replays.evaluating import ReplayPlace, evaluate, list_unlike_filters
from imagenet_g.benchmark.backends.settings import RunSettings
from imagenet_g.benchmark.evaluation.cache import Cache
from imagenet_g.benchmark.models.classifiers import ModelRequest
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.terminal.notebook import SilentListener


def test_the_clean_set_is_a_column_as_others_are(tmp_path: Path) -> None:
    """Its counts are those that the gap of another column starts from."""
    clean = write_split(tmp_path / "clean", harder=0, seed=1)
    easy = write_split(tmp_path / "easy", harder=60, seed=2)
    spec = "python:replay_cases:make_model_2"
    place = ReplayPlace(
        data={},
        settings=RunSettings(device="cpu", workers=1),
        out=tmp_path,
        cache=Cache(tmp_path / "cache"),
        listener=SilentListener(),
    )
    request = ModelRequest(requested=spec, spec=parse_model_spec(spec))
    ((result, counts),) = evaluate(place, [request], [clean, easy], clean, tmp_path / "out")
    own, other = counts[clean], counts[easy]
    assert own.reference is not None and other.reference is not None
    for found in (own.shifted, own.reference):
        assert np.array_equal(found.right, other.reference.right)
        assert np.array_equal(found.total, other.reference.total)
    assert 0 < other.shifted.right.sum() < own.shifted.right.sum()
    assert list_unlike_filters([(result, counts)]) == frozenset()


def test_a_split_that_is_filtered_otherwise_than_the_clean_set_is_named() -> None:
    """From the entry of the result, in which the gap says so."""
    result = make_result(split="v1/sd-l:clip-filtered", top1=0.5, clean=0.7)
    (entry, *others) = result.entries
    (gap, *_) = entry.gaps
    other = gap.model_copy(update={"reference": gap.reference.model_copy(update={"filtered_alike": False})})
    changed = [entry.model_copy(update={"gaps": (other,)}), *others]
    found = list_unlike_filters([(result.model_copy(update={"entries": tuple(changed)}), {})])
    assert found == {entry.split.ref}
