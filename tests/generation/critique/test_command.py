"""`imagenet-g critique` as a user runs it, on small sets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from audit_cases import rate
from image_sets import write_class_folders, write_release

from imagenet_g.benchmark.audits.attaching import attach_audit
from imagenet_g.benchmark.audits.files import load_sample
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.critiques.critique import Critique, load_critique
from imagenet_g.benchmark.critiques.image_checks import VariationSection
from imagenet_g.benchmark.critiques.shipped import load_critiques
from imagenet_g.generation.critique import by_features, by_images, section_store
from imagenet_g.generation.image_checks.images import CheckedImages
from imagenet_g.generation.image_checks.variation import measure_variation

CLASSES = (0, 1, 2)
WNIDS = ("n01440764", "n01443537", "n01484850")


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A release of three classes of four images, and a folder of eight real images of each."""
    root = tmp_path_factory.mktemp("sets")
    release = write_release(root / "v9", [index for index in CLASSES for _ in range(4)])
    return release, write_class_folders(root / "real", WNIDS, per_class=8)


def list_words(sets: tuple[Path, Path], folder: Path, *more: str) -> list[str]:
    """The command line."""
    release, real = sets
    places = ["--data", f"v9={release}", "--out", str(folder / "out"), "--cache", str(folder / "cache")]
    return ["critique", "v9/sd-l", "--reference", f"folder:{real}", *places, *more]


@pytest.fixture(scope="module")
def made(sets: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the command was run once."""
    folder = tmp_path_factory.mktemp("made")
    assert main(list_words(sets, folder)) == 0
    return folder


@pytest.fixture(scope="module")
def critique(made: Path) -> Critique:
    """What it wrote."""
    return load_critique(made / "out" / "critique.json")


def test_without_answers_everything_else_is_measured(critique: Critique) -> None:
    """What rests on answers says what to give."""
    assert set(critique.unmeasured) == {
        "recognition", "fine_grained", "filter_effects", "audit", "valid_accuracy"
    }  # fmt: skip
    assert "--judge" in critique.unmeasured["recognition"]
    assert "imagenet-g audit" in critique.unmeasured["audit"]


def test_the_numbers_are_of_these_images(critique: Critique) -> None:
    """Counted and hashed."""
    assert (critique.num_images, critique.num_classes, critique.num_reference_images) == (12, 3, 24)
    assert critique.features[0].values_split_sha256 != critique.features[0].values_reference_sha256


def test_the_page_lies_beside_it_in_both_forms(made: Path) -> None:
    """With its pictures for Markdown."""
    assert (made / "out" / "critique.html").read_text().startswith("<!doctype html>")
    assert "How good the images of v9/sd-l are" in (made / "out" / "critique.md").read_text()


def test_a_second_run_measures_nothing_again(
    sets: tuple[Path, Path], made: Path, critique: Critique, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sections are kept by the content of what they rest on."""
    for module, name in ((by_features, "measure_distances"), (by_images, "measure_near_duplicates")):
        monkeypatch.setattr(module, name, lambda *args, **settings: pytest.fail("measured again"))
    assert main(list_words(sets, made)) == 0
    again = load_critique(made / "out" / "critique.json")
    assert again.model_copy(update={"environment": critique.environment}) == critique


def test_an_interrupted_run_keeps_the_sections_it_had(
    sets: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing half-written is left, and the next run goes on."""

    def interrupt(*args: object, **settings: object) -> None:
        raise KeyboardInterrupt

    words = list_words(sets, tmp_path, "--only", "distances", "--only", "variation")
    with monkeypatch.context() as patch:
        patch.setattr(by_images, "measure_variation", interrupt)
        assert main(words) == 130
    assert not (tmp_path / "out" / "critique.json").exists()
    monkeypatch.setattr(by_features, "measure_distances", lambda *a, **s: pytest.fail("measured again"))
    assert main(words) == 0
    assert load_critique(tmp_path / "out" / "critique.json").variation is not None


def test_only_the_named_section_is_measured(sets: tuple[Path, Path], tmp_path: Path) -> None:
    """And no model is loaded for the traps."""
    assert main(list_words(sets, tmp_path, "--only", "traps")) == 0
    critique = load_critique(tmp_path / "out" / "critique.json")
    assert list(critique.list_measured()) == ["traps"]
    assert critique.features == ()


def test_the_card_of_a_release_gets_a_section_and_keeps_one(sets: tuple[Path, Path], tmp_path: Path) -> None:
    """However often it is made."""
    release = shutil.copytree(sets[0], tmp_path / "v9")
    (release / "README.md").write_text("# A card\n")
    for _ in range(2):
        assert main(list_words(sets, tmp_path, "--only", "traps", "--card", str(release))) == 0
    card = (release / "README.md").read_text()
    assert card.count("## How good the images are: v9/sd-l") == 1
    assert "classes that papers report" in card
    assert list(load_critiques(release)) == ["v9/sd-l"]


def test_half_a_release_is_refused(
    sets: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is missing is named."""
    release = shutil.copytree(sets[0], tmp_path / "half")
    next(release.rglob("*.parquet")).unlink()
    assert main(list_words((release, sets[1]), tmp_path)) == 2
    assert "validation-00000-of-00001.parquet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["v9/sd-x"], "Unknown split 'v9/sd-x'"),
        (["nowhere/sd-l"], "Unknown version or set 'nowhere'"),
        (["--reference", "folder:nowhere"], "nowhere"),
        (["--reference", "imagenet-r"], "imagenet-r"),
        (["--features", "timm:no_such_net"], "no_such_net"),
        (["--features", "inception:no.pth"], "no.pth"),
        (["--judge", "timm:no_such_net"], "no_such_net"),
        (["--only", "distance"], "Unknown section 'distance'. Did you mean 'distances'"),
        (["--out", __file__], "is a file"),
        (["--audit", "nowhere"], "nowhere"),
        (["--results", "nowhere"], "nowhere"),
        (["--training", "folder:nowhere"], "nowhere"),
        (["--card", "nowhere"], "nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_gives_one_message_and_writes_nothing(
    sets: tuple[Path, Path],
    tmp_path: Path,
    change: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before anything is embedded where it can be seen then."""
    monkeypatch.chdir(tmp_path)
    words = list_words(sets, tmp_path)
    if change[0].startswith("--"):
        words += change
    else:
        words[1] = change[0]
    assert main(words) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert not (tmp_path / "out" / "critique.json").exists()


def test_a_reference_of_other_classes_is_refused(
    sets: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is nothing to compare."""
    other = write_class_folders(tmp_path / "other", ["n04592741"], per_class=2)
    assert main(list_words((sets[0], other), tmp_path)) == 2
    assert "share no class" in capsys.readouterr().err


def test_a_split_is_not_judged_against_itself(
    sets: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would look like real images whatever it shows."""
    assert main([*list_words(sets, tmp_path), "--reference", "v9/sd-l"]) == 2
    assert "itself; name real images" in capsys.readouterr().err


def test_without_a_reference_the_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """It is required."""
    assert main(["critique", "v9/sd-l"]) == 2
    assert "required: --reference" in capsys.readouterr().err


def test_the_file_holds_no_path_of_this_machine(sets: tuple[Path, Path], made: Path) -> None:
    """But for the command, in which the user typed them."""
    fields = json.loads((made / "out" / "critique.json").read_text())
    del fields["environment"]["command"]
    del fields["reference"]
    text = json.dumps(fields)
    assert str(sets[0]) not in text
    assert str(made) not in text


def test_a_section_is_measured_again_after_an_edit_of_a_table(
    sets: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code and tables decide a number as images do; one kept under other code would be wrong in silence."""
    words = list_words(sets, tmp_path, "--only", "variation")
    assert main(words) == 0
    measured: list[object] = []

    def measure(*images: CheckedImages) -> VariationSection:
        measured.append(images)
        return measure_variation(*images)

    monkeypatch.setattr(by_images, "measure_variation", measure)
    assert main(words) == 0
    assert not measured
    monkeypatch.setattr(section_store, "hash_source", lambda room: "edited")
    assert main(words) == 0
    assert len(measured) == 1


def test_the_audit_of_a_release_is_read_by_default(
    sets: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That by people, and the command says so; another one is named by --audit."""
    release = Path(shutil.copytree(sets[0], tmp_path / "v9"))
    audit = tmp_path / "audit"
    words = ["audit", "make", "v9/sd-l", "-n", "6", "--data", f"v9={release}", "--controls", "0"]
    assert main([*words, "--out", str(audit)]) == 0
    rate(load_sample(audit), ["yes", "no", "yes", "yes"], folder=audit)
    attach_audit(release, audit)
    capsys.readouterr()
    assert main(list_words((release, sets[1]), tmp_path, "--only", "audit")) == 0
    section = load_critique(tmp_path / "out" / "critique.json").audit
    assert section is not None and section.num_rated == 4 and not section.simulated
    assert "reading the audit that is part of" in "".join(capsys.readouterr().err.split("\n"))
