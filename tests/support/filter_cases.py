"""The embedded splits with a filtered view, and answers to them that no model gave."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from factories import make_evidence, make_predictions
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import CLASS_SET_NAMES, name_class_set
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split

VIEW = "clip-filtered"


@cache
def open_split(ref: str) -> Split:
    """An embedded split, opened once for all tests."""
    return load_split(parse_split_ref(ref), data={}, cache=None)


def _list_sets() -> list[str]:
    own = [name_class_set(open_split(ref).class_set) for ref in ("mini/renditions", "mini/real")]
    return [*CLASS_SET_NAMES, *own]


def make_answers(ref: str, *, skill: float = 1.0) -> Evidence:
    """Evidence on every image of an embedded split; a share `skill` of the answers is right, by seed."""
    split = open_split(ref)
    labels = split.rows.labels[:, 0].astype(np.int64)
    inside = np.array(split.class_set.indices)
    wrong = inside[(np.searchsorted(inside, labels) + 1) % len(inside)]
    answers = np.where(np.random.default_rng(3).random(len(labels)) < skill, labels, wrong)
    predictions = make_predictions(answers.tolist(), labels.tolist())
    predictions = replace(
        predictions,
        image_ids=tuple(split.rows.image_ids),
        restricted=dict.fromkeys(_list_sets(), predictions.top5),
    )
    found = make_evidence(predictions, ref=ref, class_set=split.class_set, outputs=split.outputs)
    return replace(found, record=split.record)
