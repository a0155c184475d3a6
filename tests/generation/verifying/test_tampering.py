"""What `verify` and `publish` find in a release that was changed by someone who wrote all hashes anew."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from build_specs import build, make_noise_spec
from tampering import change_all_rows, change_manifest, change_plan, change_rows, invert, invert_images

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.generation.verifying.judging import compare_features
from imagenet_g.generation.verifying.rescoring import is_near
from imagenet_g.generation.verifying.signatures import require_current_signature, sign_manifest

FIRST = "data/sd-l/validation-00000-of-00003.parquet"
Tamper = Callable[[Path], object]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """180 images in 45 batches, of which 16 are the probe, with scores and a view."""
    out = tmp_path_factory.mktemp("sound")
    build(
        make_noise_spec(
            images_per_class=60,
            rows_per_shard=60,
            scorer_tables={"grey": {"kind": "pixels"}},
            scorers=["grey"],
            views={"light": {"kind": "threshold", "column": "lightest.grey", "minimum": 0.9}},
        ),
        out,
    )
    return out


@pytest.fixture(scope="module")
def unscored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without scores, which whoever changes an image would compute anew."""
    out = tmp_path_factory.mktemp("unscored")
    build(make_noise_spec(images_per_class=60, rows_per_shard=60), out)
    return out


@pytest.fixture
def release(sound: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(sound, tmp_path / "release", ignore=shutil.ignore_patterns(".build")))


def list_ids(release: Path, *, in_probe: bool) -> list[str]:
    """Ids of the images in the probe, or of the others."""
    probe = set(pq.read_table(release / "probe/sd-l.parquet", columns=["image_id"])["image_id"].to_pylist())
    planned = pq.read_table(release / "plan/sd-l.parquet", columns=["image_id"])["image_id"].to_pylist()
    return [image_id for image_id in planned if (image_id in probe) == in_probe]


def set_value(column: str, value: object) -> Tamper:
    """A value of the first image of the first file."""
    return lambda release: change_rows(release, FIRST, lambda rows: rows[0].update({column: value}))


def flip_bit(path: str) -> Tamper:
    """One bit in the middle of a file, whose hash is not redone."""

    def flip(release: Path) -> None:
        data = bytearray((release / path).read_bytes())
        data[len(data) // 2] ^= 1
        (release / path).write_bytes(data)

    return flip


def change_probe_pixel(release: Path) -> None:
    """Of the stored copy alone, which earlier was what the remade images were compared with."""
    change_rows(release, "probe/sd-l.parquet", lambda rows: invert(rows[0]))


def change_pixels_alone(release: Path) -> None:
    """An image in its negative, beside the hash of the pixels that it had."""

    def change(rows: list[dict[str, Any]]) -> None:
        before = rows[0]["pixel_sha256"]
        invert(rows[0])
        rows[0]["pixel_sha256"] = before

    change_rows(release, FIRST, change)


def change_licence(release: Path) -> None:
    """Of the manifest."""
    change_manifest(release, lambda tables: tables.update(license="MIT"))


def change_role(release: Path) -> None:
    """To a set to train on."""
    change_manifest(release, lambda tables: tables["splits"]["sd-l"].update(role="train"))


def change_threshold(release: Path) -> None:
    """Of the view, which keeps other images then."""

    def change(tables: dict[str, Any]) -> None:
        tables["splits"]["sd-l"]["views"]["light"]["minimum"] = 0.95

    change_manifest(release, change)


def change_recipe_alone(release: Path) -> None:
    """The manifest's recipe, and not the plan's."""

    def change(tables: dict[str, Any]) -> None:
        tables["splits"]["sd-l"]["recipe"]["recipe"]["generator"]["options"] = {"size_px": 8}

    change_manifest(release, change)


TAMPERINGS: dict[str, tuple[Tamper, str]] = {
    "a bit in a shard": (flip_bit(FIRST), "other bytes than were released"),
    "a bit in the plan": (flip_bit("plan/sd-l.parquet"), "other bytes than were released"),
    "pixels and not their hash": (change_pixels_alone, "has other pixels than its row states"),
    "a prompt in the images": (set_value("prompt", "a cat."), "column 'prompt' is 'a cat.', not "),
    "a label in the images": (set_value("label", 1), "which do not agree"),
    "a seed in the images": (set_value("seed", 1), "column 'seed' is 1, not "),
    "scores": (
        lambda release: change_all_rows(release, lambda row: row.update({"lightest.grey": 0.95})),
        "'lightest.grey' is 0.949999988079071, its pixels give",
    ),
    "a prompt in the plan, its hash redone": (
        lambda release: change_plan(release, "sd-l", lambda rows, _: rows[0].update(prompt="a cat.")),
        "plan/sd-l.parquet: image",
    ),
    "a seed in the plan, its hash redone": (
        lambda release: change_plan(release, "sd-l", lambda rows, _: rows[0].update(seed=1)),
        "column 'seed' is 1, not ",
    ),
    "the recipe of the manifest": (change_recipe_alone, "is not that of its plan (generator)"),
    "settings of the generator, everything redone": (
        lambda release: change_plan(
            release, "sd-l", lambda _, recipe: recipe["generator"].update(options={"size_px": 8})
        ),
        "rendered with another size",
    ),
    "a pixel of the stored probe": (change_probe_pixel, "it is not a copy of its images in data/"),
    "the threshold of a view": (change_threshold, "view 'light' is not the one of the recipe"),
    "what a split is for": (change_role, "should begin with 'data/sd-l/train-'"),
    "the licence": (change_licence, "the manifest's licence is 'MIT', the recipe's is 'CC0-1.0'"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_change_is_found_although_the_hashes_were_redone(
    release: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and the line says what is wrong."""
    tamper, said = TAMPERINGS[name]
    tamper(release)
    assert main(["verify", str(release), "--draw", "0"]) == 1
    assert said in capsys.readouterr().out


def test_the_release_that_was_not_changed_is_r0(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise the table above would show nothing."""
    assert main(["verify", str(sound), "--draw-seed", "7"]) == 0
    printed = capsys.readouterr().out
    assert "sd-l: R0: all 68 images have the same pixels" in printed
    assert "68 of 180 images were rendered again, 4 of them drawn (--draw-seed 7)" in printed
    assert "is missed with a chance of 96.6 %" in printed  # 1 of 29 batches


@pytest.mark.parametrize(
    ("choose", "said"),
    [
        (lambda release: None, "0 of 64 images identical"),
        (lambda release: {list_ids(release, in_probe=True)[5]}, "63 of 64 images identical"),
    ],
    ids=["all", "one of the probe"],
)
def test_inverted_images_are_found_although_every_hash_was_redone(
    unscored: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    choose: Callable[[Path], set[str] | None],
    said: str,
) -> None:
    """By the worst image: the mean of 64 would hide one on its own."""
    release = Path(shutil.copytree(unscored, tmp_path / "release"))
    invert_images(release, choose(release))
    assert main(["verify", str(release), "--draw", "0"]) == 1
    assert said in (printed := capsys.readouterr().out)
    assert "beyond R1" in printed
    assert main(["verify", str(release), "--draw", "0", "--expect", "R1"]) == 1


def test_one_image_outside_the_probe_is_found_when_everything_is_rendered_or_its_batch_is_drawn(
    unscored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And missed otherwise, which the report says beforehand."""
    release = Path(shutil.copytree(unscored, tmp_path / "release"))
    invert_images(release, {list_ids(release, in_probe=False)[0]})
    assert main(["verify", str(release), "--draw", "0"]) == 0
    assert "missed with a chance of 100.0 %" in capsys.readouterr().out
    assert main(["verify", str(release), "--all"]) == 1
    assert "179 of 180 images identical" in capsys.readouterr().out
    assert main(["verify", str(release), "--draw", "29"]) == 1


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """An SSH key without a passphrase, and a file that allows it."""
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    public = path.with_suffix(".pub").read_text()
    (tmp_path / "allowed").write_text(f"maker@example.org {public}")
    return path


def test_a_signature_finds_what_redone_hashes_hide(
    unscored: Path, tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unsigned, signed, and changed after it was signed."""
    release = Path(shutil.copytree(unscored, tmp_path / "release"))
    words = ["verify", str(release), "--hashes-only", "--allowed-signers", str(tmp_path / "allowed")]
    assert main(words) == 1
    assert "it is not signed" in capsys.readouterr().out
    sign_manifest(release, key)
    assert main(words) == 0
    assert "signed by maker@example.org" in capsys.readouterr().out
    invert_images(release, {list_ids(release, in_probe=False)[0]})
    assert main(words) == 1
    assert "was changed after it was signed" in capsys.readouterr().out
    with pytest.raises(DataError, match="sign again"):
        require_current_signature(release)


def test_a_signature_by_a_key_that_is_not_allowed_is_refused(
    unscored: Path, tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anyone has a key."""
    release = Path(shutil.copytree(unscored, tmp_path / "release"))
    sign_manifest(release, key)
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    (tmp_path / "allowed").write_text(f"someone@example.org {other.with_suffix('.pub').read_text()}")
    words = ["--hashes-only", "--allowed-signers", str(tmp_path / "allowed")]
    assert main(["verify", str(release), *words]) == 1
    assert "is by none of the signers" in capsys.readouterr().out


def test_without_ssh_keygen_one_message_names_it(
    unscored: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the package that it is part of."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match=r"ssh-keygen.*OpenSSH"):
        sign_manifest(unscored, key)


def test_publish_refuses_what_verify_would_find(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written."""
    change_pixels_alone(release)
    assert main(["publish", str(release), "--to", str(tmp_path / "tree")]) == 2
    assert "has other pixels than its row states" in capsys.readouterr().err
    assert not (tmp_path / "tree").exists()


def test_swapping_pairs_calls_equal_distributions_different_in_one_of_twenty_cases() -> None:
    """The level of the test: p below 0.05 in about 5 % of 200 draws, and nearly always where they differ."""
    rng = np.random.default_rng(3)

    def draw(shift: float) -> float:
        prompts = rng.normal(size=(32, 6))
        pair = [prompts + rng.normal(size=prompts.shape) for _ in range(2)]
        pair[1][:, 0] += shift
        unit = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in pair]
        return compare_features(*unit).p

    assert np.mean([draw(0.0) < 0.05 for _ in range(200)]) == pytest.approx(0.05, abs=0.04)
    assert np.mean([draw(2.0) < 0.05 for _ in range(20)]) == 1.0


@pytest.mark.parametrize(
    ("column", "stored", "found", "near"),
    [
        ("clip_score.c", 0.301, 0.3, True),
        ("clip_score.c", 0.33, 0.3, False),
        ("clip_score.c", float("nan"), 0.3, False),
        ("label_rank.c", 0, 3, False),
        ("label_rank.c", 90, 93, True),
        ("label_rank.c", 90, 300, False),
    ],
)
def test_a_score_is_near_within_what_other_hardware_rounds(
    column: str, stored: float, found: float, near: bool
) -> None:
    """A rank of 0 decides accuracies, and is exact unless the margin is all but 0."""
    assert is_near(column, stored, found, 0.5) == near
