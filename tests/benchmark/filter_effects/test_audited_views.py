"""AG on valid images from the folder of an audit and stored answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from judged_cases import make_case

from imagenet_g.benchmark.audits.files import RaterAnswers, append_rating, load_sample, start_ratings
from imagenet_g.benchmark.audits.records import (
    Answer,
    AuditItem,
    AuditSample,
    AuditStratum,
    Rating,
    RatingsHeader,
)
from imagenet_g.benchmark.audits.verdicts import Verdict, list_verdicts
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.filter_effects.audited_tables import make_valid_table
from imagenet_g.benchmark.filter_effects.audited_views import (
    list_valid_weights,
    measure_audited_results,
    measure_valid_accuracies,
)
from imagenet_g.benchmark.predictions.answered_sets import AnsweredSets
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.terminal.tables import print_shown

MODELS, SPLIT, REFERENCE = make_case(num_images=200)


def make_sample(split: Split = SPLIT, num: int = 60) -> AuditSample:
    """The first images, as many of each class; each stands for as many as its class has."""
    infos = load_classes()
    items = tuple(
        AuditItem(
            item=f"{row:012x}",
            image_id=split.rows.image_ids[row],
            wnid=infos[int(split.rows.labels[row, 0])].wnid,
            own_wnid=infos[int(split.rows.labels[row, 0])].wnid,
            role="generated",
            weight=200 / num,
        )
        for row in range(num)
    )
    strata = {item.wnid: AuditStratum(population=10, drawn=3) for item in items}
    return AuditSample(split=split.record, reference=REFERENCE.record, seed=0, strata=strata, items=items)


def answer(row: int) -> Answer:
    """Two of three images are valid, one of six leaves the raters without an answer."""
    return "cannot say" if row % 6 == 5 else "yes" if row % 3 < 2 else "no"


def write_audit(folder: Path, sample: AuditSample) -> None:
    """The folder of an audit with three raters of one mind."""
    folder.mkdir(parents=True)
    (folder / "sample.json").write_text(sample.model_dump_json())
    sha256 = load_sample(folder).sha256
    for rater in ("simulated-a-1", "simulated-b-2", "simulated-c-3"):
        path = start_ratings(folder, RatingsHeader(sample_sha256=sha256, rater=rater, simulated=True))
        for row, item in enumerate(sample.items):
            append_rating(path, Rating(item=item.item, answer=answer(row), quality=None, time=None))


def test_the_accuracy_is_that_of_a_loop_over_valid_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the files; the reference is that of the audit's controls."""
    write_audit(tmp_path / "audit", make_sample())
    monkeypatch.setattr(
        "imagenet_g.benchmark.filter_effects.audited_views.load_answered_sets",
        lambda paths, split, reference, data: tuple(MODELS) if reference == "own/real" else (),
    )
    section = measure_audited_results(tmp_path / "audit", [])
    for model, found in zip(MODELS, section.models, strict=True):
        predictions = model.evidence.predictions
        right = predictions.top5.indices[:60, 0] == predictions.labels[:60, 0]
        valid = np.array([answer(row) == "yes" for row in range(60)])
        accuracy = found.by_treatment[0].accuracy
        assert accuracy is not None
        assert accuracy.value == pytest.approx(right[valid].mean())
        assert found.rated.value == pytest.approx(right.mean())
    assert section.simulated
    assert section.reference == "own/real"


def test_the_gap_is_less_the_accuracy_on_the_reference() -> None:
    """The same images as in the usual gap."""
    section = measure_valid_accuracies(
        MODELS[:1], make_sample(), make_verdicts(), sample_sha256="0" * 64, simulated=True
    )
    found, clean = section.models[0].by_treatment[0], MODELS[0].clean
    assert clean is not None
    right = clean.predictions.top5.indices[:, 0] == clean.predictions.labels[:, 0]
    assert found.gap is not None
    assert found.accuracy is not None
    assert found.gap.value == pytest.approx(found.accuracy.value - right.mean())


def make_verdicts() -> tuple[Verdict, ...]:
    """Of the raters of `answer`."""
    sample = make_sample()
    header = RatingsHeader(sample_sha256="0" * 64, rater="simulated-a-1", simulated=True)
    ratings = {
        item.item: Rating(item=item.item, answer=answer(row), quality=None, time=None)
        for row, item in enumerate(sample.items)
    }
    return list_verdicts(sample, [RaterAnswers(header, ratings, "0" * 64, torn=False)])


def test_the_audited_view_has_the_valid_images_with_their_weights() -> None:
    """As the measurement of filters takes them."""
    weights = list_valid_weights(make_verdicts())
    rows = [row for row in range(60) if answer(row) == "yes"]
    assert weights == pytest.approx({SPLIT.rows.image_ids[row]: 200 / 60 for row in rows})


def test_an_audit_of_a_view_says_that_the_reference_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Part of the gap may be the filter's; an audit of all images has no such note."""
    seen = SPLIT.record.model_copy(update={"ref": "own/sd-l:clip-filtered", "view": "clip-filtered"})
    for sample in (make_sample(), make_sample().model_copy(update={"split": seen})):
        section = measure_valid_accuracies(
            MODELS[:1], sample, make_verdicts(), sample_sha256="0" * 64, simulated=True
        )
        print_shown(make_valid_table(section))
        assert section.view == sample.split.view
        assert ("the reference is whole" in capsys.readouterr().out) == (section.view is not None)


def test_an_audit_of_other_images_is_refused() -> None:
    """Of one name, but with other contents."""
    evidence = MODELS[0].evidence
    record = evidence.record.model_copy(update={"content_sha256": "9" * 64})
    other = AnsweredSets(replace(evidence, record=record), None)
    with pytest.raises(DataError, match="The audit is of 'own/sd-l'"):
        measure_valid_accuracies(
            [other], make_sample(), make_verdicts(), sample_sha256="0" * 64, simulated=True
        )


def test_simulated_ratings_are_said_to_be_so_wherever_they_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the title and below the table."""
    section = measure_valid_accuracies(
        MODELS[:2], make_sample(), make_verdicts(), sample_sha256="0" * 64, simulated=True
    )
    print_shown(make_valid_table(section))
    text = capsys.readouterr().out
    assert "SIMULATED ratings" in text
    assert "say nothing about the images" in text
    assert "never as accuracy over validity" in " ".join(text.split())
