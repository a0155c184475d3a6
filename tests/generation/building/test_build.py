"""Building with a cheap generator: commits, resume, failures, flat images, changed plans, full disks."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from build_specs import (
    CLASSES,
    CountingGenerator,
    build,
    kill_build,
    kill_forked_build,
    make_noise_spec,
    read_release,
    write_spec,
)
from datasets import ClassLabel, Image, load_dataset
from image_sets import write_class_folders

from imagenet_g.benchmark import storage
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError, InputError, ModelError, StorageError
from imagenet_g.benchmark.images.decoding import decode_image, hash_pixels
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.releases import load_release_split
from imagenet_g.generation.releases.recipe import SplitRecipe, parse_split_recipe
from imagenet_g.generation.rendering.engines import run_serial
from imagenet_g.generation.rendering.shards import load_work_rows, make_work_folder
from imagenet_g.generation.rendering.tasks import BuildJob, ShardTask, TaskReport
from imagenet_g.generation.specs.version import VersionSpec


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of noise, built once; tests must not change it."""
    out = tmp_path_factory.mktemp("built") / "release"
    build(make_noise_spec(), out)
    return out


@pytest.fixture
def copied(built: Path, tmp_path: Path) -> Path:
    """A copy of it with the work behind it, to damage and to build on."""
    return shutil.copytree(built, tmp_path / "copied")


def load_recipe(out: Path) -> SplitRecipe:
    """What the manifest says of the split."""
    return parse_split_recipe(load_manifest(out), "sd-l")


def test_a_release_holds_data_plan_probe_card_and_manifest(built: Path) -> None:
    """And nothing else."""
    assert sorted(read_release(built)) == [
        "README.md",
        "data/sd-l/validation-00000-of-00003.parquet",
        "data/sd-l/validation-00001-of-00003.parquet",
        "data/sd-l/validation-00002-of-00003.parquet",
        "manifest.json",
        "plan/sd-l.parquet",
        "probe/sd-l.parquet",
    ]


def test_datasets_loads_a_release_by_its_card(built: Path, tmp_path: Path) -> None:
    """With Image and ClassLabel, the split's name as the configuration."""
    loaded = load_dataset(str(built), "sd-l", split="validation", cache_dir=str(tmp_path / "cache"))
    assert isinstance(loaded.features["image"], Image)
    assert isinstance(loaded.features["label"], ClassLabel)
    assert loaded.features["label"].int2str(loaded[11]["label"]) == CLASSES[2]
    assert loaded[0]["image"].size == (16, 16)


def test_the_benchmark_opens_a_release(built: Path) -> None:
    """With the pixels that the rows' hashes say."""
    split = load_release_split(built, "sd-l", cache=None)
    hashes = split.reader.read_column("pixel_sha256")
    assert len(split.rows) == 12
    assert [hash_pixels(decode_image(split.reader.read_image(row))) for row in range(12)] == hashes


def test_a_build_that_is_done_does_nothing(copied: Path) -> None:
    """No task runs, no byte changes, no file is written again."""
    before, stamp = read_release(copied), (copied / "data").stat().st_mtime_ns
    assert build(make_noise_spec(), copied).tasks == []
    assert read_release(copied) == before
    assert (copied / "data").stat().st_mtime_ns == stamp


def test_two_builds_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    """Every file of the release."""
    build(make_noise_spec(), tmp_path)
    assert read_release(tmp_path) == read_release(built)


def test_shards_built_apart_give_the_same_release(built: Path, tmp_path: Path) -> None:
    """As a job array builds them, in any order."""
    for shards in ((2, 3), (0, 2)):
        build(make_noise_spec(), tmp_path / "parts", shards=shards)
        assert not (tmp_path / "parts" / "manifest.json").exists()
    assert build(make_noise_spec(), tmp_path / "parts").tasks == []
    assert read_release(tmp_path / "parts") == read_release(built)


def test_shards_outside_the_plan_are_refused(tmp_path: Path) -> None:
    """With the range there is."""
    with pytest.raises(InputError, match="not within 0:3"):
        build(make_noise_spec(), tmp_path, shards=(2, 4))


def test_the_tail_of_a_plan_is_rendered_in_a_whole_batch(tmp_path: Path) -> None:
    """5 images of 3 classes in batches of 4 make 15 rows; always 4 are rendered, for the check too."""
    spec = make_noise_spec(images_per_class=5, factory="build_specs:CountingGenerator")
    CountingGenerator.seen.clear()
    build(spec, tmp_path)
    assert CountingGenerator.seen == [4] * (1 + 4)
    assert load_recipe(tmp_path).counts.released == 15


def test_a_changed_recipe_is_refused_with_what_changed(tmp_path: Path) -> None:
    """And nothing in the folder is touched."""
    build(make_noise_spec(), tmp_path, shards=(0, 1))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match=r"belongs to another plan.*batch_size: 4 became 2"):
        build(make_noise_spec(batch_size=2), tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_shards_of_another_plan_are_refused_though_the_plan_is_gone(tmp_path: Path) -> None:
    """Each shard carries its plan's hash."""
    build(make_noise_spec(), tmp_path, shards=(0, 1))
    (tmp_path / "plan" / "sd-l.parquet").unlink()
    with pytest.raises(DataError, match="belongs to another plan"):
        build(make_noise_spec(batch_size=2), tmp_path)


def test_a_new_title_or_view_needs_no_new_images(copied: Path) -> None:
    """Only the recipe is in the plan's hash."""
    view = {"kind": "classes", "class_set": "imagenet-100"}
    assert build(make_noise_spec(title="Other", views={"hundred": view}), copied).tasks == []
    assert load_manifest(copied).title == "Other"


@pytest.mark.parametrize("where", [".build/sd-l/00001.parquet", "plan/sd-l.parquet"])
def test_a_damaged_file_of_the_build_is_remade(copied: Path, where: str) -> None:
    """A shard whose hash is wrong is rendered again, and so is a plan that cannot be read."""
    before = read_release(copied)
    (copied / where).write_bytes(b"PAR1 damaged")
    build(make_noise_spec(), copied)
    assert read_release(copied) == before


def test_a_damaged_file_of_the_release_is_written_again_without_rendering(copied: Path) -> None:
    """From the work that is still there."""
    before = read_release(copied)
    path = copied / "data" / "sd-l" / "validation-00002-of-00003.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert build(make_noise_spec(), copied).tasks == []
    assert read_release(copied) == before


def test_failed_rows_are_kept_with_their_error_and_retried(tmp_path: Path) -> None:
    """The release waits for them, then is what it would have been without the failure."""
    mended = tmp_path / "mended"
    spec = make_noise_spec(factory="build_specs:BrokenOnceGenerator", options={"mended": str(mended)})
    with pytest.raises(DataError, match=r"4 images of 'sd-l' could not be rendered.*class 1 cannot be drawn"):
        build(spec, tmp_path / "out")
    rows = load_work_rows(tmp_path / "out", "sd-l", 1)
    assert {row["error"] for row in rows} == {"RuntimeError: class 1 cannot be drawn"}
    mended.touch()
    assert len(build(spec, tmp_path / "out").tasks) == 1
    build(spec, tmp_path / "straight")
    assert read_release(tmp_path / "out") == read_release(tmp_path / "straight")


def test_failed_rows_can_be_left_out_and_are_listed(tmp_path: Path) -> None:
    """By id, with the error."""
    spec = make_noise_spec(
        factory="build_specs:BrokenOnceGenerator", options={"mended": str(tmp_path / "never")}
    )
    build(spec, tmp_path / "out", leave_out_failed=True)
    recipe = load_recipe(tmp_path / "out")
    assert (recipe.counts.planned, recipe.counts.released, len(recipe.left_out)) == (12, 8, 4)
    assert "could not be rendered" in (tmp_path / "out" / "README.md").read_text()


def test_three_failed_batches_in_a_row_stop_the_run(tmp_path: Path) -> None:
    """Whatever fails so often will fail all night."""
    spec = make_noise_spec(rows_per_shard=100, factory="build_specs:FailingGenerator")
    with pytest.raises(ModelError, match="3 consecutive batches failed: ValueError: out of ideas"):
        build(spec, tmp_path)


def test_flat_images_are_rendered_again_with_a_derived_seed(tmp_path: Path) -> None:
    """The attempt and the seed that was used are in the row."""
    build(make_noise_spec(factory="build_specs:FlatFirstGenerator"), tmp_path)
    rows = pq.read_table(tmp_path / "data/sd-l/validation-00000-of-00003.parquet").to_pylist()
    planned = pq.read_table(tmp_path / "plan/sd-l.parquet").to_pylist()[:4]
    assert [row["attempt"] for row in rows] == [1, 1, 1, 1]
    assert all(row["seed"] != plan["seed"] for row, plan in zip(rows, planned, strict=True))
    counts = load_recipe(tmp_path).counts
    assert (counts.retried, counts.flat) == (4, 0)


def test_images_that_stay_flat_are_marked_counted_and_announced(tmp_path: Path) -> None:
    """Never silently kept."""
    listener = build(make_noise_spec(factory="build_specs:BlackGenerator"), tmp_path)
    rows = pq.read_table(tmp_path / "data/sd-l/validation-00000-of-00003.parquet").to_pylist()
    assert [(row["is_flat"], row["attempt"]) for row in rows] == [(True, 2)] * 4
    assert load_recipe(tmp_path).counts.flat == 12
    assert any("12 images stayed flat" in note for note in listener.notes)
    assert "flat after every attempt: 12" in (tmp_path / "README.md").read_text()


def test_a_missing_source_image_fails_its_row_only(tmp_path: Path) -> None:
    """The other rows of its batch are what they would have been."""
    folder = write_class_folders(tmp_path / "sources", CLASSES, per_class=4)
    spec = make_source_spec(folder)
    build(spec, tmp_path / "whole")
    gone = sorted(folder.rglob("*.png"))[5]
    # The file lists and the plan are made, then a file goes.
    build(spec, tmp_path / "out", shards=(0, 1))

    def remove_then_run(
        job: BuildJob, tasks: Sequence[ShardTask], report: Callable[[TaskReport], None]
    ) -> None:
        gone.unlink(missing_ok=True)
        run_serial(job, tasks, report)

    with pytest.raises(DataError, match=r"1 images of 'sd-i' could not be rendered.*source image"):
        build(spec, tmp_path / "out", engine=remove_then_run)
    whole = {row["image_id"]: row for row in load_work_rows(tmp_path / "whole", "sd-i", 1)}
    rows = load_work_rows(tmp_path / "out", "sd-i", 1)
    assert sum(row["error"] is not None for row in rows) == 1
    assert all(row == whole[row["image_id"]] for row in rows if row["error"] is None)


@pytest.mark.parametrize("words", [["--dry-run"], ["--out", "out"]])
def test_fewer_sources_than_images_are_refused(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four images of a class would start from three sources; the dry run refuses like the build."""
    monkeypatch.chdir(tmp_path)
    folder = write_class_folders(tmp_path / "sources", CLASSES, per_class=3)
    spec = make_source_spec(folder).model_dump(mode="json", exclude_none=True)
    spec["splits"]["sd-i"]["sources"]["repeat"] = False
    path = write_spec(tmp_path / "few.toml", VersionSpec.model_validate(spec))
    assert main(["build", str(path), *words]) == 2
    told = capsys.readouterr().err
    assert "'sd-i' asks for 4 images of class n01440764, which has 3 in its sources" in told
    assert "repeat = true" in told and not (tmp_path / "out").exists()


def test_a_class_without_source_images_stops_the_plan(tmp_path: Path) -> None:
    """Before anything is rendered."""
    folder = write_class_folders(tmp_path / "sources", CLASSES[:2])
    with pytest.raises(InputError, match="n01484850 has no source image"):
        build(make_source_spec(folder), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_one_message_and_the_build_goes_on_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing half-written is taken for a shard."""
    # Without the thread that writes it, whose number is not known before.
    monkeypatch.setattr(storage, "name_temporary", lambda path: path.with_name(f"{path.name}.tmp"))
    folder = make_work_folder(tmp_path, "sd-l")
    folder.mkdir(parents=True)
    (folder / "00001.parquet.tmp").symlink_to("/dev/full")
    with pytest.raises(StorageError, match="No space left"):
        build(make_noise_spec(), tmp_path)
    assert sorted(path.name for path in folder.glob("0*")) == ["00000.json", "00000.parquet"]
    assert len(build(make_noise_spec(), tmp_path).tasks) == 2


def test_generators_that_describe_themselves_differently_are_refused(copied: Path) -> None:
    """Other weights in the middle of a split."""
    path = make_work_folder(copied, "sd-l") / "00001.json"
    record = json.loads(path.read_text())
    record["generator"]["size_px"] = 999
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match="describe themselves differently"):
        build(make_noise_spec(), copied)


def test_a_release_of_another_version_is_not_overwritten(copied: Path) -> None:
    """One folder, one version."""
    with pytest.raises(DataError, match=r"another plan|holds version 'tiny'"):
        build(make_noise_spec(version="other"), copied)


def test_jpeg_rows_hash_the_pixels_that_will_be_read(tmp_path: Path) -> None:
    """Not those before encoding."""
    build(make_noise_spec(encoding={"format": "jpeg", "quality": 90}), tmp_path)
    row = pq.read_table(tmp_path / "data/sd-l/validation-00000-of-00003.parquet").to_pylist()[0]
    image = decode_image(row["image"]["bytes"])
    assert hash_pixels(image) == row["pixel_sha256"]
    noise = np.random.default_rng(row["seed"]).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert not np.array_equal(np.asarray(image), noise)


def test_an_image_that_cannot_be_encoded_is_one_message(tmp_path: Path) -> None:
    """From whichever thread encodes it."""
    spec = make_noise_spec(encoding={"format": "jpeg", "quality": 90}, factory="build_specs:GlassGenerator")
    with pytest.raises(ModelError, match=r"mode 'RGBA' and 16 x 16 pixels cannot be encoded as JPEG: .*RGB"):
        build(spec, tmp_path)
    assert not list((tmp_path / ".build").glob("*/0*"))


def test_killed_three_times_and_resumed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Kill -9 at three random moments of the rendering."""
    spec = make_noise_spec(images_per_class=20, factory="build_specs:SlowGenerator")
    for goal in (1, 4, 7):
        kill_forked_build(spec, tmp_path / "killed", after_shards=goal)
        assert not (tmp_path / "killed" / "manifest.json").exists()
    build(spec, tmp_path / "killed")
    build(spec, tmp_path / "straight")
    assert read_release(tmp_path / "killed") == read_release(tmp_path / "straight")


def test_ctrl_c_is_one_line_and_the_build_goes_on_afterwards(tmp_path: Path) -> None:
    """Exit code 130, no traceback."""
    spec = make_noise_spec(images_per_class=20, factory="build_specs:SlowGenerator")
    path = write_spec(tmp_path / "tiny.toml", spec)
    code, output = kill_build(path, tmp_path / "out", after_shards=2, by=signal.SIGINT)
    assert code == 130
    assert "run the same command again to resume" in output
    assert "Traceback" not in output
    assert 0 < len(build(spec, tmp_path / "out").tasks) < 15


def make_source_spec(folder: Path) -> VersionSpec:
    """Noise that claims to be made from source images."""
    spec = make_noise_spec().model_dump(mode="json", exclude_none=True)
    split = spec["splits"].pop("sd-l")
    split["sources"] = {"ref": f"folder:{folder}", "repeat": True}
    del split["prompts"]
    spec["splits"]["sd-i"] = split
    spec["generators"]["noise"]["inputs"] = "image"
    return VersionSpec.model_validate(spec)
