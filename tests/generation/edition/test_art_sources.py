"""Tests of the packages the art comes from."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from imagenet_g.benchmark.errors import DataError, FetchError
from imagenet_g.generation.edition.art_sources import (
    ArtSetSpec,
    fetch_package,
    load_art_sets,
    load_icons,
    make_svg,
    validate_integrity,
)


def make_art_set(**changes: str) -> ArtSetSpec:
    """An art set of a package that does not exist."""
    fields = {
        "name": "toy",
        "package": "@toys/art",
        "version": "1.0.0",
        "integrity": "sha512-",
        "format": "svg",
        "art": "Toy art",
        "author": "Toy makers",
        "license": "MIT",
        "copyright": "Copyright (c) Toy makers",
        "home": "https://example.org",
        "note": "",
    }
    return ArtSetSpec.model_validate({**fields, **changes})


def write_tarball(path: Path, members: dict[str, bytes]) -> str:
    """Write a gzipped tar and return npm's integrity string of it."""
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


def test_every_art_set_is_under_a_permissive_licence() -> None:
    """Share-alike art must not get in."""
    assert {art_set.license for art_set in load_art_sets()} <= {"MIT", "Apache-2.0", "CC-BY-4.0"}


def test_art_sets_have_names_of_their_own() -> None:
    """Views are named after art sets."""
    names = [art_set.name for art_set in load_art_sets()]
    assert len(names) == len(set(names)) >= 4


def test_every_integrity_is_a_sha512() -> None:
    """64 bytes of base64 behind npm's prefix."""
    for art_set in load_art_sets():
        algorithm, _, digest = art_set.integrity.partition("-")
        assert (algorithm, len(base64.b64decode(digest, validate=True))) == ("sha512", 64)


def test_a_package_with_the_pinned_hash_is_taken_without_fetching(tmp_path: Path) -> None:
    """What lies in the folder and is right needs no network."""
    art_set = make_art_set()
    integrity = write_tarball(tmp_path / art_set.tarball_name, {"package/icons.json": b"{}"})
    assert fetch_package(make_art_set(integrity=integrity), tmp_path) == tmp_path / "toys-art-1.0.0.tgz"


def test_a_package_with_another_hash_is_refused(tmp_path: Path) -> None:
    """Labels were checked on the pinned bytes and no others."""
    path = tmp_path / "toys-art-1.0.0.tgz"
    integrity = write_tarball(path, {"package/icons.json": b"{}"})
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(DataError, match="not the pinned package"):
        validate_integrity(path, integrity)


def test_without_npm_the_message_names_the_tarball_to_bring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody without Node.js can still rebuild."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError, match=r"Install Node\.js, or put toys-art-1\.0\.0\.tgz in"):
        fetch_package(make_art_set(), tmp_path)


def test_an_icons_own_frame_wins_over_the_sets() -> None:
    """Iconify icons inherit the set's size unless they state their own."""
    icon_set = {"width": 128, "height": 128, "icons": {"a": {"body": "<g/>", "width": 64}}}
    assert 'viewBox="0 0 64 128"' in make_svg(icon_set, "a", make_art_set())


def test_an_unknown_icon_is_named_with_its_package() -> None:
    """A renamed icon must not pass in silence."""
    with pytest.raises(DataError, match=r"@toys/art@1\.0\.0 has no icon 'b'"):
        make_svg({"icons": {}}, "b", make_art_set())


def test_svg_icons_come_as_documents(tmp_path: Path) -> None:
    """Read from the set's JSON inside the tarball."""
    icon_set = {"width": 8, "height": 8, "icons": {"a": {"body": "<g/>"}}}
    path = tmp_path / "a.tgz"
    write_tarball(path, {"package/icons.json": json.dumps(icon_set).encode()})
    assert load_icons(path, make_art_set(), ["a"])["a"].startswith(b"<svg ")


def test_raster_icons_come_as_they_are(tmp_path: Path) -> None:
    """One file per icon."""
    path = tmp_path / "a.tgz"
    write_tarball(path, {"package/assets/1f413.webp": b"raster"})
    assert load_icons(path, make_art_set(format="webp"), ["1f413"]) == {"1f413": b"raster"}


def test_a_missing_raster_is_named(tmp_path: Path) -> None:
    """The error says which file of which package."""
    path = tmp_path / "a.tgz"
    write_tarball(path, {"package/assets/1f413.webp": b"raster"})
    with pytest.raises(DataError, match=r"no file 'package/assets/1f600\.webp'"):
        load_icons(path, make_art_set(format="webp"), ["1f600"])
