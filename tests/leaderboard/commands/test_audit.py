"""`imagenet-g audit` from the drawn images to a view of a release, on the embedded edition."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Final

import pytest
from PIL import Image

from imagenet_g.benchmark.audits.attaching import attach_audit, detach_audit, load_attached
from imagenet_g.benchmark.audits.files import load_all_ratings, load_sample
from imagenet_g.benchmark.audits.records import AuditSection
from imagenet_g.benchmark.audits.valid_accuracy import ValidAccuracySection
from imagenet_g.benchmark.audits.verdicts import list_verdicts
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.filters.quality import describe_filter, find_quality_filter
from imagenet_g.benchmark.predictions.predictions import load_predictions
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.views import apply_view
from imagenet_g.generation.releases.reading import find_damage
from imagenet_g.generation.releases.recipe import list_split_files

SPLIT = "mini-v2/sd-l"
VIEW: Final = "audited-simulated"
EMBEDDED = Path(str(files("imagenet_g.benchmark.data"))) / "mini-v2"


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 images and 16 controls, rated by a simulated panel. Do not change."""
    folder = tmp_path_factory.mktemp("audits") / "audit"
    words = ["audit", "make", SPLIT, "-n", "40", "--controls", "0.2", "--seed", "3", "--out", str(folder)]
    assert main(words) == 0
    assert main(["audit", "simulate", str(folder), "--seed", "5"]) == 0
    return folder


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result of a small classifier on the split and on its reference. Do not change."""
    out = tmp_path_factory.mktemp("answers")
    words = ["evaluate", "--model", "timm:packaged:mini-resnet-xs", "--split", SPLIT, "--out", str(out)]
    assert main([*words, "--cache", str(out / "cache")]) == 0
    return next(path.parent for path in out.glob("*/result.json"))


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A copy of the embedded release."""
    return Path(shutil.copytree(EMBEDDED, tmp_path / "release"))


def test_the_drawn_images_are_of_the_split_and_of_its_reference(audit: Path) -> None:
    """By the splits' own ids."""
    sample = load_sample(audit).sample
    assert sample.reference is not None and sample.reference.ref == "mini/real"
    ids = {
        ref: set(load_split(parse_split_ref(ref), data={}, cache=None).rows.image_ids)
        for ref in (SPLIT, "mini/real")
    }
    for item in sample.items:
        assert item.image_id in ids[SPLIT if item.role == "generated" else "mini/real"]


def test_the_report_is_printed_and_written_as_simulated(
    audit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the title, in the notes, in the file's name and in the file."""
    assert main(["audit", "report", str(audit)]) == 0
    printed = capsys.readouterr().out
    assert "SIMULATED ratings, mini-v2/sd-l" in printed
    assert "say nothing about the images" in printed.replace("\n", " ")
    section = AuditSection.model_validate_json((audit / "audit-simulated.json").read_bytes())
    assert section.simulated
    assert not (audit / "audit.json").exists()


def test_the_truth_of_the_simulation_is_inside_the_corrected_interval(audit: Path) -> None:
    """0.54 of the images are valid in it."""
    assert main(["audit", "report", str(audit)]) == 0
    found = AuditSection.model_validate_json(
        (audit / "audit-simulated.json").read_bytes()
    ).not_valid.corrected
    assert found is not None and found.low is not None and found.high is not None
    assert found.low < 0.54 < found.high


def test_an_audit_goes_to_label_studio_and_back(audit: Path, tmp_path: Path) -> None:
    """The same rating files, byte by byte, and one picture an item, all in one format."""
    out, copy = tmp_path / "out", tmp_path / "copy"
    assert main(["audit", "export", str(audit), "--to", str(out), "--with-ratings"]) == 0
    copy.mkdir()
    shutil.copy(audit / "sample.json", copy)
    assert main(["audit", "import", str(copy), str(out / "tasks.json"), "--predictions"]) == 0
    for path in (audit / "ratings").iterdir():
        assert (copy / "ratings" / path.name).read_bytes() == path.read_bytes()
    pictures = sorted((out / "images").iterdir())
    assert {path.stem for path in pictures} == load_sample(audit).items.keys()
    with Image.open(pictures[0]) as image:
        assert image.format == "PNG"
        assert not image.info


def test_the_view_of_an_attached_audit_is_that_of_the_majority(audit: Path, release: Path) -> None:
    """The images that the verdicts call valid, and no other."""
    attach_audit(release, audit)
    split = load_split(parse_split_ref(SPLIT), data={"mini-v2": release}, cache=None)
    rows, _, record = apply_view(split, VIEW)
    sample = load_sample(audit)
    verdicts = list_verdicts(sample.sample, load_all_ratings(audit, sample))
    assert {split.rows.image_ids[row] for row in rows} == {it.image_id for it in verdicts if it.valid}
    assert record.ref == f"{SPLIT}:{VIEW}"
    assert record.content_sha256 == sample.sample.split.content_sha256


def test_a_model_is_evaluated_on_the_view(audit: Path, release: Path, tmp_path: Path) -> None:
    """As on any other; the gap says that the reference is not filtered alike."""
    attach_audit(release, audit)
    words = ["evaluate", "--model", "python:toy_models:make_colour_model", "--split", f"{SPLIT}:{VIEW}"]
    places = ["--data", f"mini-v2={release}", "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "c")]
    assert main([*words, *places, "--reference", "mini/real"]) == 0
    (path,) = (tmp_path / "out").glob("*/result.json")
    (entry,) = [entry for entry in load_result(path).entries if entry.split.view == VIEW]
    sample = load_sample(audit)
    verdicts = list_verdicts(sample.sample, load_all_ratings(audit, sample))
    assert entry.n == sum(verdict.valid for verdict in verdicts)
    split = load_split(parse_split_ref(SPLIT), data={"mini-v2": release}, cache=None)
    assert "simulated panel" in describe_filter(find_quality_filter(split, VIEW))


def test_attaching_again_changes_nothing_and_detaching_undoes_it(audit: Path, release: Path) -> None:
    """The manifest is the same bytes as before."""
    before = (release / "manifest.json").read_bytes()
    attach_audit(release, audit)
    attached = (release / "manifest.json").read_bytes()
    attach_audit(release, audit)
    assert (release / "manifest.json").read_bytes() == attached != before
    detach_audit(release, "sd-l", VIEW)
    assert (release / "manifest.json").read_bytes() == before


def test_verification_covers_the_rating_files(audit: Path, release: Path) -> None:
    """They are among the files of the split, and a changed one is found."""
    attach_audit(release, audit)
    manifest = load_manifest(release)
    paths = [file.path for file in list_split_files(manifest.splits["sd-l"]) if "audits" in file.path]
    assert len(paths) == 4
    assert not any(find_damage(release, manifest, ["sd-l"]))
    target = release / paths[1]
    target.write_text(target.read_text().replace('"no"', '"yes"', 1))
    assert [found.path for found in find_damage(release, manifest, ["sd-l"]) if found] == [paths[1]]
    with pytest.raises(DataError, match="is damaged"):
        load_attached(release, manifest.splits["sd-l"].audits[VIEW])


def test_another_audit_does_not_replace_one_in_silence(audit: Path, release: Path, tmp_path: Path) -> None:
    """It is taken out first."""
    attach_audit(release, audit)
    other = tmp_path / "other"
    assert main(["audit", "make", SPLIT, "-n", "30", "--out", str(other)]) == 0
    assert main(["audit", "simulate", str(other)]) == 0
    with pytest.raises(InputError, match="another audit already"):
        attach_audit(release, other)


def test_an_audit_of_other_images_is_refused(audit: Path, tmp_path: Path) -> None:
    """Of a version that has a split of that name."""
    release = Path(shutil.copytree(EMBEDDED, tmp_path / "release"))
    text = (release / "manifest.json").read_text()
    split = load_manifest(release).splits["sd-l"]
    (release / "manifest.json").write_text(text.replace(split.files[0].sha256, "0" * 64))
    with pytest.raises(InputError, match="of other images"):
        attach_audit(release, audit)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["make", SPLIT, "-n", "5000", "--out", "x"], "1 to 1040 can be drawn"),
        (["make", SPLIT, "-n", "10", "--controls", "2", "--out", "x"], "is no share"),
        (["make", SPLIT, "--seed", "-1", "--out", "x"], "is negative"),
        (["make", "v9/sd-l", "--out", "x"], "v9"),
        (["make", "mini/real", "--reference", "mini/real", "-n", "5", "--out", "x"], "the split itself"),
        (["report", "nowhere"], "has no sample.json"),
        (["serve", "nowhere"], "has no sample.json"),
        (["import", "nowhere", "x.json"], "has no sample.json"),
    ],
)
def test_a_mistake_is_one_message(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With exit code 2, and nothing written."""
    monkeypatch.chdir(tmp_path)
    assert main(["audit", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_a_panel_is_not_simulated_among_ratings(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of people or of another panel."""
    assert main(["audit", "simulate", str(audit)]) == 2
    assert "has ratings already" in capsys.readouterr().err


def test_a_report_with_results_counts_accuracy_over_the_valid_images(
    audit: Path, answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the report, in a file that says that the ratings are simulated."""
    folder = Path(shutil.copytree(audit, tmp_path / "audit"))
    assert main(["audit", "report", str(folder), str(answers)]) == 0
    printed = capsys.readouterr().out
    assert "SIMULATED ratings" in printed
    section = ValidAccuracySection.model_validate_json(
        (folder / "valid-accuracy-simulated.json").read_bytes()
    )
    sample = load_sample(folder)
    verdicts = list_verdicts(sample.sample, load_all_ratings(folder, sample))
    entry = next(one for one in load_result(answers).entries if one.split.ref == SPLIT)
    predictions, _ = load_predictions(answers / entry.predictions.file)
    own = predictions.restricted["drawn-104"].indices[:, 0] == predictions.labels[:, 0]
    right = dict(zip(predictions.image_ids, own.tolist(), strict=True))
    valid = [one for one in verdicts if one.valid and one.weight]
    total = sum(one.weight or 0.0 for one in valid)
    found = section.models[0].by_treatment[0]
    assert found.accuracy is not None
    assert found.accuracy.value == pytest.approx(
        sum((one.weight or 0.0) * right[one.image_id] for one in valid) / total
    )
    assert found.gap is not None
    assert section.reference == "mini/real"


def test_a_result_that_is_not_there_is_refused_in_one_message(
    audit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And no file of it is left."""
    folder = Path(shutil.copytree(audit, tmp_path / "audit"))
    assert main(["audit", "report", str(folder), str(tmp_path / "nothing")]) == 2
    assert "There is no result file" in capsys.readouterr().err
    assert not list(folder.glob("valid-accuracy*"))
