"""What is evaluated where nothing is named: version, splits and clean set."""

from __future__ import annotations

import shutil
import time
from datetime import date
from pathlib import Path

import pytest
from image_sets import write_class_folders, write_release
from pydantic import ValidationError

from imagenet_g.benchmark.catalogue import catalogue, newest
from imagenet_g.benchmark.catalogue.clean_sets import choose_default_reference
from imagenet_g.benchmark.catalogue.newest import ChosenVersion, choose_newest_version
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.registry import Publication, load_versions, parse_versions

ROW = '[[version]]\nname = "{name}"\ntitle = "T"\nembedded = false\nsplits = ["sd-l"]\n{more}\n'


@pytest.fixture(autouse=True)
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hub cache instead of the person's own."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def choose(data: dict[str, Path], cache: Path | None = None) -> ChosenVersion:
    """The version of a run that names none."""
    return choose_newest_version(data, cache=cache)


def publish(monkeypatch: pytest.MonkeyPatch, *, manifest_sha256: str = "0" * 64) -> None:
    """Give v1 an address on a Hub that nobody can reach."""
    published = Publication(
        repo="org/imagenet-g",
        tag="v1.0.0",
        commit="0" * 40,
        manifest_sha256=manifest_sha256,
        released=date(2026, 3, 1),
    )
    row = load_versions()["v1"].model_copy(update={"published": published})
    for module in (catalogue, newest):
        monkeypatch.setattr(module, "load_versions", lambda: {**load_versions(), "v1": row})
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def publish_in_cache(monkeypatch: pytest.MonkeyPatch, hub: Path) -> Path:
    """Publish v1 and put a whole copy into the Hub's cache; the folder of the copy."""
    snapshot = hub / "datasets--org--imagenet-g" / "snapshots" / ("0" * 40)
    write_release(snapshot, [0], version="v1")
    publish(monkeypatch, manifest_sha256=hash_file(snapshot / "manifest.json"))
    return snapshot


def test_the_newest_practice_edition_stands_in_where_there_is_no_real_version() -> None:
    """With its splits in the order of the registry, none of them superseded."""
    found = choose({})
    assert (found.name, found.splits, found.practice) == ("mini-v2", ("sd-l", "sd-i", "sd-li"), True)


def test_one_line_says_that_only_practice_editions_are_there_and_how_to_get_a_real_one() -> None:
    """By each of the three ways."""
    (note,) = choose({}).list_notes()
    assert "\n" not in note
    assert note.startswith("Only practice editions are available: 'mini-v2' is run")
    assert all(word in note for word in ("download", "adopt", "build", "--data", "imagenet-g build v1"))


def test_a_real_version_is_taken_before_a_practice_edition(tmp_path: Path) -> None:
    """Though it stands elsewhere; nothing need be said."""
    found = choose({"v1": write_release(tmp_path / "r", [0], version="v1")})
    assert (found.name, found.splits, found.practice) == ("v1", ("sd-l",), False)


def test_a_copy_that_lacks_default_splits_says_which(tmp_path: Path) -> None:
    """A build of one split is a whole release."""
    (note,) = choose({"v1": write_release(tmp_path / "r", [0], version="v1")}).list_notes()
    assert note == "This copy of 'v1' lacks sd-i, sd-li, ood; run: sd-l."


def test_an_own_version_is_newer_than_all_known(tmp_path: Path) -> None:
    """Real sets among the paths do not count."""
    own = write_release(tmp_path / "own", [0], version="v1-flux")
    known = write_release(tmp_path / "known", [0], version="v1")
    data = {"v1-flux": own, "v1": known, "imagenet-val": tmp_path}
    assert (choose(data).name, choose(data).splits) == ("v1-flux", ("sd-l",))


def test_the_newest_version_must_have_the_name_it_was_given(tmp_path: Path) -> None:
    """Its splits would be looked for under a name that they do not have."""
    release = write_release(tmp_path / "v2", [0], version="v2")
    with pytest.raises(DataError, match="holds version 'v2', not ' v2'"):
        choose({" v2": release})


def test_a_newer_practice_edition_does_not_displace_a_real_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However new it is."""
    rows = ROW.format(name="v9", more="") + ROW.format(name="v10", more="practice = true")
    for module in (catalogue, newest):
        monkeypatch.setattr(module, "load_versions", lambda: parse_versions(rows))
    data = {name: write_release(tmp_path / name, [3], version=name) for name in ("v9", "v10")}
    assert choose(data).name == "v9"


@pytest.mark.parametrize("offline", [True, False])
def test_a_published_version_out_of_reach_is_passed_over_quickly_in_one_line(
    offline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By request (HF_HUB_OFFLINE), or because nobody answers."""
    publish(monkeypatch)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}"
    )
    start = time.monotonic()
    found = choose({})
    assert time.monotonic() - start < 6
    assert found.name == "mini-v2"
    assert "'v1' is not taken: 'org/imagenet-g' at 0000000" in found.skipped[0]
    assert "\n" not in found.skipped[0]


def test_a_whole_version_in_the_cache_needs_no_hub(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it was downloaded, a run without a network takes it."""
    publish_in_cache(monkeypatch, hub_cache)
    assert (choose({}).name, choose({}).skipped) == ("v1", ())


def test_a_manifest_without_its_images_is_not_enough_offline(
    hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run would end at the first missing file."""
    snapshot = publish_in_cache(monkeypatch, hub_cache)
    shutil.rmtree(snapshot / "data")
    found = choose({})
    assert found.name == "mini-v2"
    assert "HF_HUB_OFFLINE is set" in found.skipped[0]


def test_a_version_that_was_downloaded_by_its_address_is_taken(tmp_path: Path) -> None:
    """It is remembered in the cache, also where the registry lacks it."""
    from imagenet_g.benchmark.catalogue.downloads import remember_download
    from imagenet_g.benchmark.hub.sources import HubSource
    from imagenet_g.benchmark.splits.hub_releases import HubRelease
    from imagenet_g.benchmark.splits.manifests import load_manifest

    snapshot = tmp_path / "hub" / "datasets--org--v2" / "snapshots" / ("1" * 40)
    write_release(snapshot, [0], version="v2")
    source = HubSource("org/v2", "1" * 40)
    release = HubRelease(folder=snapshot, source=source, manifest=load_manifest(snapshot), origin="hub")
    remember_download(tmp_path / "cache", release, "main")
    assert choose({}, tmp_path / "cache").name == "v2"


@pytest.mark.parametrize(
    ("split", "reference"), [("mini-v2/sd-l", "mini/real"), ("mini/renditions", "mini/real")]
)
def test_practice_splits_are_compared_with_the_drawings_they_come_from(split: str, reference: str) -> None:
    """Which ship with the package, so they are always measured."""
    found = choose_default_reference(parse_split_ref(split), {})
    assert str(found.ref) == found.name == reference


@pytest.mark.parametrize("split", ["v1/sd-l", "v9-own/sd-l", "imagenet-r", "folder:images"])
def test_the_validation_set_is_run_where_it_is_available(split: str, tmp_path: Path) -> None:
    """Of known and unknown versions, real sets and folders; else its published accuracy stands in."""
    ref = parse_split_ref(split)
    copy = write_class_folders(tmp_path / "val", ["n01440764"])
    assert str(choose_default_reference(ref, {"imagenet-val": copy}).ref) == "imagenet-val"
    without = choose_default_reference(ref, {})
    assert (without.ref, without.name) == (None, "imagenet-val")
    assert without.reason.endswith("is not available: its published accuracy stands in")


def test_every_shipped_version_names_its_defaults() -> None:
    """Splits that are not superseded, and a clean set that is no split to score."""
    for spec in load_versions().values():
        assert spec.default_splits
        assert not set(spec.default_splits) & set(spec.superseded_splits)
        assert parse_split_ref(spec.default_reference).base not in {
            f"{spec.name}/{s}" for s in spec.default_splits
        }


@pytest.mark.parametrize(
    "more", ['default_splits = ["sd-x"]', 'default_splits = ["sd-l"]\nsuperseded_splits = {sd-l = "v1/sd-l"}']
)
def test_a_superseded_or_unknown_split_cannot_be_a_default(more: str) -> None:
    """The registry is refused."""
    with pytest.raises(ValidationError, match="default_splits names 'sd-"):
        parse_versions(ROW.format(name="v9", more=more))
