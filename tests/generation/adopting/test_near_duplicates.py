"""Near-duplicates of an adopted set: reported, and left out where that was asked for."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from adopted_sets import WNIDS, adopt, read_columns, read_recipe, write_files
from PIL import Image

from imagenet_g.benchmark.cli import main


def draw(seed: int, kind: str = "PNG", **options: int) -> bytes:
    """A picture of large shapes."""
    values = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values).resize((64, 64), Image.Resampling.BICUBIC).save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Four pictures; one again as JPEG in its class, one again in another class, and one of one colour."""
    flat = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(flat, "PNG")
    files = {
        f"{WNIDS[0]}/a.png": draw(1),
        f"{WNIDS[0]}/a.jpg": draw(1, "JPEG", quality=60),
        f"{WNIDS[0]}/b.png": draw(2),
        f"{WNIDS[1]}/b.jpg": draw(2, "JPEG", quality=60),
        f"{WNIDS[1]}/c.png": draw(3),
        f"{WNIDS[2]}/d.png": draw(4),
        f"{WNIDS[2]}/flat.png": flat.getvalue(),
    }
    return write_files(tmp_path / "source", files)


def test_images_that_look_alike_are_reported_and_kept(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With their classes: two labels for one picture is a mistake in one of them."""
    out = adopt(source, tmp_path / "out", "--near-duplicates")
    assert "2 images look like another one (1 of another class); kept" in capsys.readouterr().out
    lines = list(csv.DictReader((out / "near-duplicates" / "drawn.csv").read_text().splitlines()))
    pairs = [{line["image"][-5], line["looks_like"][-5]} for line in lines]
    assert sorted(map(sorted, pairs)) == [["a"], ["b"]]
    assert len(read_columns(out, "image_id")) == 7


def test_they_are_left_out_where_that_was_asked_for(source: Path, tmp_path: Path) -> None:
    """The first of each remains, in order of class; flat images look like any other and are kept."""
    out = adopt(source, tmp_path / "out", "--drop-near-duplicates")
    names = {str(name).rpartition("/")[2] for (name,) in read_columns(out, "source_file")}
    assert len(names & {"a.png", "a.jpg"}) == 1
    assert {"b.png", "c.png", "d.png", "flat.png"} <= names
    assert len(names) == 5
    record = read_recipe(out)["near_duplicates"]
    assert isinstance(record, dict)
    assert (record["within"], record["other_class"], record["flat"], record["dropped"]) == (2, 1, 1, True)
    assert main(["verify", str(out)]) == 0


def test_images_like_one_of_a_reference_are_found(source: Path, tmp_path: Path) -> None:
    """A folder stands for any split."""
    write_files(tmp_path / "other", {f"{WNIDS[0]}/x.jpg": draw(3, "JPEG", quality=70)})
    words = ("--against", f"folder:{tmp_path / 'other'}", "--drop-near-duplicates")
    out = adopt(source, tmp_path / "out", *words)
    record = read_recipe(out)["near_duplicates"]
    assert isinstance(record, dict)
    assert (record["against"], record["within"]) == (1, 2)
    assert not any("c.png" in str(name) for (name,) in read_columns(out, "source_file"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--near-duplicates", "17"), "--near-duplicates 17 is outside 0 to 16 bits"),
        (("--against", "mini/real:imagenet-a"), "--against takes a whole split"),
    ],
)
def test_a_search_that_cannot_be_is_refused(
    words: tuple[str, str], said: str, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before an image is read."""
    adopt(source, tmp_path / "out", *words, code=2)
    assert said in capsys.readouterr().err
