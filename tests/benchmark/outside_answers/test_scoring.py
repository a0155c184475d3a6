"""Answers of any system scored, and questions sent out and scored when they come back."""

import base64
import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from image_sets import write_class_folders
from PIL import Image

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.predictions.predictions import load_predictions
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.results import Result, Score

WNIDS = [info.wnid for info in load_classes()]
CLASSES = (0, 1, 2, 3)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images of each of four classes."""
    return write_class_folders(
        tmp_path_factory.mktemp("photos"), [WNIDS[index] for index in CLASSES], per_class=2
    )


def list_ids() -> list[str]:
    """Ids of the images, by class."""
    return [f"{WNIDS[index]}/img_{number}.png" for index in CLASSES for number in range(2)]


def write_answers(path: Path, answers: dict[str, object]) -> Path:
    """One answer an image."""
    path.write_text("image_id,answer\n" + "".join(f"{one},{answer}\n" for one, answer in answers.items()))
    return path


def run_score(path: Path, photos: Path, out: Path, *more: str) -> Result:
    """The result of answers about the photos."""
    words = ["--split", f"folder:{photos}", "--name", "oracle", "--out", str(out), "--cache", str(out / "c")]
    assert main(["score", str(path), *words, *more]) == 0
    return load_result(out)


def find_score(result: Result, outputs: str = "all") -> Score:
    """The score over some outputs."""
    return next(score for score in result.entries[0].scores if score.outputs == outputs)


def test_right_answers_are_counted_and_missing_ones_are_wrong(photos: Path, tmp_path: Path) -> None:
    """Five right, one wrong, one declined, one left out."""
    ids = list_ids()
    answers: dict[str, object] = {one: one.partition("/")[0] for one in ids[:5]}
    answers |= {ids[5]: 999, ids[6]: ""}
    result = run_score(write_answers(tmp_path / "a.csv", answers), photos, tmp_path / "out")
    score = find_score(result)
    assert (score.metrics["top1"].right, result.entries[0].n, result.entries[0].n_unscored) == (5, 8, 2)
    assert {reason.reason for reason in result.entries[0].unscored_reasons or ()} == {
        "no answer",
        "not answered",
    }
    assert find_score(result, "split-classes").top1 == score.top1


def test_images_without_an_answer_are_called_unanswered(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No file needs repair; the option that leaves them out has their name."""
    answers: dict[str, object] = {one: one.partition("/")[0] for one in list_ids()[:6]}
    table = write_answers(tmp_path / "a.csv", answers)
    run_score(table, photos, tmp_path / "out")
    shown = " ".join(capsys.readouterr().out.split())
    assert "(2 images): not answered." in shown
    assert "They count as wrong; 'score --skip-unanswered' leaves them out." in shown
    assert "2 unanswered images counted as wrong" in shown
    assert "unreadable" not in shown and "repair" not in shown
    assert find_score(run_score(table, photos, tmp_path / "all", "--skip-unanswered")).top1.value == 1


def test_what_is_not_known_is_not_computed(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No calibration without probabilities, no top-5 of single answers; the record says what it is about."""
    answers: dict[str, object] = {one: one.partition("/")[0] for one in list_ids()}
    result = run_score(write_answers(tmp_path / "a.csv", answers), photos, tmp_path / "out")
    assert set(find_score(result).metrics) == {"top1", "mean_per_class_top1"}
    assert result.model.spec == "answers:oracle" and result.entries[0].gaps == ()
    assert any("which weights gave them is not known" in text for text in result.entries[0].warnings)
    capsys.readouterr()
    assert main(["show", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert "answers:oracle: answers from elsewhere, weights and inputs unknown." in shown
    assert "M parameters" not in shown and "images/s" not in shown


def test_stored_answers_score_alike_when_they_are_read_again(photos: Path, tmp_path: Path) -> None:
    """They are predictions like any other."""
    answers: dict[str, object] = dict.fromkeys(list_ids(), 1)
    first = run_score(write_answers(tmp_path / "a.csv", answers), photos, tmp_path / "out")
    stored = next((tmp_path / "out" / "predictions").glob("*.parquet"))
    assert main(["score", str(stored), "--out", str(tmp_path / "again")]) == 0
    again = load_result(tmp_path / "again")
    assert again.entries[0].scores == first.entries[0].scores


def test_a_models_own_answers_get_the_models_own_scores(tmp_path: Path) -> None:
    """Best five and probabilities, taken out of stored predictions as a stranger would write them."""
    model = ["--model", "wheel:efficientnet-lite0", "--split", "mini/real", "--limit", "26"]
    assert main(["evaluate", *model, "--out", str(tmp_path / "model"), "--cache", str(tmp_path / "c")]) == 0
    (path,) = (tmp_path / "model").glob("*/predictions/*.parquet")
    predictions, _ = load_predictions(path)
    table = io.StringIO()
    writer = csv.writer(table)
    ranks = ["", "_2", "_3", "_4", "_5"]
    writer.writerow(["image_id", *(f"answer{n}" for n in ranks), *(f"probability{n}" for n in ranks)])
    for image_id, top, chances in zip(
        predictions.image_ids, predictions.top5.indices, predictions.top5.probabilities, strict=True
    ):
        writer.writerow([image_id, *top, *(repr(float(chance)) for chance in chances)])
    (tmp_path / "a.csv").write_text(table.getvalue())
    words = ["--split", "mini/real", "--name", "stranger", "--skip-unreadable"]
    assert main(["score", str(tmp_path / "a.csv"), *words, "--out", str(tmp_path / "out")]) == 0
    ours = find_score(load_result(tmp_path / "out")).metrics
    theirs = find_score(load_result(path.parents[1])).metrics
    shared = {"top1", "top5", "mean_per_class_top1", "ece", "ece_debiased", "aurc", "accuracy_at_80"}
    assert set(ours) == shared
    assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}


def test_a_gap_is_measured_from_answers_about_the_clean_set(photos: Path, tmp_path: Path) -> None:
    """Both sides are answers of one system."""
    clean = Path(shutil.copytree(photos, tmp_path / "clean"))
    for number, path in enumerate(sorted(clean.glob("*/*.png"))):
        Image.new("RGB", (9, 9), (number, 0, 0)).save(path)
    right: dict[str, object] = {one: one.partition("/")[0] for one in list_ids()}
    half = {one: answer if number % 2 else 999 for number, (one, answer) in enumerate(right.items())}
    reference = write_answers(tmp_path / "clean.csv", right)
    result = run_score(
        write_answers(tmp_path / "a.csv", half), photos, tmp_path / "out",
        "--reference", str(reference), "--reference-split", f"folder:{clean}",
    )  # fmt: skip
    assert result.entries[0].gaps[0].value == pytest.approx(-0.5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "1 files of answers (.csv, .tsv, .jsonl) and 0 times --split"),
        (["--split", "{photos}", "--split", "mini/real"], "and 2 times --split"),
        (["--split", "{photos}"], "with --name"),
        (["--split", "mini/real", "--name", "x"], "which 'mini/real' has not got. Its ids look like"),
        (["--split", "mini/real:noto", "--name", "x"], "and score the view with --view noto"),
        (["--split", "nowhere/x", "--name", "x"], "nowhere"),
    ],
)  # fmt: skip
def test_answers_without_what_they_are_about_are_refused(
    words: list[str], message: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One message each, and nothing is written."""
    path = write_answers(tmp_path / "a.csv", {list_ids()[0]: 0})
    filled = [word.replace("{photos}", f"folder:{photos}") for word in words]
    assert main(["score", str(path), *filled, "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def export(photos: Path, path: Path, *more: str) -> list[dict[str, str]]:
    """The rows of exported questions."""
    cache = ["--cache", str(path.parent / "cache")]
    assert main(["export-mcq", f"folder:{photos}", "--out", str(path), *cache, *more]) == 0
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


@pytest.mark.parametrize("suffix", [".tsv", ".jsonl"])
def test_questions_that_come_back_right_score_one(suffix: str, photos: Path, tmp_path: Path) -> None:
    """By letter and number, as an evaluation kit returns them; the number of options is in the record."""
    path = tmp_path / f"questions{suffix}"
    rows = export(photos, path, "--options", "3", "--seed", "5")
    assert len(rows) == 8
    letters = "".join(f"{row['index']},{row['answer']}\n" for row in rows)
    (tmp_path / "back.csv").write_text(f"index,prediction\n{letters}")
    result = run_score(tmp_path / "back.csv", photos, tmp_path / "out", "--questions", str(path))
    assert find_score(result).top1.value == 1
    assert (result.model.spec, result.model.num_outputs) == ("answers:oracle/3-options", 3)
    assert any("chance alone is right in 33 %" in text for text in result.entries[0].warnings)
    record = json.loads(path.with_name(f"{path.name}.record.json").read_text())
    assert (record["seed"], record["num_options"], record["num_questions"]) == (5, 3, 8)


def test_the_seed_decides_the_file_byte_by_byte(photos: Path, tmp_path: Path) -> None:
    """And another seed gives another."""
    for name, seed in (("a.tsv", "1"), ("b.tsv", "1"), ("c.tsv", "2")):
        export(photos, tmp_path / name, "--seed", seed)
    first, second, third = ((tmp_path / name).read_bytes() for name in ("a.tsv", "b.tsv", "c.tsv"))
    assert first == second != third


def test_wrong_options_are_a_models_likeliest(photos: Path, tmp_path: Path) -> None:
    """As its stored answers say, whatever the batch."""
    clip = "open_clip:packaged:mini-clip"
    words = ["--model", clip, "--split", f"folder:{photos}", "--templates", "single"]
    assert main(["evaluate", *words, "--out", str(tmp_path / "r"), "--cache", str(tmp_path / "c")]) == 0
    (path,) = (tmp_path / "r").glob("*/predictions/*.parquet")
    predictions, _ = load_predictions(path)
    rows = export(photos, tmp_path / "q.tsv", "--clip", clip, *words[4:], "--cache", str(tmp_path / "c"))
    asked = {row["image_id"]: {WNIDS.index(wnid) for wnid in row["wnids"].split(",")} for row in rows}
    for image_id, top, labels in zip(
        predictions.image_ids, predictions.top5.indices, predictions.labels, strict=True
    ):
        wrong = [int(index) for index in top if index not in labels]
        assert asked[image_id] == {*wrong[:3], int(labels[0])}


def test_images_go_into_a_folder_and_into_the_file(photos: Path, tmp_path: Path) -> None:
    """The same pixels as those of the split."""
    rows = export(photos, tmp_path / "q.tsv", "--images", str(tmp_path / "images"), "--embed", "--limit", "2")
    assert len(rows) == 2
    for row in rows:
        original = Image.open(photos / row["image_id"]).convert("RGB").tobytes()
        assert Image.open(row["image_path"]).tobytes() == original
        assert Image.open(io.BytesIO(base64.b64decode(row["image"]))).tobytes() == original


def test_right_answers_can_be_left_out(photos: Path, tmp_path: Path) -> None:
    """Nothing in a row then says which option is right."""
    rows = export(photos, tmp_path / "q.tsv", "--hide-answers")
    assert not {"answer", "category"} & set(rows[0])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--options", "1"], "--options 1 must lie in 2 to 26"),
        (["--options", "27"], "--options 27 must lie in 2 to 26"),
        (["--out", "q.xlsx"], "must end in .tsv or .jsonl"),
        (["--limit", "0"], "--limit 0 runs nothing"),
        (["--clip", "open_clip:packaged:nothing"], "packaged open_clip model 'nothing'"),
    ],
)
def test_questions_that_cannot_be_made_are_refused(
    words: list[str], message: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is written."""
    out = tmp_path / "q.tsv"
    assert main(["export-mcq", f"folder:{photos}", "--out", str(out), *words]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()
