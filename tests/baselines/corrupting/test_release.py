"""Releases of corrupted images: made by the command, stopped, damaged, and read as any split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import imagecorruptions
import numpy as np
import pytest
from noisy_models import run_command
from PIL import Image
from recipe_cases import NUM_CLASSES, write_pictures

from imagenet_g.baselines.corrupting import release as release_module
from imagenet_g.baselines.corrupting.images import corrupt_image
from imagenet_g.baselines.corrupting.kinds import choose_seed
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.errors import DataError, ImagenetGError, InputError
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split

KINDS = ("snow", "contrast")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of each class, wider than high; the first class has three."""
    folder = tmp_path_factory.mktemp("pictures") / "real"
    return write_pictures(folder, per_class=[3, *[1] * (NUM_CLASSES - 1)], seed=0, side=40)


def corrupt(pictures: Path, out: Path, *words: str, kinds: Sequence[str] = KINDS) -> int:
    """The command."""
    named = [word for kind in kinds for word in ("--kind", kind)]
    return run_command(
        "baselines", "corrupt", f"folder:{pictures}", "--severity", "3", "--out", str(out), *named, "--cache",
        str(out.parent / "cache"), *words,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release that was not stopped, of shards of twenty images."""
    folder = tmp_path_factory.mktemp("corrupted") / "tiny-c"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release_module, "SHARD_ROWS", 20)
        assert corrupt(pictures, folder) == 0
    return folder


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_module, "SHARD_ROWS", 20)


def open_split(folder: Path, kind: str) -> Split:
    """A kind, as everything else opens it."""
    return load_split(parse_split_ref(f"tiny-c/{kind}"), data={"tiny-c": folder}, cache=None)


def read_release(folder: Path) -> dict[str, bytes]:
    """Every file by its name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_image_is_there_with_its_label_its_source_and_the_librarys_pixels(
    made: Path, pictures: Path, kind: str
) -> None:
    """Against the source split, and direct calls of the library."""
    source = load_split(parse_split_ref(f"folder:{pictures}"), data={}, cache=None)
    found = open_split(made, kind)
    assert len(found.rows) == len(source.rows) == NUM_CLASSES + 2
    assert found.rows.source_image_ids == source.rows.image_ids
    np.testing.assert_array_equal(found.rows.labels, source.rows.labels)
    for row in range(len(source.rows)):
        np.random.seed(choose_seed(0, kind, source.rows.image_ids[row]))
        expected = imagecorruptions.corrupt(
            np.asarray(load_image(source, row)), severity=3, corruption_name=kind
        )
        np.testing.assert_array_equal(np.asarray(load_image(found, row)), expected)


def test_the_manifest_says_what_was_done_to_what(made: Path, pictures: Path) -> None:
    """Kind, severity, seed, library, and the source with its hash."""
    manifest = load_manifest(made)
    source = load_split(parse_split_ref(f"folder:{pictures}"), data={}, cache=None)
    assert list(manifest.splits) == list(KINDS)
    described = manifest.splits["snow"].recipe
    assert isinstance(described, dict)
    recipe = described["recipe"]
    assert isinstance(recipe, dict)
    assert [recipe[key] for key in ("corruption", "severity", "short_px", "encoding", "library_version")] == [
        "snow", 3, "of each image", "png", "1.1.5",
    ]  # fmt: skip
    assert recipe["sources"] == {
        "ref": source.record.ref, "content_sha256": source.record.content_sha256, "images": NUM_CLASSES + 2,
    }  # fmt: skip
    assert manifest.made_with["numpy"] == np.__version__
    origin = open_split(made, "snow").record.origin
    assert origin is not None
    assert (origin.sources, origin.generators) == (source.record.ref, None)


def test_ids_differ_between_kinds(made: Path) -> None:
    """And seeds: each image has its own snow."""
    snow, contrast = (open_split(made, kind) for kind in KINDS)
    assert not {*snow.rows.image_ids} & {*contrast.rows.image_ids}
    assert len({*map(str, snow.reader.read_column("seed"))}) == len(snow.rows)


def test_a_stopped_release_goes_on_to_the_same_files(
    made: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shards that are whole are not made again; there is no manifest before all are."""
    whole = read_release(made)
    calls: list[object] = []

    def stop(*arguments: object, **options: object) -> Image.Image:
        calls.append(options)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return corrupt_image(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(release_module, "corrupt_image", stop)
    with pytest.raises(KeyboardInterrupt):
        corrupt(pictures, tmp_path / "tiny-c")
    assert sorted(read_release(tmp_path / "tiny-c")) == [
        "corrupting.json",
        "data/snow/validation-00000-of-00003.parquet",
    ]
    assert corrupt(pictures, tmp_path / "tiny-c") == 0
    assert len(calls) == 30 + 2 * (NUM_CLASSES + 2) - 20
    assert read_release(tmp_path / "tiny-c") == whole


def test_a_damaged_or_lost_file_is_made_again(
    made: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the bytes that the manifest names; a release that is whole is left as it is."""
    copy = tmp_path / "tiny-c"
    for name, data in read_release(made).items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(data)
    shards = sorted(copy.rglob("*.parquet"))
    shards[0].write_bytes(shards[0].read_bytes()[:-1] + b"x")
    shards[-1].unlink()
    assert corrupt(pictures, copy) == 0
    assert "24 images made now" in capsys.readouterr().err
    assert read_release(copy) == read_release(made)
    assert corrupt(pictures, copy) == 0
    assert "; 0 images made now" in capsys.readouterr().err


def test_kinds_can_be_added_and_other_settings_cannot(made: Path, pictures: Path, tmp_path: Path) -> None:
    """In the order of the paper, whichever came first."""
    out = tmp_path / "tiny-c"
    for kind in reversed(KINDS):
        assert corrupt(pictures, out, kinds=[kind]) == 0
    assert read_release(out) == read_release(made)
    with pytest.raises(DataError, match=r"other settings \(seed\)"):
        corrupt(pictures, out, "--seed", "1")
    (out / "corrupting.json").unlink()
    with pytest.raises(DataError, match="'snow', made otherwise"):
        corrupt(pictures, out, "--seed", "1")
    assert corrupt(pictures, out) == 0


def test_a_small_image_is_corrupted_at_the_size_asked_for_and_keeps_its_own(
    pictures: Path, tmp_path: Path
) -> None:
    """And a large one is brought to it; JPEGs where a quality is named."""
    out = tmp_path / "tiny-c"
    assert corrupt(pictures, out, "--short", "80", "--quality", "90", kinds=["contrast"]) == 0
    image = load_image(open_split(out, "contrast"), 0)
    assert image.size == (46, 40)
    shard = next(out.rglob("*.parquet")).read_bytes()
    assert b"\xff\xd8\xff" in shard
    assert b"\x89PNG" not in shard
    smaller = tmp_path / "smaller" / "tiny-c"
    assert corrupt(pictures, smaller, "--short", "32", kinds=["contrast"]) == 0
    assert load_image(open_split(smaller, "contrast"), 0).size == (37, 32)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--kind", "fogg"), "fogg"),
        (("--version", "Mini C"), "--version NAME"),
        (("--version", "mini"), "known version or set"),
        (("--version", "imagenet-c"), "known version or set"),
        (("--short", "31"), "give 32 or more"),
        (("--quality", "101"), "give 1 to 100"),
    ],
)
def test_what_cannot_be_is_one_message_before_anything_is_read(
    pictures: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    """With what is allowed."""
    with pytest.raises(InputError, match=message):
        corrupt(pictures, tmp_path / "tiny-c", *words)
    assert not (tmp_path / "tiny-c").exists()


def test_an_image_that_cannot_be_corrupted_is_named_before_any_is_made(
    pictures: Path, tmp_path: Path
) -> None:
    """Because it cannot be read, or is too small; no image is left out."""
    folder = write_pictures(tmp_path / "real", per_class=[1] * NUM_CLASSES, seed=0, side=40)
    last = sorted(folder.rglob("*.png"))[-1]
    out = tmp_path / "tiny-c"
    Image.new("RGB", (40, 24)).save(last)
    name = f"{last.parent.name}/{last.name}"
    with pytest.raises(ImagenetGError, match=f"'{name}' has a short side of 24 pixels.*--short 224"):
        corrupt(folder, out)
    last.write_bytes(last.read_bytes()[:60])
    with pytest.raises(ImagenetGError, match=f"'{name}' cannot be read: "):
        corrupt(folder, out)
    assert not list(out.rglob("*.parquet"))


def test_a_view_of_a_release_is_corrupted_with_its_licence_and_its_generators(tmp_path: Path) -> None:
    """Of the embedded edition, by the view's own rows."""
    out = tmp_path / "tiny-c"
    words = ("--severity", "1", "--kind", "brightness", "--out", str(out), "--cache", str(tmp_path / "cache"))
    assert run_command("baselines", "corrupt", "mini/sd-l:imagenet-a", *words) == 0
    manifest = load_manifest(out)
    assert manifest.license == "Apache-2.0 AND CC-BY-4.0 AND MIT"
    split = open_split(out, "brightness")
    assert split.record.origin is not None
    assert split.record.origin.generators == ("packaged:mini-sd",)
    assert split.record.origin.sources == "mini/sd-l:imagenet-a"
    record = json.loads((out / "corrupting.json").read_text())
    assert record["sources"]["images"] == len(split.rows) < 1040
