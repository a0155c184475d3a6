"""`imagenet-g adopt`: from images that were made elsewhere to a release that every command takes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from adopted_sets import (
    WNIDS,
    adopt,
    make_noise,
    read_columns,
    read_ids,
    read_recipe,
    write_files,
    write_folders,
)

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.splits.manifests import FileRecord, load_manifest, write_manifest


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders by wnid, adopted; tests copy it before they change it."""
    root = tmp_path_factory.mktemp("adopted")
    words = ("--generator", "org/model", "--paper", "A paper, 2024", "--license", "MIT")
    return adopt(write_folders(root / "source"), root / "release", *words)


def copy(release: Path, out: Path) -> Path:
    """A copy that a test may damage."""
    import shutil

    shutil.copytree(release, out)
    return out


def test_an_id_is_the_short_hash_of_pixels_wnid_and_copy(release: Path) -> None:
    """Computed here from its words alone."""
    for image_id, wnid, pixels in read_ids(release):
        assert image_id == hashlib.sha256(f"{pixels}/{wnid}/0".encode()).hexdigest()[:16]


def test_rows_hold_what_is_known_and_null_for_the_rest(release: Path) -> None:
    """No seed and no prompt is made up."""
    rows = read_columns(release, "label", "generator", "recipe", "seed", "prompt", "source_file")
    assert rows[0][:5] == (0, "org/model", "adopted", None, None)
    assert {row[-1] for row in rows} == {f"{WNIDS[k]}/{k}-{n}.png" for k in range(3) for n in range(2)}


def test_the_manifest_says_where_images_are_from_and_that_they_cannot_be_remade(release: Path) -> None:
    """As typed; seeds are unknown always."""
    recipe = read_recipe(release)
    assert recipe["reproducibility"] == "cannot be remade"
    assert recipe["recipe"] == {
        "kind": "adopted",
        "generator": "org/model",
        "paper": "A paper, 2024",
        "citation": None,
        "license": "MIT",
        "seed": "unknown",
        "spec": None,
    }


def test_no_path_of_this_machine_is_in_the_release(release: Path) -> None:
    """A release is handed on."""
    for file in release.rglob("*"):
        if file.is_file():
            assert str(release.parent).encode() not in file.read_bytes()


def test_verify_checks_everything_exits_0_and_says_that_nothing_was_rendered(
    release: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Nothing is wrong with a set because it cannot be rendered."""
    assert main(["verify", str(release), "--json", str(tmp_path / "report.json")]) == 0
    printed = capsys.readouterr().out
    assert "drawn: cannot be remade: the set was adopted, and nothing was rendered" in printed
    assert json.loads((tmp_path / "report.json").read_text())["splits"][0]["level"] == "cannot be remade"


def rewrite(release: Path, change: dict[str, object], row: int = 0) -> None:
    """Change a row and give the manifest the new hash, as someone would who wants to go unnoticed."""
    manifest = load_manifest(release)
    split = manifest.splits["drawn"]
    path = release / split.files[0].path
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[row] |= change
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), path)
    files = (
        FileRecord(
            path=split.files[0].path,
            sha256=hash_file(path),
            num_bytes=path.stat().st_size,
            num_rows=len(rows),
        ),
    )
    write_manifest(
        release, manifest.model_copy(update={"splits": {"drawn": split.model_copy(update={"files": files})}})
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": {"bytes": make_noise(99), "path": None}}, "has other pixels than its row states"),
        (
            {"image": {"bytes": b"no image", "path": None}},
            "cannot be read: not an image file but a text file",
        ),
        ({"image_id": "0" * 16}, "image id '0000000000000000' does not follow from its pixels and class"),
        ({"wnid": WNIDS[1]}, "which do not agree"),
        ({"wnid": WNIDS[1], "label": 1}, "does not follow from its pixels and class"),
    ],
)
def test_verify_finds_a_changed_row_whose_file_has_the_hash_of_the_manifest(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], said: str
) -> None:
    """Hashes of files alone would not show it."""
    changed = copy(release, tmp_path / "changed")
    rewrite(changed, change)
    assert main(["verify", str(changed)]) == 1
    assert said in capsys.readouterr().out


def test_verify_finds_a_damaged_file(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with any release."""
    changed = copy(release, tmp_path / "changed")
    path = changed / load_manifest(changed).splits["drawn"].files[0].path
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["verify", str(changed)]) == 1
    assert "DAMAGED" in capsys.readouterr().out


def test_an_adopted_split_is_evaluated_like_any_other(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the generator as its origin."""
    words = ["--split", "gen-1/drawn", "--data", f"gen-1={release}", "--out", str(tmp_path / "out")]
    model = ["--model", "timm:packaged:mini-resnet-s", "--cache", str(tmp_path / "cache")]
    assert main(["evaluate", *model, *words]) == 0
    (file,) = (tmp_path / "out").rglob("result.json")
    (entry,) = json.loads(file.read_text())["entries"]
    assert (entry["n"], entry["split"]["origin"]["generators"]) == (6, ["org/model"])


def test_an_unknown_generator_is_unknown_and_not_none(tmp_path: Path) -> None:
    """'No generator' would say that the images are photographs."""
    from imagenet_g.benchmark.splits.releases import load_release_split

    out = adopt(write_folders(tmp_path / "source"), tmp_path / "release")
    origin = load_release_split(out, "drawn", cache=None).record.origin
    assert origin is not None
    assert origin.generators is None


def test_copies_within_a_class_are_numbered_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each copy has an id of its own."""
    source = write_folders(tmp_path / "source")
    write_files(source, {f"{WNIDS[0]}/again.png": make_noise(0)})
    out = adopt(source, tmp_path / "release")
    twice = read_ids(out)
    pixels = [row[2] for row in twice]
    (copied,) = {one for one in pixels if pixels.count(one) == 2}
    expected = {hashlib.sha256(f"{copied}/{WNIDS[0]}/{k}".encode()).hexdigest()[:16] for k in range(2)}
    assert {row[0] for row in twice if row[2] == copied} == expected
    assert "1 images are copies" in capsys.readouterr().out


def test_the_same_pixels_in_two_classes_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of the two labels must be wrong."""
    source = write_folders(tmp_path / "source")
    write_files(source, {f"{WNIDS[1]}/again.png": make_noise(0)})
    adopt(source, tmp_path / "release")
    assert "2 images are in several classes with the same pixels" in capsys.readouterr().out


def test_a_second_split_joins_the_release_and_leaves_the_first_as_it_was(
    release: Path, tmp_path: Path
) -> None:
    """Licences are those of all images."""
    out = copy(release, tmp_path / "both")
    first = load_manifest(out).splits["drawn"]
    adopt(write_folders(tmp_path / "source", per_class=1), out, "--license", "CC0-1.0", split="more")
    manifest = load_manifest(out)
    assert manifest.splits["drawn"] == first
    assert (manifest.splits["more"].num_images, manifest.license) == (3, "CC0-1.0 AND MIT")
    assert main(["verify", str(out)]) == 0


def test_a_split_that_is_there_is_not_replaced(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A release does not change."""
    out = copy(release, tmp_path / "both")
    adopt(write_folders(tmp_path / "source", per_class=1), out, code=2)
    assert "has a split 'drawn' already" in capsys.readouterr().err
    assert load_manifest(out) == load_manifest(release)


def test_an_adopted_split_is_filtered_like_any_other(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the scorer of another release, which gives it that release's views."""
    monkeypatch.setenv("IMAGENET_G_SCORES", str(tmp_path / "scores"))
    words = ["--data", f"gen-1={release}", "--cache", str(tmp_path / "cache"), "--workers", "1"]
    assert main(["filter", "gen-1/drawn", "--like", "mini-v2", *words]) == 0
    assert "gen-1/drawn:clip-filtered: " in capsys.readouterr().out


def test_the_card_cites_the_paper_of_the_images_and_no_other(release: Path, tmp_path: Path) -> None:
    """Words of whoever adopted a set cannot become markup, or end the block of code."""
    (tmp_path / "paper.bib").write_text("@misc{a,\n  title = {T}\n}\n```\n<script>")
    words = ("--generator", "<b>`x`</b>", "--license", "MIT", "--citation", str(tmp_path / "paper.bib"))
    out = adopt(write_folders(tmp_path / "source"), tmp_path / "out", *words)
    assert main(["publish", str(out), "--to", str(tmp_path / "tree")]) == 0
    card = (tmp_path / "tree" / "README.md").read_text()
    assert "@misc{a," in card
    assert "bansal2023leaving" not in card
    assert "generator: ``<b>`x`</b>``" in card
    assert card.count("```") % 2 == 0


def test_a_folder_holds_built_splits_or_adopted_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One version has one kind of origin, whichever came first."""
    from build_specs import build, make_noise_spec

    from imagenet_g.benchmark.errors import DataError

    source = write_folders(tmp_path / "source")
    out = adopt(source, tmp_path / "adopted", "--version", "tiny")
    with pytest.raises(DataError, match="which was adopted and not built"):
        build(make_noise_spec(), out)
    assert list(load_manifest(out).splits) == ["drawn"]
    build(make_noise_spec(), tmp_path / "built")
    before = load_manifest(tmp_path / "built")
    adopt(source, tmp_path / "built", "--version", "tiny", code=2)
    assert "which was built and not adopted" in capsys.readouterr().err
    assert load_manifest(tmp_path / "built") == before
