"""Tests of `mini/renditions`: the hand-checked tables, the builder, and the release in the package."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter, defaultdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.identity import make_image_id
from imagenet_g.benchmark.images.decoding import hash_pixels
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.releases import load_release_split
from imagenet_g.generation.edition.art_sources import (
    ArtSetSpec,
    ArtSpec,
    EmojiSpec,
    load_art,
    load_art_sets,
    load_emoji,
)
from imagenet_g.generation.edition.renditions import (
    LICENSES_NAME,
    format_licenses,
    list_renderers,
    write_renditions,
)

MINI = Path(str(files("imagenet_g.benchmark.data") / "mini"))
TABLES = files("imagenet_g.generation.data")
LEFT_OUT = tuple(csv.DictReader((TABLES / "renditions_left_out.csv").read_text("utf-8").splitlines()))
LEMMA_REASON = "the name is a lemma of the synset"
FALSE_FRIENDS = {
    "mouse": 673,
    "building-construction": 517,
    "kite": 21,
    "pick": 714,
    "balloon": 417,
    "flashlight": 862,
    "lollipop": 929,
    "wing": 908,
    "notebook": 681,
    "roasted-sweet-potato": 684,
    "poultry-leg": 542,
    "tangerine": 950,
    "telephone": 528,
}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Every row of the split in the package."""
    (file,) = load_manifest(MINI).splits["renditions"].files
    found: list[dict[str, Any]] = pq.read_table(MINI / file.path).to_pylist()
    return found


def fold_name(name: str) -> str:
    """Letters only, singular: "mobile-phone" and "Mobile phones" are one."""
    return re.sub(r"[^a-z]", "", name.lower()).rstrip("s")


def test_every_emoji_names_its_class_rightly() -> None:
    """wnid, index and name of a row are of one class."""
    classes = load_classes()
    for spec in load_emoji():
        info = classes[spec.index]
        assert (spec.wnid, spec.class_name) == (info.wnid, info.name)


def test_each_emoji_shows_one_class() -> None:
    """No emoji is in the map twice, by name or by code point."""
    for names in ([spec.emoji_name for spec in load_emoji()], [spec.emoji for spec in load_emoji()]):
        assert len(names) == len(set(names))


def test_every_code_point_is_an_assigned_character() -> None:
    """Unicode's own table knows each; newer ones may be unknown to an older Python."""
    for spec in load_emoji():
        for point in spec.emoji.split():
            character = chr(int(point.removeprefix("U+"), 16))
            assert unicodedata.category(character) in {"So", "Cf", "Mn", "Cn"}, spec.emoji_name


def test_a_match_by_lemma_is_a_lemma() -> None:
    """Where the stated reason is a name, WordNet has that name for the synset."""
    classes = load_classes()
    for spec in load_emoji():
        stated = re.match("(.+) is a lemma", spec.why)
        if stated is not None:
            name = spec.emoji_name if spec.why == LEMMA_REASON else stated[1]
            lemmas = classes[spec.index].lemmas.split(", ")
            assert fold_name(name) in {fold_name(lemma) for lemma in lemmas}, spec


def test_a_match_by_anything_else_says_why() -> None:
    """No row is without its reason."""
    assert all(len(spec.why) > 8 for spec in load_emoji())


def test_other_right_classes_are_other_classes() -> None:
    """`also` lists class indices, never the label itself."""
    for spec in load_emoji():
        assert spec.index not in spec.also
        assert all(0 <= index < 1000 for index in spec.also)


@pytest.mark.parametrize(("emoji_name", "index"), FALSE_FRIENDS.items())
def test_a_false_friend_is_left_out_with_its_reason(emoji_name: str, index: int) -> None:
    """Same word or look as a synset, but another thing."""
    assert emoji_name not in {spec.emoji_name for spec in load_emoji()}
    assert (index, emoji_name) in {(int(row["index"]), row["emoji_name"]) for row in LEFT_OUT}


def test_there_are_at_least_120_classes_in_at_least_four_art_sets_each() -> None:
    """The split's promise."""
    index_by_emoji = {spec.emoji_name: spec.index for spec in load_emoji()}
    art_sets: dict[int, set[str]] = defaultdict(set)
    for piece in load_art():
        art_sets[index_by_emoji[piece.emoji_name]].add(piece.art_set)
    assert len(art_sets) >= 120
    assert min(len(names) for names in art_sets.values()) >= 4


def test_no_drawing_is_used_that_was_refused() -> None:
    """An art set left out of a class stays out."""
    used = {(piece.emoji_name, piece.art_set) for piece in load_art()}
    index_by_emoji = {spec.emoji_name: spec.index for spec in load_emoji()}
    for row in LEFT_OUT:
        if index_by_emoji.get(row["emoji_name"]) == int(row["index"]):
            assert row["art_set"] != "*"
            assert (row["emoji_name"], row["art_set"]) not in used


def test_each_drawing_is_used_once() -> None:
    """No art set's icon stands for two emoji, and no emoji comes twice from an art set."""
    art = load_art()
    assert len({(piece.emoji_name, piece.art_set) for piece in art}) == len(art)
    assert len({(piece.art_set, piece.icon) for piece in art}) == len(art)


def make_toy_art() -> tuple[list[EmojiSpec], list[ArtSpec], list[ArtSetSpec], dict[str, dict[str, bytes]]]:
    """Two classes by two art sets: coloured discs as SVG, coloured squares as raster."""
    art_sets = [art_set for art_set in load_art_sets() if art_set.name in {"fluent-3d", "noto"}]
    emoji = [spec for spec in load_emoji() if spec.emoji_name in {"scorpion", "lemon"}]
    art = [ArtSpec(spec.emoji_name, art_set.name, spec.emoji_name) for spec in emoji for art_set in art_sets]
    discs = {name: make_disc(colour) for name, colour in (("scorpion", "#553"), ("lemon", "#fd0"))}
    squares = {
        name: make_square(colour) for name, colour in (("scorpion", (80, 80, 50)), ("lemon", (250, 220, 0)))
    }
    return emoji, art, art_sets, {"noto": discs, "fluent-3d": squares}


def make_disc(colour: str) -> bytes:
    """A small SVG."""
    disc = f'<circle cx="5" cy="5" r="4" fill="{colour}"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10">{disc}</svg>'.encode()


def make_square(colour: tuple[int, int, int]) -> bytes:
    """A small raster."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(buffer, format="WEBP", lossless=True)
    return buffer.getvalue()


def read_files(folder: Path) -> dict[str, bytes]:
    """Bytes of every file below a folder, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_building_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    """Every file, the manifest too."""
    for name in ("first", "second"):
        write_renditions(tmp_path / name, *make_toy_art())
    first = read_files(tmp_path / "first")
    assert first == read_files(tmp_path / "second")
    assert set(first) == {LICENSES_NAME, "manifest.json", "data/renditions/validation-00000-of-00001.parquet"}


def test_what_is_built_opens_as_a_release(tmp_path: Path) -> None:
    """The evaluation side reads it, hashes checked."""
    write_renditions(tmp_path, *make_toy_art())
    split = load_release_split(tmp_path, "renditions", cache=None)
    assert split.rows.labels.ravel().tolist() == [71, 71, 951, 951]
    assert set(split.views) == {"fluent-3d", "noto", "noto-drawn-104"}


def test_a_missing_option_ends_in_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and the name of the option."""
    assert main(["lab", "renditions"]) == 2
    assert "required: --out. 'imagenet-g lab renditions --help' explains" in capsys.readouterr().err


def test_a_wrong_package_ends_in_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, no traceback, nothing written."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / load_art_sets()[0].tarball_name).write_bytes(b"not it")
    assert main(["lab", "renditions", "--out", str(tmp_path / "out"), "--packages", str(packages)]) == 2
    assert "is not the pinned package" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_package_holds_the_release_whole() -> None:
    """Every hash in the manifest is the file's."""
    split = load_release_split(MINI, "renditions", cache=None)
    assert len(split.rows) == len(load_art())
    assert len(split.class_set.indices) == len({spec.index for spec in load_emoji()})


def test_the_drawings_are_at_most_8_megabytes() -> None:
    """They travel in the wheel."""
    assert sum(file.num_bytes for file in load_manifest(MINI).splits["renditions"].files) <= 8_000_000


def test_rows_are_the_tables_drawings_in_order(rows: list[dict[str, Any]]) -> None:
    """What the tables say is what the file holds."""
    expected = [(piece.emoji_name, piece.art_set) for piece in load_art()]
    assert [(row["emoji_name"], row["hand"]) for row in rows] == expected
    emoji = {spec.emoji_name: spec for spec in load_emoji()}
    for row in rows:
        spec = emoji[row["emoji_name"]]
        found = (row["label"], row["wnid"], row["emoji"], tuple(row["also"]))
        assert found == (spec.index, spec.wnid, spec.emoji, spec.also)


def test_image_ids_follow_from_identity(rows: list[dict[str, Any]]) -> None:
    """The n-th drawing of a class is (mini, renditions, wnid, n)."""
    seen: Counter[str] = Counter()
    for row in rows:
        assert row["image_id"] == make_image_id("mini", "renditions", row["wnid"], seen[row["wnid"]])
        seen[row["wnid"]] += 1


def test_every_image_has_its_recorded_pixels(rows: list[dict[str, Any]]) -> None:
    """256 x 256 RGB, hashing to what the row says."""
    for row in rows:
        image = Image.open(io.BytesIO(row["image"]["bytes"]))
        assert (image.format, image.mode, image.size) == ("WEBP", "RGB", (256, 256))
        assert hash_pixels(image) == row["pixel_sha256"]


def test_no_image_is_blank_and_no_two_are_the_same(rows: list[dict[str, Any]]) -> None:
    """A drawing that failed to render would be plain white."""
    assert len({row["pixel_sha256"] for row in rows}) == len(rows)
    for row in rows:
        pixels = np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))
        assert (pixels != 255).any(axis=2).mean() > 0.02, (row["emoji_name"], row["hand"])


def test_every_row_says_who_drew_it_and_under_which_licence(rows: list[dict[str, Any]]) -> None:
    """The same words as the art set's entry."""
    art_sets = {art_set.name: art_set for art_set in load_art_sets()}
    for row in rows:
        art_set = art_sets[row["hand"]]
        assert (row["author"], row["license"], row["source"]) == (
            art_set.author,
            art_set.license,
            art_set.source,
        )


def test_the_licences_beside_the_data_are_current() -> None:
    """The file is what the art sets' table makes it."""
    assert (MINI / LICENSES_NAME).read_text(encoding="utf-8") == format_licenses(load_art_sets())


def test_row_groups_are_100_rows() -> None:
    """All but the last; the Hub's viewer reads by row group."""
    (file,) = load_manifest(MINI).splits["renditions"].files
    metadata = pq.ParquetFile(MINI / file.path).metadata
    sizes = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    assert set(sizes[:-1]) == {100}


def list_pixels(folder: Path) -> list[str]:
    """Pixel hashes of a release in row order."""
    (file,) = load_manifest(folder).splits["renditions"].files
    return [str(value) for value in pq.read_table(folder / file.path)["pixel_sha256"].to_pylist()]


@pytest.mark.network
def test_a_rebuild_from_npm_is_the_release_in_the_package(tmp_path: Path) -> None:
    """Same pixels always; same bytes where the libraries are the ones it was made with."""
    assert main(["lab", "renditions", "--out", str(tmp_path)]) == 0
    assert list_pixels(tmp_path) == list_pixels(MINI)
    if list_renderers() == load_manifest(MINI).made_with:
        assert read_files(tmp_path) == read_files(MINI)
