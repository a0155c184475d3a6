"""Audits leave for Label Studio and come back, in its documented JSON format."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from audit_cases import rate, write_audit

from imagenet_g.benchmark.audits.files import LoadedSample, RaterAnswers
from imagenet_g.benchmark.audits.label_studio import CONFIG, make_tasks, read_export
from imagenet_g.benchmark.audits.records import Answer, Rating
from imagenet_g.benchmark.errors import InputError, UntrustedFileError


def export(sample: LoadedSample, *raters: RaterAnswers) -> list[dict[str, Any]]:
    """Tasks with answers, through JSON as a file holds them."""
    tasks = make_tasks(sample, {item: f"images/{item}.png" for item in sample.items}, raters)
    return json.loads(json.dumps(tasks))  # type: ignore[no-any-return]


def read(sample: LoadedSample, tasks: object, *, predictions: bool = False) -> dict[str, list[Rating]]:
    """The ratings by rater code."""
    found = read_export(json.dumps(tasks).encode(), sample, predictions=predictions)
    return {code: ratings for code, (_, ratings) in found.items()}


def test_ratings_of_people_come_back_as_they_left(tmp_path: Path) -> None:
    """Answers, quality and time; raters are numbers there, and codes with these numbers here."""
    sample = write_audit(tmp_path)
    answers: list[Answer] = ["yes", "no", "cannot say"]
    first = rate(sample, answers, rater="label-studio-7", quality=5)
    time = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
    timed = {key: rating.model_copy(update={"time": time}) for key, rating in first.answers.items()}
    first = RaterAnswers(first.header, timed, first.sha256, torn=False)
    second = rate(sample, ["no"], rater="label-studio-3", quality=None)
    found = read(sample, export(sample, first, second))
    assert found == {
        "label-studio-7": list(first.answers.values()),
        "label-studio-3": list(second.answers.values()),
    }


def test_simulated_ratings_leave_as_predictions_and_stay_simulated(tmp_path: Path) -> None:
    """Label Studio shows them as a model's; they are never annotations."""
    sample = write_audit(tmp_path)
    panel = rate(sample, ["yes", "no"], rater="simulated-1")
    tasks = export(sample, panel)
    assert all(task["annotations"] == [] for task in tasks)
    assert read(sample, tasks) == {}
    ((header, ratings),) = read_export(json.dumps(tasks).encode(), sample, predictions=True).values()
    assert header.simulated
    assert ratings == list(panel.answers.values())


def test_a_task_shows_neither_role_nor_label(tmp_path: Path) -> None:
    """Nor the id of the image, which says where it is from."""
    sample = write_audit(tmp_path)
    for task, item in zip(export(sample), sample.sample.items, strict=True):
        text = json.dumps(task)
        assert "control" not in text and "generated" not in text
        assert item.image_id not in text.replace(item.item, "")
        assert set(task["data"]) == {"image", "item", "sample_sha256", "question", "definition"}


def test_the_interface_offers_what_is_read() -> None:
    """Names and choices of the labelling interface are those of the results."""
    view = ElementTree.fromstring(CONFIG)
    assert {choice.get("value") for choice in view.iter("Choice")} == {"yes", "no", "cannot say"}
    assert {tag.tag: tag.get("name") for tag in view if tag.get("toName")} == {
        "Choices": "answer", "Rating": "quality",
    }  # fmt: skip


def annotate(tasks: list[dict[str, Any]], **changes: object) -> list[dict[str, Any]]:
    """One annotation on the first task, as Label Studio writes it."""
    one = {
        "id": 1001,
        "result": [
            {
                "id": "a", "from_name": "answer", "to_name": "image", "type": "choices",
                "origin": "manual", "value": {"choices": ["yes"]},
            }
        ],
        "was_cancelled": False,
        "lead_time": 4.288,
        "completed_by": {"id": 10, "email": "jane@example.org", "first_name": "Jane"},
        "created_at": "2026-03-09T22:16:08.728353Z",
        "updated_at": "2026-03-09T22:16:08.728378Z",
    }  # fmt: skip
    tasks[0]["annotations"] = [*tasks[0]["annotations"], one | changes]
    return tasks


def test_name_and_address_of_an_annotator_are_not_read(tmp_path: Path) -> None:
    """Only the number is."""
    sample = write_audit(tmp_path)
    found = read_export(json.dumps(annotate(export(sample))).encode(), sample)
    assert list(found) == ["label-studio-10"]
    assert "jane" not in repr(found).lower()


def test_the_later_of_two_annotations_counts(tmp_path: Path) -> None:
    """Whichever stands first in the file; times may be in different zones."""
    sample = write_audit(tmp_path)
    no = [{"from_name": "answer", "value": {"choices": ["no"]}}]
    tasks = annotate(export(sample), updated_at="2026-03-10T01:00:00+02:00", result=no)
    tasks = annotate(tasks, updated_at="2026-03-09T22:30:00Z")
    (ratings,) = read(sample, tasks).values()
    assert ratings[-1].answer == "no"


@pytest.mark.parametrize("changes", [{"was_cancelled": True}, {"result": []}, {"completed_by": None}])
def test_an_annotation_without_an_answer_of_someone_is_left_out(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    """Skipped, empty, or of nobody."""
    sample = write_audit(tmp_path)
    assert read(sample, annotate(export(sample), **changes)) == {}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"from_name": "answer", "value": {"choices": ["maybe"]}}, "has the answer"),
        ({"from_name": "answer", "value": {"choices": ["yes", "no"]}}, "has the answer"),
    ],
)
def test_an_answer_that_is_not_offered_is_refused(
    tmp_path: Path, value: dict[str, object], message: str
) -> None:
    """An interface of another wording would be read wrongly."""
    sample = write_audit(tmp_path)
    with pytest.raises(UntrustedFileError, match=message):
        read(sample, annotate(export(sample), result=[value]))


def test_a_quality_out_of_range_is_refused(tmp_path: Path) -> None:
    """Ten stars are not five."""
    sample = write_audit(tmp_path)
    result = [
        {"from_name": "answer", "value": {"choices": ["yes"]}},
        {"from_name": "quality", "value": {"rating": 9}},
    ]
    with pytest.raises(UntrustedFileError, match="quality 9"):
        read(sample, annotate(export(sample), result=result))


def test_an_export_of_another_sample_is_refused(tmp_path: Path) -> None:
    """Its hash is in every task."""
    sample = write_audit(tmp_path)
    tasks = export(sample)
    tasks[0]["data"]["sample_sha256"] = "f" * 64
    with pytest.raises(InputError, match="of another sample"):
        read(sample, tasks)


@pytest.mark.parametrize("data", [b"{}", b"nonsense", b'[{"image": "a.png", "choice": "yes"}]'])
def test_what_is_no_export_is_refused_with_one_message(tmp_path: Path, data: bytes) -> None:
    """Such as the format JSON-MIN."""
    with pytest.raises(UntrustedFileError, match="no export of Label Studio"):
        read_export(data, write_audit(tmp_path))
