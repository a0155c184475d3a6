"""Rating files survive whatever stops a rater, and files from elsewhere are checked."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest
from audit_cases import make_sample, rate, write_audit
from pydantic import ValidationError

from imagenet_g.benchmark.audits.files import (
    append_rating,
    load_all_ratings,
    load_ratings,
    load_sample,
    make_ratings_path,
    start_ratings,
    write_sample,
)
from imagenet_g.benchmark.audits.records import AuditItem, AuditStratum, Rating, RatingsHeader
from imagenet_g.benchmark.errors import InputError, UntrustedFileError
from imagenet_g.benchmark.identity import hash_file

RATER = "willow-482"


def test_a_sample_that_is_read_again_is_the_one_that_was_written(tmp_path: Path) -> None:
    """With the hash of its file."""
    sample = make_sample()
    path = write_sample(tmp_path, sample)
    loaded = load_sample(tmp_path)
    assert loaded.sample == sample
    assert loaded.sha256 == hash_file(path)


def test_another_sample_does_not_replace_one_that_may_be_rated(tmp_path: Path) -> None:
    """Its ratings would be of no sample."""
    write_sample(tmp_path, make_sample())
    write_sample(tmp_path, make_sample())
    with pytest.raises(InputError, match="holds another sample"):
        write_sample(tmp_path, make_sample(seed=1))


def test_a_later_answer_replaces_an_earlier_one(tmp_path: Path) -> None:
    """Both lines stay in the file."""
    sample = write_audit(tmp_path)
    rate(sample, ["yes", "yes"], folder=tmp_path)
    path = make_ratings_path(tmp_path, RATER)
    item = sample.sample.items[0].item
    append_rating(path, Rating(item=item, answer="no", quality=None, time=None))
    found = load_ratings(path, sample)
    assert found.answers[item].answer == "no"
    assert len(found.answers) == 2
    assert path.read_text().count("\n") == 4


@pytest.mark.parametrize("cut", range(1, 40, 7))
def test_a_torn_last_line_is_left_out_and_removed_by_the_next_answer(tmp_path: Path, cut: int) -> None:
    """As a process leaves it that is killed in the middle of a write."""
    sample = write_audit(tmp_path)
    rate(sample, ["yes", "no"], folder=tmp_path)
    path = make_ratings_path(tmp_path, RATER)
    path.write_bytes(path.read_bytes()[:-cut])
    found = load_ratings(path, sample)
    assert found.torn
    assert len(found.answers) == 1
    rate(sample, ["yes", "cannot say"], folder=tmp_path)
    again = load_ratings(path, sample)
    assert [rating.answer for rating in again.answers.values()] == ["yes", "cannot say"]
    assert not again.torn


def test_a_file_whose_header_was_torn_is_begun_again(tmp_path: Path) -> None:
    """Nothing was rated in it yet."""
    sample = write_audit(tmp_path)
    path = make_ratings_path(tmp_path, RATER)
    path.parent.mkdir()
    path.write_bytes(b'{"schema_ver')
    rate(sample, ["yes"], folder=tmp_path)
    assert len(load_ratings(path, sample).answers) == 1


@pytest.mark.parametrize("left", [b"", b'{"schema_ver'])
def test_a_file_without_a_whole_header_is_passed_over_among_all(tmp_path: Path, left: bytes) -> None:
    """What a kill leaves must not keep the others from being read."""
    sample = write_audit(tmp_path)
    rate(sample, ["yes"], folder=tmp_path)
    make_ratings_path(tmp_path, "fern-100").write_bytes(left)
    assert [len(found.answers) for found in load_all_ratings(tmp_path, sample)] == [1]


def test_a_file_that_was_begun_keeps_its_ratings_when_it_is_begun_again(tmp_path: Path) -> None:
    """A rater comes back."""
    sample = write_audit(tmp_path)
    rate(sample, ["yes"], folder=tmp_path)
    start_ratings(tmp_path, RatingsHeader(sample_sha256=sample.sha256, rater=RATER, simulated=False))
    assert len(load_ratings(make_ratings_path(tmp_path, RATER), sample).answers) == 1


def _append_many(path: Path, items: list[str]) -> None:
    for item in items:
        append_rating(path, Rating(item=item, answer="yes", quality=None, time=None))


def test_two_processes_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    """One rater with two windows."""
    sample = write_audit(tmp_path)
    rate(sample, [], folder=tmp_path)
    path, items = make_ratings_path(tmp_path, RATER), sorted(sample.items)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append_many, args=(path, part)) for part in (items[:9], items[9:])]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert load_ratings(path, sample).answers.keys() == sample.items.keys()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"item": "0123456789ab", "answer": "maybe", "quality": null, "time": null}', "answer"),
        ('{"item": "0123456789ab", "answer": "yes", "quality": 6, "time": null}', "quality"),
        ('{"item": "../../etc", "answer": "yes", "quality": null, "time": null}', "item"),
        ('{"item": "0123456789ab", "answer": "yes", "quality": null, "time": null, "name": "A"}', "name"),
        ("not json", "Invalid JSON"),
        ('{"item": "0123456789ab", "answer": "yes", "quality": null, "time": null}', "was not drawn"),
    ],
)
def test_a_line_that_is_no_rating_of_the_sample_is_refused(tmp_path: Path, line: str, message: str) -> None:
    """By the number of the line, and nothing else in the file is used."""
    sample = write_audit(tmp_path)
    rate(sample, ["yes"], folder=tmp_path)
    path = make_ratings_path(tmp_path, RATER)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(UntrustedFileError, match=message):
        load_ratings(path, sample)


def test_ratings_of_another_sample_are_refused(tmp_path: Path) -> None:
    """Its items are other images."""
    first = write_audit(tmp_path / "one")
    rate(first, ["yes"], folder=tmp_path / "one")
    second = write_audit(tmp_path / "two", make_sample(seed=1))
    path = make_ratings_path(tmp_path / "two", RATER)
    path.parent.mkdir()
    path.write_bytes(make_ratings_path(tmp_path / "one", RATER).read_bytes())
    with pytest.raises(InputError, match="rates another sample"):
        load_ratings(path, second)


@pytest.mark.parametrize(
    ("rater", "simulated"),
    [("simulated-1", False), ("willow-482", True), ("Jane Doe", False), ("../x", False)],
)
def test_a_code_that_is_a_name_or_hides_what_made_it_is_refused(rater: str, simulated: bool) -> None:
    """Only a simulated rater's code begins with "simulated-", and no code can be a path."""
    with pytest.raises(ValidationError):
        RatingsHeader(sample_sha256="0" * 64, rater=rater, simulated=simulated)


def test_peoples_and_simulated_ratings_are_never_read_together(tmp_path: Path) -> None:
    """Their mean would be of neither."""
    sample = write_audit(tmp_path)
    rate(sample, ["yes"], folder=tmp_path)
    rate(sample, ["yes"], rater="simulated-1", folder=tmp_path)
    with pytest.raises(InputError, match="of people and simulated"):
        load_all_ratings(tmp_path, sample)


def test_a_file_under_another_raters_name_is_refused(tmp_path: Path) -> None:
    """One rater would count twice."""
    sample = write_audit(tmp_path)
    rate(sample, ["yes"], folder=tmp_path)
    path = make_ratings_path(tmp_path, RATER)
    path.with_name("amber-100.jsonl").write_bytes(path.read_bytes())
    with pytest.raises(UntrustedFileError, match=f"name it {RATER}"):
        load_all_ratings(tmp_path, sample)


@pytest.mark.parametrize(
    "change", [{"wnid": "n01440764"}, {"weight": 1.0}, {"role": "generated"}, {"weight": -1.0}]
)
def test_an_item_whose_parts_contradict_one_another_is_refused(change: dict[str, object]) -> None:
    """A wrong control asked about its own class would count against raters who are right."""
    item = {
        "item": "0123456789ab", "image_id": "a", "wnid": "n01443537", "own_wnid": "n01440764",
        "role": "wrong control", "weight": None,
    }  # fmt: skip
    AuditItem.model_validate(item)
    with pytest.raises(ValidationError):
        AuditItem.model_validate(item | change)


@pytest.mark.parametrize("text", ["{}", "[]", "nonsense", '{"schema_version": 2}'])
def test_what_is_no_sample_is_refused_with_one_message(tmp_path: Path, text: str) -> None:
    """By its file."""
    (tmp_path / "sample.json").write_text(text)
    with pytest.raises(UntrustedFileError, match="is no valid sample"):
        load_sample(tmp_path)


def test_a_sample_with_two_items_of_one_id_is_refused(tmp_path: Path) -> None:
    """An answer would count for both."""
    path = write_sample(tmp_path, make_sample())
    table = json.loads(path.read_text())
    table["items"].append(table["items"][0])
    path.write_text(json.dumps(table))
    with pytest.raises(UntrustedFileError, match="two items have one id"):
        load_sample(tmp_path)


def test_a_sample_whose_strata_contradict_its_items_is_refused(tmp_path: Path) -> None:
    """An image was taken out of it by hand."""
    path = write_sample(tmp_path, make_sample())
    table = json.loads(path.read_text())
    first = next(item for item in table["items"] if item["role"] == "generated")
    table["items"].remove(first)
    path.write_text(json.dumps(table))
    with pytest.raises(UntrustedFileError, match="other numbers of drawn images"):
        load_sample(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": 1e9}, "the weights add up to"),
        ({"weight": 1e-300}, "stands at least for itself"),
        ({"image_id": "same"}, "drawn twice"),
    ],
)
def test_a_sample_with_an_item_changed_by_hand_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    """One image would weigh more, less, or twice, and the share of valid images would move unseen."""
    path = write_sample(tmp_path, make_sample())
    table = json.loads(path.read_text())
    for item in [item for item in table["items"] if item["role"] == "generated"][:2]:
        item.update(change)
    path.write_text(json.dumps(table))
    with pytest.raises(UntrustedFileError, match=message):
        load_sample(tmp_path)


def test_a_stratum_has_no_more_drawn_images_than_images() -> None:
    """Its images would stand for fewer than themselves."""
    with pytest.raises(ValidationError, match="3 images are drawn of 2"):
        AuditStratum(population=2, drawn=3)


@pytest.mark.parametrize("quality", [True, "5", 3.0])
def test_a_quality_is_a_whole_number(quality: object) -> None:
    """True is not read as the worst quality."""
    fields = {"item": "0123456789ab", "answer": "yes", "quality": quality, "time": None}
    with pytest.raises(ValidationError):
        Rating.model_validate_json(json.dumps(fields))


def test_a_class_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    """It has the form of a wnid, and could be neither shown nor compared with answers."""
    path = write_sample(tmp_path, make_sample())
    known = make_sample().items[0].own_wnid
    path.write_text(path.read_text().replace(known, "n99999999"))
    with pytest.raises(UntrustedFileError, match="'n99999999' is none of the 1000 classes"):
        load_sample(tmp_path)
