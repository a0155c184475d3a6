"""A measured line becomes part of a version: stored next to its release, hashed, found by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_sets import write_release
from line_cases import make_line
from noisy_models import run_command
from result_cases import make_result

from imagenet_g.baselines.lines.baselines import find_default_line
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.lines.version_lines import (
    attach_lines,
    list_line_files,
    list_version_lines,
    load_lines,
    store_lines,
)
from imagenet_g.benchmark.robustness.attach import explain_mismatch
from imagenet_g.benchmark.robustness.measured_sets import load_measured_baseline, write_measured_baseline


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release of four images."""
    return write_release(tmp_path / "release", [3, 7, 11, 13])


def hash_all(folder: Path) -> dict[str, str]:
    """Every file below a folder."""
    return {str(path): hash_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_storing_a_line_leaves_the_release_byte_by_byte(release: Path) -> None:
    """The line lies beside it."""
    before = hash_all(release)
    folder = store_lines(release, [make_line()])
    assert hash_all(release) == before
    assert folder == release.with_name("release-lines")


def test_a_stored_line_is_found_by_the_name_of_the_version(release: Path) -> None:
    """As it was measured."""
    store_lines(release, [make_line()])
    assert list_version_lines("v9", data={"v9": release}) == (make_line(),)


def test_a_version_that_is_not_available_has_no_lines() -> None:
    """Nothing is looked for beyond this machine, and nothing fails."""
    assert list_version_lines("v1") == ()
    assert list_version_lines("v99") == ()


def test_lines_against_different_clean_sets_stand_side_by_side(release: Path) -> None:
    """A filtered clean set is another axis."""
    lines = [make_line(reference=ref) for ref in ("mini/real", "mini/real:clip-filtered")]
    store_lines(release, lines)
    store_lines(release, [make_line(reference="imagenet-val")])
    assert {line.reference_set for line in load_lines(release, "v9")} == {
        "mini/real",
        "mini/real:clip-filtered",
        "imagenet-val",
    }


def test_a_line_that_is_measured_again_replaces_the_earlier_one(release: Path) -> None:
    """Of the same split, clean set and models."""
    store_lines(release, [make_line()])
    store_lines(release, [make_line(good=1)])
    assert load_lines(release, "v9") == (make_line(good=1),)


def test_a_changed_line_is_refused(release: Path) -> None:
    """Its hash is in the index."""
    folder = store_lines(release, [make_line()])
    (file,) = folder.glob("toy-*.json")
    file.write_text(file.read_text().replace('"model-0"', '"model-9"'))
    with pytest.raises(DataError, match="is not the file that was stored"):
        load_lines(release, "v9")
    with pytest.raises(DataError, match="is not the file that was stored"):
        list_line_files(release)


def test_an_index_leads_nowhere_else(release: Path) -> None:
    """A file name of the index is a name and no path."""
    folder = store_lines(release, [make_line()])
    index = folder / "index.json"
    index.write_text(index.read_text().replace('"file": "toy-', '"file": "../toy-'))
    with pytest.raises(DataError, match="is not an index of lines"):
        load_lines(release, "v9")


def test_lines_of_another_version_are_refused(release: Path) -> None:
    """When they are stored, and when the folder was copied beside another release."""
    with pytest.raises(InputError, match=r"One of the lines is of 'v1/sd-l', the release holds v9/sd-l"):
        store_lines(release, [make_line("v1/sd-l")])
    store_lines(release, [make_line()])
    with pytest.raises(DataError, match="holds the lines of version 'v9', not of 'v8'"):
        load_lines(release, "v8")


def test_a_copy_in_the_hubs_cache_stores_nothing(tmp_path: Path) -> None:
    """The cache belongs to the Hub's client."""
    folder = tmp_path / "datasets--my-lab--imagenet-g" / "snapshots" / ("a" * 40)
    with pytest.raises(InputError, match="download VERSION --to DIR"):
        store_lines(write_release(folder, [3]), [make_line()])


def test_add_makes_a_file_of_baselines_run_part_of_a_version(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One command."""
    write_measured_baseline(tmp_path / "line.json", make_line())
    assert run_command("baselines", "add", str(tmp_path / "line.json"), "--release", str(release)) == 0
    assert "stored the line of v9/sd-l against imagenet-val" in capsys.readouterr().out
    assert load_lines(release, "v9") == (make_line(),)


def test_only_the_lines_of_a_results_own_images_are_attached() -> None:
    """Of two lines on one split the one with the result's clean set is taken."""
    result = make_result(split="imagenet-r", top1=0.5, clean=0.6)
    entry = result.entries[0]
    line = make_line("imagenet-r", content=entry.split.content_sha256)
    other = make_line("imagenet-r", content=entry.split.content_sha256, reference="imagenet-v2")
    assert "covers 2 classes" in str(explain_mismatch(entry, line))
    assert attach_lines(result, [line, other], ["logit"]) == result
    two = result.model_copy(
        update={
            "entries": (
                entry.model_copy(
                    update={"split": entry.split.model_copy(update={"num_classes": 2}), "n": 40}
                ),
            )
        }
    )
    clean = two.entries[0].gaps[0]
    clean = clean.model_copy(update={"reference": clean.reference.model_copy(update={"n": 40})})
    two = two.model_copy(update={"entries": (two.entries[0].model_copy(update={"gaps": (clean,)}),)})
    (record,) = attach_lines(two, [other, line], ["logit"]).entries[0].effective_robustness
    assert record.baseline_sha256 == line.sha256


@pytest.mark.parametrize("version", ["mini", "mini-v2"])
@pytest.mark.parametrize("split", ["sd-l", "sd-i", "sd-li"])
def test_a_shipped_version_has_a_line_for_each_generated_split(version: str, split: str) -> None:
    """Eight classifiers on its images and on mini/real; `evaluate` takes it where no baseline is named."""
    path, reason = find_default_line(f"{version}/{split}", "mini/real")
    assert reason == f"the line that comes with {version}"
    assert len(load_measured_baseline(Path(str(path))).records) == 8


@pytest.mark.parametrize("reference", ["imagenet-val", None])
def test_a_line_over_another_clean_set_is_no_default(reference: str | None) -> None:
    """Its horizontal axis is not the result's."""
    path, _ = find_default_line("mini-v2/sd-l", reference)
    assert path is None


@pytest.mark.parametrize("reference", ["mini/real", "mini/real:clip-filtered"])
@pytest.mark.parametrize("version", ["mini", "mini-v2"])
def test_a_filtered_view_has_the_line_over_the_equally_filtered_clean_set(
    version: str, reference: str
) -> None:
    """That is what it is compared with, whether the whole clean set is named or its view."""
    path, _ = find_default_line(f"{version}/sd-l:clip-filtered", reference)
    assert str(path).endswith("sd-l-clip-filtered-on-mini-real-clip-filtered.json")
