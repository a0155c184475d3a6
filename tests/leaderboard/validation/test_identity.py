"""Names and models of others, and secrets: what a submission may not say of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from submission_cases import (
    ROOT,
    edit_cell,
    list_codes,
    list_known,
    load_good,
    set_at,
    validate_case,
    write_case,
)

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.naming.offered import list_wheel_names
from imagenet_g.leaderboard.submissions.known_weights import (
    add_rows,
    format_known_weights,
    load_known_weights,
    parse_known_weights,
)
from imagenet_g.leaderboard.submissions.problems import format_report
from imagenet_g.leaderboard.submissions.submission import Submission
from imagenet_g.leaderboard.validation.identity_checks import (
    check_identity,
    check_known_weights,
    check_secrets,
)
from imagenet_g.leaderboard.validation.peers import check_copies

SECRETS = (
    "hf_abcdefgh12345678",
    "ghp_abcdefghijklmnopqrst0123",
    "github_pat_abcdefghijklmnopqrst",
    "sk-proj-abcdefghijklmnopqrst",
    "AKIAABCDEFGHIJKLMNOP",
)
RESNET = "timm:resnet50.a1_in1k"


def make(**changes: object) -> Submission:
    """The good submission with some fields changed, named by their paths with `__` for dots."""
    content = json.loads(load_good())
    for path, value in changes.items():
        set_at(path.replace("__", "."), value)(content)
    return Submission.model_validate(content)


def list_found(submission: Submission) -> set[str]:
    """Places of the findings about identity."""
    return {problem.where for problem in check_identity(submission)}


@pytest.mark.parametrize("name", ["timm", "OpenAI", "0penAI", "Open-AI", "TIMM"])
def test_organisations_of_others_are_reserved(name: str) -> None:
    """However they are spelled."""
    assert "statement.organisation" in list_found(make(statement__organisation=name))


def test_our_own_organisation_stands_on_shipped_models_alone() -> None:
    """Whose weights anybody has."""
    own = {"statement__organisation": "ImageNet-G"}
    assert list_found(make(**own)) == set()
    for spec in ("timm:mine", "wheel:efficientnet-lite0+checkpoint", "python:a:b"):
        assert "statement.organisation" in list_found(make(**own, result__model__spec=spec))


@pytest.mark.parametrize(
    ("name", "spec", "reserved"),
    [
        ("ResNet50 a1_in1k", "timm:mine", True),
        ("ResNet-50", "timm:resnet50.a1_in1k+checkpoint", False),
        ("ResNet-50", "timm:vit_base_patch16_224.augreg_in1k", True),
        ("ResNet-50", "timm:resnet50.a1_in1k", False),
        ("ViT-B-32", "python:a:b", True),
        ("Wonder Net", "python:a:b", False),
    ],
)
def test_names_of_published_models_are_reserved(name: str, spec: str, reserved: bool) -> None:
    """For those models, and for the same architecture."""
    changes = {"statement__organisation": "Lab", "statement__model": name, "result__model__spec": spec}
    assert ("statement.model" in list_found(make(**changes))) == reserved


@pytest.mark.parametrize(
    ("parameters", "found"), [(25_557_032, set()), (86_000_000, {"model.num_parameters"})]
)
def test_a_published_model_has_its_published_size(parameters: int, found: set[str]) -> None:
    """To what the table rounds."""
    changes = {"statement__organisation": "Lab", "statement__model": "ResNet-50"}
    submission = make(**changes, result__model__spec=RESNET, result__model__num_parameters=parameters)
    assert list_found(submission) == found


@pytest.mark.parametrize(
    ("spec", "weights", "parameters", "found"),
    [
        (None, None, None, None),
        (None, "c" * 64, None, ("other-weights", "error")),
        (None, None, 5, ("other-model", "error")),
        (RESNET, None, None, ("unknown-weights", "note")),
        (f"{RESNET}+checkpoint", None, None, None),
        ("python:a:b", None, None, None),
    ],
    ids=["as known", "other weights", "another size", "unknown", "own weights", "own code"],
)
def test_a_public_model_has_the_weights_that_are_known_of_it(
    spec: str | None, weights: str | None, parameters: int | None, found: tuple[str, str] | None
) -> None:
    """By their hash; where none is known, the report says so."""
    changes = {"spec": spec, "weights_sha256": weights, "num_parameters": parameters}
    given = {f"result__model__{name}": value for name, value in changes.items() if value is not None}
    problems = [(problem.code, problem.severity) for problem in check_known_weights(make(**given))]
    assert problems == ([found] if found else [])


def test_every_shipped_classifier_is_known() -> None:
    """Those of the package and of the wheels that it needs; each row says where its weights came from."""
    folder = ROOT.parent / "benchmark" / "data" / "models"
    weights = [*folder.glob("*/model.safetensors"), *folder.glob("*/open_clip_model.safetensors")]
    packaged = {file.parent.name for file in weights}
    known = load_known_weights()
    assert {spec.rpartition(":")[2] for spec in known if "packaged" in spec} == packaged
    assert {f"wheel:{name}" for name in list_wheel_names()} <= set(known)
    assert all(row.source for row in known.values())


def test_a_row_is_added_from_weights_on_hand_and_never_replaced(tmp_path: Path) -> None:
    """A model of one's own has none."""
    table = tmp_path / "known.csv"
    table.write_text(format_known_weights({}))
    model = make().result.model
    (row,) = add_rows(table, [model], "a wheel")
    assert parse_known_weights(table.read_text()) == {model.spec: row}
    assert add_rows(table, [model], "again") == []
    with pytest.raises(InputError, match=f"other weights of '{model.spec}'.*from a wheel"):
        add_rows(table, [model.model_copy(update={"weights_sha256": "d" * 64})], "elsewhere")
    with pytest.raises(InputError, match="no public model"):
        add_rows(table, [model.model_copy(update={"spec": "python:a:b"})], "mine")


def test_a_shipped_model_with_other_weights_is_refused() -> None:
    """Its weights are those of the submission that is there."""
    submission = make(result__model__weights_sha256="c" * 64)
    codes = {(problem.code, problem.severity) for problem in check_copies(submission, list_known())}
    assert ("other-weights", "error") in codes


@pytest.mark.parametrize(
    ("field", "value", "severity"),
    [
        ("description", "Resize, then a very special crop", "error"),
        ("interpolation", "BICUBIC", "error"),
        ("input_size_px", [480, 480], "warning"),
    ],
)
def test_other_words_about_preprocessing_make_no_other_model(field: str, value: Any, severity: str) -> None:
    """Another input size may, and a reviewer sees it."""
    submission = make(statement__model="Wonder Net", **{f"result__model__preprocessing__{field}": value})
    same = submission.result.model.weights_sha256
    known = [one for one in list_known() if one.submission.result.model.weights_sha256 == same]
    found = [problem for problem in check_copies(submission, known[:1]) if problem.code == "duplicate"]
    assert [problem.severity for problem in found] == [severity]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_token_anywhere_in_a_file_is_refused_and_not_repeated(secret: str, tmp_path: Path) -> None:
    """Neither the token nor anything else of the file stands in the report."""
    report = validate_case(write_case(tmp_path, set_at("statement.notes", f"run with {secret}")))
    assert list_codes(report) == {"secret"}
    assert secret not in format_report(report) and secret not in report.model_dump_json()


def test_a_token_among_the_predictions_is_refused_and_not_repeated(tmp_path: Path) -> None:
    """In the name of a source image, and where the file is refused for another reason that quotes it."""
    for column, code in (("source_image_id", "secret"), ("error", "bad-predictions")):
        rows = edit_cell(column, 3, f"401 for {SECRETS[0]}")
        report = validate_case(write_case(tmp_path / column, rows=rows))
        assert list_codes(report) == {code}
        assert SECRETS[0] not in report.model_dump_json()


def test_a_token_is_found_behind_escapes_and_in_unknown_fields() -> None:
    """What a parser would leave out, and what only a parser would show."""
    hidden = b'{"a": "\\u0068f_abcdefgh12345678"}'
    assert list(check_secrets(hidden, json.loads(hidden)))
    assert list(check_secrets(b'{"a": 1} hf_abcdefgh12345678', {"a": 1}))
    assert not list(check_secrets(load_good().encode(), json.loads(load_good())))
