"""Answers stored and pictures shown, without a browser."""

from __future__ import annotations

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from image_sets import encode, make_image
from PIL import Image
from rating_cases import CLASSES, open_audit, write_audit, write_folders

from imagenet_g.benchmark.audits.files import load_ratings, load_sample, make_ratings_path, write_sample
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.leaderboard.rating_page.desk import RatingDesk
from imagenet_g.leaderboard.rating_page.page import list_calls
from imagenet_g.leaderboard.rating_page.pictures import EXAMPLE_PX, LONG_SIDE_PX
from imagenet_g.leaderboard.rating_page.requests import RequestError
from imagenet_g.leaderboard.rating_page.server import open_desk

CODE = "willow-482"
TOTAL = 9


def answer(
    desk: RatingDesk, position: int, said: str = "yes", quality: int | None = 3, code: str = CODE
) -> Any:
    """Store an answer and return the reply."""
    words = {"code": code, "sheet": desk.sheet, "position": position, "answer": said, "quality": quality}
    return desk.store_answer(words)


def read_answers(desk: RatingDesk, code: str = CODE) -> list[tuple[str, int | None]]:
    """Stored answers in the order of their pictures."""
    found = load_ratings(make_ratings_path(desk.folder, code), load_sample(desk.folder)).answers
    return [(found[item].answer, found[item].quality) for item in desk._order(code) if item in found]


def read_picture(address: object) -> Image.Image:
    """The image in a data address."""
    head, _, data = str(address).partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_an_answer_is_on_the_disk_before_the_next_picture_is_shown(desk: RatingDesk) -> None:
    """One line a picture."""
    assert desk.open_rater({"code": CODE})["position"] == 0
    reply = answer(desk, 0, "no", 2)
    assert read_answers(desk) == [("no", 2)]
    assert (reply["position"], reply["answered"]) == (1, 1)


def test_a_new_server_goes_on_where_the_file_ends(desk: RatingDesk) -> None:
    """Nothing is kept in memory."""
    answer(desk, 0)
    answer(desk, 1)
    assert open_audit(desk.folder).open_rater({"code": CODE})["position"] == 2


def test_a_torn_last_line_is_asked_for_again(desk: RatingDesk) -> None:
    """And the whole lines before it stay."""
    answer(desk, 0)
    answer(desk, 1)
    path = make_ratings_path(desk.folder, CODE)
    path.write_bytes(path.read_bytes()[:-20])
    assert desk.open_rater({"code": CODE})["position"] == 1
    answer(desk, 1, "no")
    assert read_answers(desk) == [("yes", 3), ("no", 3)]


@pytest.mark.parametrize("left", [b"", b'{"schema_ver'])
def test_a_file_that_a_kill_left_without_its_header_is_begun_again(desk: RatingDesk, left: bytes) -> None:
    """Nothing was answered in it."""
    path = make_ratings_path(desk.folder, CODE)
    path.parent.mkdir()
    path.write_bytes(left)
    assert open_desk(desk.folder, data={}).open_rater({"code": CODE})["answered"] == 0
    answer(desk, 0)
    assert read_answers(desk) == [("yes", 3)]


def test_going_back_shows_the_stored_answer_and_another_one_replaces_it(desk: RatingDesk) -> None:
    """The picture behind it comes next again."""
    answer(desk, 0, "no", 1)
    shown = desk.show_picture({"code": CODE, "sheet": desk.sheet, "position": 0})
    assert (shown["answer"], shown["quality"]) == ("no", 1)
    assert answer(desk, 0, "yes", 5)["position"] == 1
    assert read_answers(desk) == [("yes", 5)]


def test_an_unchanged_answer_writes_no_second_line(desk: RatingDesk) -> None:
    """A key pressed twice, or a walk through old answers."""
    answer(desk, 0)
    before = make_ratings_path(desk.folder, CODE).read_bytes()
    answer(desk, 0)
    assert make_ratings_path(desk.folder, CODE).read_bytes() == before


def test_the_last_answer_ends_the_audit(desk: RatingDesk) -> None:
    """Pictures that were passed over come first."""
    for position in range(1, TOTAL):
        reply = answer(desk, position)
    assert (reply["kind"], reply["position"]) == ("question", 0)
    assert answer(desk, 0)["kind"] == "finished"
    assert desk.open_rater({"code": CODE})["kind"] == "finished"


def test_quality_may_be_left_out_with_cannot_say_alone(desk: RatingDesk) -> None:
    """The mean quality is of all images, so that a no needs it too."""
    for said in ("yes", "no"):
        with pytest.raises(RequestError, match="quality"):
            answer(desk, 0, said, None)
    answer(desk, 0, "cannot say", None)
    assert read_answers(desk) == [("cannot say", None)]


def test_each_code_has_an_order_of_its_own(desk: RatingDesk) -> None:
    """The same each time, with every picture once."""
    orders = {desk._order(f"fern-{number}") for number in range(100, 110)}
    assert len(orders) == 10
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(desk.pictures.sample.items))}
    assert desk._order(CODE) == open_audit(desk.folder)._order(CODE)


def test_roles_are_mixed_over_the_places_of_an_order(desk: RatingDesk) -> None:
    """The first picture is not always of one role."""
    items = desk.pictures.sample.items
    assert len({items[desk._order(f"fern-{number}")[0]].role for number in range(100, 130)}) == 3


def test_no_reply_holds_a_role_an_id_or_a_name(desk: RatingDesk) -> None:
    """Whatever is asked, of whichever picture."""
    sample = desk.pictures.sample.sample
    hidden = {item.item for item in sample.items} | {item.image_id for item in sample.items}
    hidden |= {"control", "generated", "role", "photo_", ".png", ".jpeg", sample.split.ref, *CLASSES}
    for position in range(TOTAL):
        place = {"code": CODE, "sheet": desk.sheet, "position": position}
        for reply in (desk.show_picture(place), desk.show_examples(place), answer(desk, position)):
            words = json.dumps({name: value for name, value in reply.items() if "picture" not in name})
            assert not [word for word in hidden if word in words]


def test_all_pictures_have_one_format_and_one_long_side(desk: RatingDesk) -> None:
    """Without metadata, whatever files they come from."""
    place = {"code": CODE, "sheet": desk.sheet}
    shown = [desk.show_picture(place | {"position": position})["picture"] for position in range(TOTAL)]
    pictures = [read_picture(picture) for picture in shown]
    assert {max(picture.size) for picture in pictures} == {LONG_SIDE_PX}
    assert not any({"exif", "icc_profile", "xmp"} & set(picture.info) for picture in pictures)


def test_examples_are_real_and_of_the_class_and_not_in_the_sample(desk: RatingDesk, audit: Path) -> None:
    """Three of the four that the sample leaves."""
    drawn = {item.image_id for item in desk.pictures.sample.items.values()}
    reference = desk.pictures.reference
    assert reference is not None
    for position, item in enumerate(desk._order(CODE)):
        reply = desk.show_examples({"code": CODE, "sheet": desk.sheet, "position": position})
        wnid = desk.pictures.sample.items[item].wnid
        left = [n for n, name in enumerate(reference.rows.image_ids) if wnid in name and name not in drawn]
        allowed = {desk.pictures.draw(True, row, EXAMPLE_PX) for row in left}
        assert len(left) == 4
        assert len(set(reply["pictures"])) == 3  # type: ignore[call-overload]
        assert set(reply["pictures"]) <= allowed  # type: ignore[call-overload]


def test_several_raters_at_once_keep_every_answer(desk: RatingDesk) -> None:
    """Each in a file of its own."""
    codes = [f"fern-{number}" for number in range(100, 108)]

    def rate(code: str) -> None:
        for position in range(TOTAL):
            answer(desk, position, "yes", 1 + position % 5, code)

    with ThreadPoolExecutor(len(codes)) as raters:
        list(raters.map(rate, codes))
    wanted = [("yes", 1 + position % 5) for position in range(TOTAL)]
    assert [read_answers(desk, code) for code in codes] == [wanted] * len(codes)


def test_one_rater_on_two_devices_loses_nothing(desk: RatingDesk) -> None:
    """Two servers, even, append to one file."""
    desks = [desk, open_audit(desk.folder)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda position: answer(desks[position % 2], position), range(TOTAL)))
    assert read_answers(desk) == [("yes", 3)] * TOTAL


@pytest.mark.parametrize("code", ["simulated", "simulated-1"])
def test_codes_of_simulated_ratings_are_refused(desk: RatingDesk, code: str) -> None:
    """A person's ratings must not look like a program's."""
    with pytest.raises(RequestError, match="a program made"):
        desk.open_rater({"code": code})


def test_a_page_of_another_sample_is_refused(desk: RatingDesk) -> None:
    """Its places are other pictures."""
    for odd in ({"sheet": "0" * 12}, {"position": TOTAL}):
        with pytest.raises(RequestError, match="another sample"):
            desk.show_picture({"code": CODE, "sheet": desk.sheet, "position": 0} | odd)


def test_a_code_that_is_offered_is_free(desk: RatingDesk) -> None:
    """And can be used as it is."""
    code = str(desk.greet()["code"])
    assert desk.open_rater({"code": code})["answered"] == 0


def test_opening_a_code_writes_nothing(desk: RatingDesk) -> None:
    """A mistyped code leaves no empty file behind."""
    desk.open_rater({"code": CODE})
    assert not (desk.folder / "ratings").exists()


def test_a_damaged_file_is_explained_to_whoever_runs_the_server(
    desk: RatingDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its path is not shown to the rater."""
    answer(desk, 0)
    path = make_ratings_path(desk.folder, CODE)
    path.write_text("{}\n")
    call = next(call for call in list_calls(desk) if call.__name__ == "open_rater")
    refused = str(call({"code": CODE})["refused"])
    assert "could not read or write" in refused
    assert str(path) not in refused
    assert str(path) in capsys.readouterr().err


def test_an_unreadable_picture_can_still_be_answered(tmp_path: Path) -> None:
    """The page says that it cannot be read."""
    split = write_folders(tmp_path / "made", "PNG", (64, 64), 2)
    reference = write_folders(tmp_path / "real", "JPEG", (90, 60), 2)
    for path in (tmp_path / "made").rglob("photo_0.png"):
        path.write_bytes(b"no image")
    desk = open_audit(write_audit(tmp_path / "audit", split, reference))
    place = {"code": CODE, "sheet": desk.sheet}
    shown = [desk.show_picture(place | {"position": position})["picture"] for position in range(TOTAL)]
    assert shown.count("") == 3


def test_examples_say_when_the_reference_has_no_more(tmp_path: Path) -> None:
    """In place of fewer pictures without a word."""
    split = write_folders(tmp_path / "made", "PNG", (64, 64), 1)
    reference = write_folders(tmp_path / "real", "JPEG", (90, 60), 2)
    desk = open_audit(write_audit(tmp_path / "audit", split, reference))
    reply = desk.show_examples({"code": CODE, "sheet": desk.sheet, "position": 0})
    assert reply == {"pictures": [], "note": "The reference has no more pictures of the class."}


def test_images_that_are_not_those_of_the_sample_are_refused(tmp_path: Path, audit: Path) -> None:
    """With both hashes and what to do."""
    next((tmp_path / "made").rglob("photo_1.png")).write_bytes(encode(make_image((9, 9, 9))))
    with pytest.raises(DataError, match=r"hash begins with .* draw a new sample"):
        open_desk(audit, data={})


def test_a_split_that_is_gone_is_named(tmp_path: Path, audit: Path) -> None:
    """By the loader's own message."""
    (tmp_path / "made").rename(tmp_path / "moved")
    with pytest.raises(InputError, match="made"):
        open_desk(audit, data={})


def test_a_folder_with_simulated_ratings_is_not_served(audit: Path) -> None:
    """People's and a program's may not lie together."""
    sample = load_sample(audit)
    header = {"sample_sha256": sample.sha256, "rater": "simulated-1", "simulated": True}
    (audit / "ratings").mkdir()
    (audit / "ratings" / "simulated-1.jsonl").write_text(json.dumps(header) + "\n")
    with pytest.raises(InputError, match="a program made"):
        open_desk(audit, data={})


def test_an_audit_without_a_reference_has_no_examples_and_says_so(tmp_path: Path, audit: Path) -> None:
    """Controls cannot be drawn without one, either."""
    sample = load_sample(audit).sample
    items = tuple(item for item in sample.items if item.role == "generated")
    folder = tmp_path / "alone"
    write_sample(folder, sample.model_copy(update={"reference": None, "items": items}))
    desk = open_desk(folder, data={})
    reply = desk.show_examples({"code": CODE, "sheet": desk.sheet, "position": 0})
    assert reply["pictures"] == []
    assert "without a reference" in str(reply["note"])
