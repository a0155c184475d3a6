"""Every bad submission is refused, for the right reason."""

from __future__ import annotations

import gzip
import json
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_sets import write_release
from submission_cases import (
    SEALED,
    STEM,
    edit_cell,
    list_codes,
    list_known,
    load_good,
    replace_column,
    seal,
    set_at,
    validate_case,
    write_case,
)

from imagenet_g.leaderboard.submissions.problems import format_report
from imagenet_g.leaderboard.submissions.reviews import load_review, make_review, write_review
from imagenet_g.leaderboard.validation.split_store import SplitStore
from imagenet_g.leaderboard.validation.validate import (
    ValidationContext,
    load_known_submissions,
    validate_submission,
)

ENTRY = "result.entries.0"
MODEL = "result.model"
CLAIMS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another score": (set_at(f"{ENTRY}.scores.0.top1.value", 0.5), "impossible"),
    "a consistent but false score": (
        lambda c: [
            set_at(f"{ENTRY}.scores.0.num_correct_top1", 235)(c),
            set_at(f"{ENTRY}.scores.0.top1.value", 235 / 1244)(c),
        ],
        "not-reproduced",
    ),
    "a narrower interval": (set_at(f"{ENTRY}.scores.0.top1.low", 0.188), "not-reproduced"),
    "an interval beside its value": (set_at(f"{ENTRY}.scores.0.top1.low", 0.2), "impossible"),
    "a smaller gap": (set_at(f"{ENTRY}.gaps.0.value", -0.5555), "not-reproduced"),
    "a gap outside its interval": (set_at(f"{ENTRY}.gaps.0.value", -0.1), "impossible"),
    "another clean accuracy": (set_at(f"{ENTRY}.gaps.0.reference.top1.value", 0.7449), "not-reproduced"),
    "a reference called same-class": (
        set_at(f"{ENTRY}.gaps.0.reference.same_classes", True),
        "not-reproduced",
    ),
    "top-5 below top-1": (set_at(f"{ENTRY}.scores.0.num_correct_top5", 3), "impossible"),
    "more right than images": (set_at(f"{ENTRY}.scores.0.num_correct_top5", 5000), "impossible"),
    "a negative count": (set_at(f"{ENTRY}.n", -5), "schema"),
    "more unscored than images": (set_at(f"{ENTRY}.n_unscored", 5000), "impossible"),
    "a warm-up longer than the run": (
        set_at(f"{ENTRY}.predictions.run.warm_up_seconds", 1e6),
        "impossible",
    ),
    "no image": (set_at(f"{ENTRY}.n", 0), "impossible"),
    "no score": (set_at(f"{ENTRY}.scores", []), "impossible"),
    "no split": (set_at("result.entries", []), "no-split"),
    "a score above one": (set_at(f"{ENTRY}.scores.0.top1.value", 18.8), "schema"),
    "a partial run": (set_at(f"{ENTRY}.limit", 100), "partial"),
    "images left out": (
        lambda c: [
            set_at(f"{ENTRY}.unscored_count_as", "left-out")(c),
            set_at(f"{ENTRY}.n_unscored", 1)(c),
        ],
        "left-out",
    ),
    "a split twice": (lambda c: c["result"]["entries"].append(c["result"]["entries"][0]), "repeated-split"),
    "an unknown version": (
        lambda c: [
            set_at(f"{ENTRY}.split.ref", "v9/sd-l")(c),
            set_at(f"{ENTRY}.split.version", "v9")(c),
        ],
        "unknown-split",
    ),
    "an unknown split": (set_at(f"{ENTRY}.split.ref", "mini/renditoins"), "unknown-split"),
    "a malformed split": (set_at(f"{ENTRY}.split.ref", "mini/../../etc"), "unknown-split"),
    "a folder of one's own": (set_at(f"{ENTRY}.split.ref", "folder:mine"), "private-split"),
    "another revision": (set_at(f"{ENTRY}.split.content_sha256", "1" * 64), "other-revision"),
    "a version that is not the file's": (set_at("version", "v1"), "wrong-place"),
    "a path upwards": (set_at(f"{ENTRY}.predictions.file", "../../x.parquet"), "bad-path"),
    "an absolute path": (set_at(f"{ENTRY}.predictions.file", "/etc/passwd"), "bad-path"),
    "a path with backslashes": (set_at(f"{ENTRY}.predictions.file", "..\\x.parquet"), "bad-path"),
    "a wrong hash": (set_at(f"{ENTRY}.predictions.sha256", "a" * 64), "wrong-hash"),
    "other weights than the predictions'": (set_at(f"{MODEL}.weights_sha256", "b" * 64), "other-model"),
    "weights that hash nothing": (set_at(f"{MODEL}.weights_sha256", "0" * 64), "impossible"),
    "another model's name": (set_at(f"{MODEL}.spec", "timm:resnet50.a1_in1k"), "other-model"),
    "no model spec": (set_at(f"{MODEL}.spec", "rm -rf /"), "bad-model"),
    "more parameters than can be": (set_at(f"{MODEL}.num_parameters", 10**30), "schema"),
    "a day that has not come": (set_at(f"{ENTRY}.predictions.run.started_utc", "2999-01-01"), "impossible"),
    "a result of the year 2999": (set_at("result.environment.created_utc", "2999-01-01"), "impossible"),
    "training data of the year 2999": (set_at(f"{MODEL}.trained_until", "2999-12-31"), "impossible"),
    "a moment that is none": (set_at("result.environment.created_utc", "soon"), "impossible"),
    "faster than any machine": (set_at(f"{ENTRY}.predictions.run.images_per_second", 1e12), "impossible"),
    "longer than a lifetime": (set_at(f"{ENTRY}.predictions.run.seconds", 1e300), "impossible"),
    "true as a version": (set_at("schema_version", True), "schema"),
    "true as the version of a result": (set_at("result.schema_version", True), "schema"),
    "a result without answers": (set_at(f"{ENTRY}.n_unscored", 1244), "no-answers"),
    "no parameters": (set_at(f"{MODEL}.num_parameters", 0), "impossible"),
    "an input of four pixels": (set_at(f"{MODEL}.preprocessing.input_size_px", [4, 4]), "preprocessing"),
    "a mean in 0 to 255": (set_at(f"{MODEL}.preprocessing.mean", [123.7, 116.3, 103.5]), "preprocessing"),
    "a zero std": (set_at(f"{MODEL}.preprocessing.std", [0.0, 0.5, 0.5]), "preprocessing"),
    "an unknown interpolation": (set_at(f"{MODEL}.preprocessing.interpolation", "magic"), "preprocessing"),
    "a crop of a tenth": (set_at(f"{MODEL}.preprocessing.crop_fraction", 0.1), "preprocessing"),
    "preprocessing other than was run": (
        set_at(f"{MODEL}.preprocessing.input_size_px", [240, 240]),
        "other-model",
    ),
    "markup in the name": (set_at("statement.model", "<img src=x onerror=alert(1)>"), "bad-name"),
    "a formula in the name": (set_at("statement.model", '=HYPERLINK("http://x")'), "bad-name"),
    "a formula with plus": (set_at("statement.model", "+1+cmd"), "bad-name"),
    "a Cyrillic letter in the name": (set_at("statement.model", "EfficientNet-Litе0"), "bad-name"),
    "text turned around": (set_at("statement.authors", ["A\u202egro"]), "bad-text"),
    "a hidden character in the notes": (set_at("statement.notes", "ok\u200bok"), "bad-text"),
    "a script as address": (set_at("statement.url", "javascript:alert(1)"), "bad-address"),
    "an address with markup": (set_at("statement.url", 'https://x.org/"><script>'), "bad-address"),
    "a contact that reaches nobody": (set_at("statement.contact", "me"), "bad-contact"),
    "no author": (set_at("statement.authors", []), "schema"),
    "an endless name": (set_at("statement.model", "x" * 5000), "schema"),
    "other training data than the model's": (set_at("statement.training_data", "more-data"), "contradiction"),
    "zero-shot without prompts": (set_at("statement.supervision", "zero-shot"), "contradiction"),
    "a future schema": (set_at("schema_version", 2), "future-schema"),
    "an unknown key": (set_at("payload", "x"), "schema"),
    "a number as text": (set_at(f"{ENTRY}.scores.0.top1.value", "high"), "schema"),
    "a removed warning": (set_at(f"{ENTRY}.warnings", []), "warning-removed"),
    "another notice": (set_at(f"{ENTRY}.split.notice", None), "contradiction"),
    "another run than was recorded": (set_at(f"{ENTRY}.predictions.run.device", "tpu"), "contradiction"),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_false_claim_is_refused(name: str, tmp_path: Path) -> None:
    """A forger who also mends the seal is found out by what the file says."""
    change, code = CLAIMS[name]
    report = validate_case(write_case(tmp_path, change))
    assert not report.accepted
    assert report.trust is None
    assert code in list_codes(report), format_report(report)


def test_a_result_on_a_training_set_is_refused(tmp_path: Path) -> None:
    """Not only unverified: no images beside the training set's would make it a measurement."""
    train = write_release(tmp_path / "release", [0], version="mini", split="renditions", role="train")
    context = ValidationContext(SplitStore({"mini": train}))
    report = validate_submission(write_case(tmp_path), context)
    assert list_codes(report) == {"training-set"}, format_report(report)


def _make_right_everywhere(table: pa.Table) -> pa.Table:
    """The same in every column of answers, as a careful forger would."""
    for name in [name for name in table.column_names if name.startswith("top5_index")]:
        labels, answers = table["label"].to_pylist(), table[name].to_pylist()
        better = [_put_first(label[0], answer) for label, answer in zip(labels, answers, strict=True)]
        table = replace_column(table, name, better)
    return table


def _put_first(label: int, answer: list[int] | None) -> list[int] | None:
    return answer and [label, *[index for index in answer if index != label][:4]]


def _find_wrong(table: pa.Table) -> int:
    pairs = zip(table["label"].to_pylist(), table["top5_index"].to_pylist(), strict=True)
    return next(row for row, (label, answer) in enumerate(pairs) if label[0] not in answer)


def _make_one_right(table: pa.Table) -> pa.Table:
    """In the column that decides, and nowhere else."""
    row = _find_wrong(table)
    answer = table["top5_index"][row].as_py()
    return edit_cell("top5_index", row, _put_first(table["label"][row].as_py()[0], answer))(table)


def _make_one_right_everywhere(table: pa.Table) -> pa.Table:
    """In every column that holds an answer to this image."""
    row = _find_wrong(table)
    forged = _make_right_everywhere(table.slice(row, 1))
    for name in [name for name in table.column_names if name.startswith("top5_index")]:
        table = edit_cell(name, row, forged[name][0].as_py())(table)
    return table


def _drop(table: pa.Table) -> pa.Table:
    return table.slice(1)


def _repeat(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table.slice(0, 1), table.slice(0, table.num_rows - 1)])


def _make_right(table: pa.Table) -> pa.Table:
    """Every answer becomes right: the classic forgery."""
    indices = table["top5_index"].to_pylist()
    labels = [row[0] for row in table["label"].to_pylist()]
    better = [
        [label, *[i for i in row if i != label][:4]] for label, row in zip(labels, indices, strict=True)
    ]
    return replace_column(table, "top5_index", better)


def _shuffle_labels(table: pa.Table) -> pa.Table:
    return replace_column(table, "label", [[row[0]] for row in table["top5_index"].to_pylist()])


def _rename(table: pa.Table) -> pa.Table:
    return replace_column(table, "image_id", [f"v1-{number}" for number in range(table.num_rows)])


def _forget_metadata(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata(None)


ROWS: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "a missing image": (_drop, "missing-image"),
    "a repeated image": (_repeat, "bad-predictions"),
    "ids of another version": (_rename, "missing-image"),
    "labels that follow the answers": (_shuffle_labels, "wrong-label"),
    "one other label": (edit_cell("label", 7, [3]), "wrong-label"),
    "one prediction made right": (_make_one_right, "contradiction"),
    "one right prediction in every column": (_make_one_right_everywhere, "not-reproduced"),
    "all answers right": (_make_right, "contradiction"),
    "all answers right in every column": (_make_right_everywhere, "contradiction"),
    "a probability that is NaN": (
        edit_cell("top5_probability", 0, [math.nan, 0.1, 0.1, 0.1, 0.1]),
        "bad-predictions",
    ),
    "a probability above one": (
        edit_cell("top5_probability", 0, [7.0, 0.1, 0.1, 0.1, 0.1]),
        "bad-predictions",
    ),
    "probabilities of 4.5 together": (edit_cell("top5_probability", 0, [0.9] * 5), "bad-predictions"),
    "a column that nobody reads": (
        lambda table: table.append_column("notes", pa.array(["x"] * len(table))),
        "bad-predictions",
    ),
    "half of the columns of a class set": (
        lambda table: table.append_column("top5_probability@x", pa.array([[0.5]] * len(table))),
        "bad-predictions",
    ),
    "a long text in every row": (
        lambda table: replace_column(table, "source_image_id", ["x" * 20_000] * len(table)),
        "bad-predictions",
    ),
    "a class of 1000": (edit_cell("top5_index", 0, [1000, 2, 3, 4, 5]), "bad-predictions"),
    "a negative class": (edit_cell("top5_index", 0, [-7, 2, 3, 4, 5]), "bad-predictions"),
    "six answers": (edit_cell("top5_index", 0, [1, 2, 3, 4, 5, 6]), "bad-predictions"),
    "one class twice": (edit_cell("top5_index", 0, [1, 1, 3, 4, 5]), "bad-predictions"),
    "no answer and no error": (edit_cell("top5_index", 0, None), "bad-predictions"),
    "no image id": (edit_cell("image_id", 0, None), "bad-predictions"),
    "no metadata": (_forget_metadata, "bad-predictions"),
    "no labels": (lambda table: table.drop_columns(["label"]), "bad-predictions"),
    "strengths that the split has not": (
        lambda table: table.append_column("strength", pa.array([0.0] * len(table))),
        "wrong-strength",
    ),
    "a strength that is NaN": (
        lambda table: table.append_column("strength", pa.array([math.nan] * len(table))),
        "bad-predictions",
    ),
    "a row too many": (lambda table: pa.concat_tables([table, table.slice(0, 1)]), "bad-predictions"),
}


@pytest.mark.parametrize("name", ROWS)
def test_forged_predictions_are_refused(name: str, tmp_path: Path) -> None:
    """Also where the result names the hash of the forged file."""
    rows, code = ROWS[name]
    report = validate_case(write_case(tmp_path, rows=rows))
    assert code in list_codes(report), format_report(report)


def test_predictions_changed_after_the_run_are_refused(tmp_path: Path) -> None:
    """One changed prediction changes the hash."""
    path = write_case(tmp_path, rows=edit_cell("top5_index", 0, [1, 2, 3, 4, 5]), rehashed=False)
    assert "wrong-hash" in list_codes(validate_case(path))


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", b"0" * 1_000_000)


FILES: dict[str, Callable[[Path], None]] = {
    "nothing": lambda path: _write_bytes(path, b""),
    "half a file": lambda path: _write_bytes(path, load_good().encode()[:500]),
    "a list": lambda path: _write_bytes(path, b"[]"),
    "a zip bomb": _zip_bomb,
    "a gzip file": lambda path: _write_bytes(path, gzip.compress(b"0" * 1_000_000)),
    "brackets a million deep": lambda path: _write_bytes(path, b"[" * 1_000_000),
    "objects a thousand deep": lambda path: _write_bytes(path, b'{"a":' * 1000 + b"1" + b"}" * 1000),
    "six megabytes": lambda path: _write_bytes(path, b" " * 6_000_000),
    "NaN": lambda path: _write_bytes(path, load_good().replace("0.74846", "NaN").encode()),
    "infinity": lambda path: _write_bytes(path, load_good().replace("0.74846", "-Infinity").encode()),
    "a key twice": lambda path: _write_bytes(path, b'{"schema_version": 1, "schema_version": 1}'),
    "bytes that are no text": lambda path: _write_bytes(path, b"\xff\xfe\x00"),
    "a number of 10000 digits": lambda path: _write_bytes(
        path, b'{"schema_version": ' + b"9" * 10_000 + b"}"
    ),
    "half a surrogate": lambda path: _write_bytes(
        path, load_good().replace("ML Illustrated", "\\ud800").encode()
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_submission_is_refused(name: str, tmp_path: Path) -> None:
    """One clear report, never an exception."""
    path = write_case(tmp_path)
    FILES[name](path)
    report = validate_case(path)
    assert not report.accepted
    assert list_codes(report) & {"unreadable", "schema"}, format_report(report)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A submission that is a link to another file of the machine is refused."""
    path = write_case(tmp_path)
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert list_codes(validate_case(path)) == {"unreadable"}


def test_linked_predictions_are_not_read(tmp_path: Path) -> None:
    """A link among the predictions counts as missing, and predictions on a shipped split must be there."""
    path = write_case(tmp_path)
    file = path.parent / STEM / "mini-renditions.parquet"
    elsewhere = tmp_path / "elsewhere.parquet"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    report = validate_case(path)
    assert "no-predictions" in list_codes(report)


def test_a_billion_rows_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    """A column of one value packs a thousandfold; the footer gives it away."""
    path = write_case(tmp_path)
    values = pa.DictionaryArray.from_arrays(pa.array(np.zeros(5_000_000, dtype=np.int8)), ["x"])
    pq.write_table(pa.table({"image_id": values}), path.parent / STEM / "mini-renditions.parquet")
    report = validate_case(path)
    assert "5000000 rows" in format_report(report)
    assert list_codes(report) == {"bad-predictions"}


def test_endless_lists_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    """Few rows may hold many values."""
    path = write_case(tmp_path)
    values = pa.array([np.zeros(1_000_000, dtype=np.int16)])
    pq.write_table(pa.table({"label": values}), path.parent / STEM / "mini-renditions.parquet")
    assert "more values" in format_report(validate_case(path))


def test_an_edit_that_does_not_mend_the_seal_is_named(tmp_path: Path) -> None:
    """Even one that changes no number."""
    path = write_case(tmp_path, set_at("statement.notes", "better than it looks"), resealed=False)
    assert list_codes(validate_case(path)) == {"edited"}


def test_an_edit_after_the_review_takes_it_off_the_board(tmp_path: Path) -> None:
    """Also an honest one with a new seal: the review is of other bytes."""
    path = write_case(tmp_path)
    write_review(path, make_review(validate_case(path)))
    assert not isinstance(load_review(path), str)
    content = json.loads(path.read_text())
    content["statement"]["notes"] = "edited"
    path.write_text(json.dumps(seal(content)))
    assert "edited after its review" in str(load_review(path))


def test_a_file_in_the_wrong_place_is_refused(tmp_path: Path) -> None:
    """The name of the file is made of the names inside."""
    assert "wrong-place" in list_codes(validate_case(write_case(tmp_path, stem="openai__gpt")))


@pytest.mark.parametrize("name", ["EfficientNet-LiteO", "Efficient Net Lite0", "Efficientnet_Lite0"])
def test_a_lookalike_of_a_model_is_refused(name: str, tmp_path: Path) -> None:
    """Names that a hurried reader confuses."""
    report = validate_case(write_case(tmp_path, set_at("statement.model", name)), others=list_known())
    assert "look-alike" in list_codes(report)


def test_the_same_weights_under_another_name_are_refused(tmp_path: Path) -> None:
    """A duplicate, whatever it calls itself."""
    path = write_case(tmp_path, set_at("statement.model", "Wonder Net"), stem="imagenet-g__wonder-net")
    assert "duplicate" in list_codes(validate_case(path, others=list_known()))


def test_copied_predictions_are_refused(tmp_path: Path) -> None:
    """The predictions of another submission under other weights."""

    def change(content: dict[str, Any]) -> None:
        content["statement"]["model"] = "Wonder Net"
        content["result"]["model"]["weights_sha256"] = "c" * 64

    path = write_case(tmp_path, change, stem="imagenet-g__wonder-net")
    assert "copied" in list_codes(validate_case(path, others=load_known_submissions(SEALED)))
