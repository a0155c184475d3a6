"""A filtered split is compared with the equally filtered images of the clean set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filter_cases import VIEW, make_answers, open_split

from factories import make_meta
from imagenet_g.benchmark.classes import name_class_set
from imagenet_g.benchmark.filters.twins import choose_reference_view
from imagenet_g.benchmark.predictions.class_counts import load_pair_counts
from imagenet_g.benchmark.predictions.evidence import Evidence, select_twin, select_view
from imagenet_g.benchmark.predictions.predictions import write_predictions
from imagenet_g.benchmark.predictions.rescoring import RescoreRequest, rescore
from imagenet_g.benchmark.reports.sentences import read_balanced
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.splits.manifests import ScorerRecord, ThresholdView
from imagenet_g.benchmark.splits.splits import Split

SPLIT, CLEAN = "mini-v2/sd-l", "mini/real"


def other_bound(split: Split) -> Split:
    """The split with its view at another bound."""
    return replace(split, views={VIEW: ThresholdView(column="clip_score.mini-clip", minimum=0.5)})


def other_weights(split: Split) -> Split:
    """The split with scores by another model of the same name."""
    record = ScorerRecord(model="open_clip:packaged:mini-clip", weights_sha256="b" * 64)
    return replace(split, scorers={"mini-clip": record})


@pytest.mark.parametrize(
    ("view", "clean", "expected"),
    [
        (VIEW, open_split(CLEAN), VIEW),
        (None, open_split(CLEAN), None),
        ("imagenet-r", open_split(CLEAN), None),
        (VIEW, open_split("mini/renditions"), None),
        (VIEW, other_bound(open_split(CLEAN)), None),
        (VIEW, other_weights(open_split(CLEAN)), None),
    ],
)
def test_the_twin_is_the_view_of_the_same_filter(
    view: str | None, clean: Split, expected: str | None
) -> None:
    """Not one of the same name."""
    assert choose_reference_view(open_split(SPLIT), view, clean) == expected


def test_a_twin_is_found_under_another_name() -> None:
    """The filter decides."""
    clean = open_split(CLEAN)
    views = {"loose": other_bound(clean).views[VIEW], "recognised": clean.views[VIEW]}
    assert choose_reference_view(open_split(SPLIT), VIEW, replace(clean, views=views)) == "recognised"


def test_a_view_that_no_image_reaches_is_no_twin() -> None:
    """The gap is then from all images, and marked."""
    view = ThresholdView(column="clip_score.mini-clip", minimum=2.0)
    split, clean = (replace(open_split(ref), views={VIEW: view}) for ref in (SPLIT, CLEAN))
    assert choose_reference_view(split, VIEW, clean) is None


def test_a_view_of_the_clean_set_itself_has_all_of_it_for_its_reference() -> None:
    """Against itself there would be no gap at all."""
    clean = open_split(CLEAN)
    assert choose_reference_view(clean, VIEW, clean) is None
    kept = select_view(make_answers(CLEAN), clean, VIEW)
    assert select_twin(make_answers(CLEAN), clean, kept).record.ref == CLEAN


def test_a_view_that_the_user_names_stays() -> None:
    """For filtered and unfiltered splits alike."""
    named = select_view(make_answers(CLEAN), open_split(CLEAN), "imagenet-r")
    kept = select_view(make_answers(SPLIT), open_split(SPLIT), VIEW)
    assert select_twin(named, open_split(CLEAN), kept) is named


def test_a_twin_of_which_no_image_was_run_is_none() -> None:
    """As with a small --limit: all that was run is left, and the gap is marked."""
    kept = select_view(make_answers(SPLIT), open_split(SPLIT), VIEW)
    passing = set(select_view(make_answers(CLEAN), open_split(CLEAN), VIEW).predictions.image_ids)
    whole = make_answers(CLEAN)
    rows = [row for row, name in enumerate(whole.predictions.image_ids) if name not in passing]
    limited = replace(whole, predictions=whole.predictions.take(np.array(rows)))
    assert select_twin(limited, open_split(CLEAN), kept) is limited


def store(folder: Path, evidence: Evidence) -> Path:
    """The evidence as a predictions file."""
    changes = {"split": evidence.record, "outputs": evidence.outputs}
    own = name_class_set(evidence.class_set)
    restricted = {own: evidence.predictions.restricted[own]}
    evidence = replace(evidence, predictions=replace(evidence.predictions, restricted=restricted))
    meta = make_meta(evidence.predictions).model_copy(update=changes)
    path = folder / f"{evidence.record.ref.replace('/', '-')}.parquet"
    write_predictions(path, evidence.predictions, meta)
    return path


def rescore_filtered(folder: Path, **changes: Any) -> Result:
    """The filtered view from stored predictions, the clean set's own entry before it."""
    files = {ref: store(folder, make_answers(ref, skill=0.7)) for ref in (SPLIT, CLEAN)}
    request = RescoreRequest(
        files=(files[CLEAN],), reference=None, view=None, data={}, skip_unreadable=False, out=folder
    )
    clean = rescore(request).entries[0]
    request = replace(request, files=(files[SPLIT],), reference=files[CLEAN], **{"view": VIEW, **changes})
    result = rescore(request)
    return result.model_copy(update={"entries": (clean, *result.entries)})


def count_kept(ref: str) -> tuple[int, int]:
    """Right answers and images of the filtered view, from the column itself."""
    evidence, scores = (
        make_answers(ref, skill=0.7),
        open_split(ref).reader.read_column("clip_score.mini-clip"),
    )
    kept = np.array(scores, dtype=np.float64) >= 0.6
    right = evidence.predictions.top5.indices[:, 0] == evidence.predictions.labels[:, 0]
    return int(right[kept].sum()), int(kept.sum())


def test_stored_predictions_are_scored_against_the_twin(tmp_path: Path) -> None:
    """The view's images on both sides, counted here from the columns of scores."""
    gap = rescore_filtered(tmp_path).entries[1].gaps[0]
    (right, total), (clean_right, clean_total) = count_kept(SPLIT), count_kept(CLEAN)
    assert (gap.reference.set, gap.reference.filtered_alike) == (f"{CLEAN}:{VIEW}", True)
    assert (gap.reference.n, gap.reference.top1.value) == (clean_total, clean_right / clean_total)
    assert gap.value == pytest.approx(right / total - clean_right / clean_total)


def test_all_clean_images_are_taken_where_the_user_says_so(tmp_path: Path) -> None:
    """And the gap is marked."""
    entry = rescore_filtered(tmp_path, reference_view=None).entries[1]
    assert (entry.gaps[0].reference.set, entry.gaps[0].reference.filtered_alike) == (CLEAN, False)
    assert any("filtered by clip_score.mini-clip" in text for text in entry.warnings)


def test_the_counts_behind_a_gap_are_those_of_the_twin(tmp_path: Path) -> None:
    """An interval of effective robustness draws from the images that the gap was measured on."""
    counts = load_pair_counts(rescore_filtered(tmp_path), tmp_path)[f"{SPLIT}:{VIEW}"]
    assert counts.reference is not None
    found = (int(counts.reference.right.sum()), int(counts.reference.total.sum()))
    assert found == count_kept(CLEAN)


def test_a_filtered_view_has_the_gap_of_an_average_class(tmp_path: Path) -> None:
    """Counted here class by class; a whole split has none, and neither had version 1."""
    gap = rescore_filtered(tmp_path).entries[1].gaps[0]
    by_class = []
    for ref in (SPLIT, CLEAN):
        evidence = select_view(make_answers(ref, skill=0.7), open_split(ref), VIEW)
        labels, best = evidence.predictions.labels[:, 0], evidence.predictions.top5.indices[:, 0]
        by_class.append({c: float((best[labels == c] == c).mean()) for c in np.unique(labels)})
    shared = by_class[0].keys() & by_class[1].keys()
    assert gap.balanced is not None
    assert gap.balanced.num_classes == len(shared)
    assert gap.balanced.value == pytest.approx(np.mean([by_class[0][c] - by_class[1][c] for c in shared]))
    assert gap.balanced.low is not None
    assert gap.balanced.high is not None
    assert gap.balanced.low < gap.balanced.value < gap.balanced.high
    assert read_balanced(gap)[0].startswith(f"with each of {len(shared)} classes counted alike, AG ")
    assert rescore_filtered(tmp_path, view=None).entries[1].gaps[0].balanced is None
    assert rescore_filtered(tmp_path, statistics=1).entries[1].gaps[0].balanced is None
