"""Baseline sets: reviewed, hashed, and refused when they are not what they say."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

import pytest
from baseline_cases import make_row, write_baseline

from imagenet_g.baselines.lines.baselines import list_baselines, load_baseline
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.robustness.published_sets import build_points

ROWS = [make_row(f"m{number}", clean=f"0.{50 + number}", shifted=f"0.{20 + number}") for number in range(6)]


def read_table(name: str) -> list[dict[str, str]]:
    """A CSV that comes with the package."""
    text = (files("imagenet_g.baselines.data") / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize("name", list_baselines())
def test_every_set_loads_and_matches_its_hash(name: str) -> None:
    """Loading checks the table against the header's sha256 and every rule of a reviewed set."""
    assert load_baseline(name).header.id == name


def test_a_set_has_one_hash_and_a_changed_figure_another(tmp_path: Path) -> None:
    """The hash a result carries tells two versions of a baseline apart."""
    first = load_baseline(str(write_baseline(tmp_path, ROWS))).sha256
    again = load_baseline(str(write_baseline(tmp_path, ROWS))).sha256
    other = load_baseline(str(write_baseline(tmp_path, [*ROWS[:-1], make_row("m5", clean="0.56")]))).sha256
    assert first == again != other


def test_the_standard_models_of_the_testbed_are_85() -> None:
    """Those with at least 55 % on ImageNet-val, less the controls of other experiments."""
    baseline = load_baseline("testbed")
    assert len(baseline.fitted) == 85
    assert min(record.figures["imagenet_val"] or 0 for record in baseline.fitted) >= 0.55


def test_every_timm_tag_has_been_reviewed() -> None:
    """A model's training data and category are its tag's, or its own entry's where it differs."""
    tags = {row["tag"]: row for row in read_table("timm_tags.csv")}
    models = {row["model"]: row for row in read_table("timm_models.csv")}
    for record in load_baseline("timm-in1k").records:
        reviewed = models.get(record.model) or tags[record.model.partition(".")[2]]
        assert (record.training_data, record.category) == (reviewed["training_data"], reviewed["category"])


def test_tags_that_end_in_in1k_without_being_it_are_out_of_the_fit() -> None:
    """SigLIP's webli_ft_in1k and SWAG's swag_ft_in1k are trained on more data."""
    fitted = {record.model for record in load_baseline("timm-in1k").fitted}
    assert not any("webli" in model or "swag" in model or "clip" in model for model in fitted)
    assert not any(f"in{size}k" in model for model in fitted for size in (12, 21, 22))


def test_unknown_training_data_is_out_of_the_fit() -> None:
    """What could not be established is never standard."""
    unknown = [record for record in load_baseline("timm-in1k").records if record.training_data == "unknown"]
    assert len(unknown) > 100
    assert not any(record.in_fit for record in unknown)


def test_the_paper_set_has_the_five_architectures_as_specs() -> None:
    """ResNet-18, ResNeXt-50 and -101, EfficientNet-B0, MobileNet-V2, loadable from timm."""
    baseline = load_baseline("paper")
    assert [baseline.make_spec(record) for record in baseline.fitted] == [
        "timm:resnet18.tv_in1k",
        "timm:resnext50_32x4d.tv_in1k",
        "timm:resnext101_32x8d.tv_in1k",
        "timm:efficientnet_b0.ra_in1k",
        "timm:mobilenetv2_100.ra_in1k",
    ]


def test_published_figures_without_weights_cannot_be_run() -> None:
    """The testbed's names are not model specs."""
    baseline = load_baseline("testbed")
    with pytest.raises(InputError, match="figures without loadable weights; use 'paper'"):
        baseline.make_spec(baseline.records[0])


def test_models_without_a_figure_are_left_out_of_that_line() -> None:
    """Five standard models have no ImageNet-R accuracy."""
    assert len(build_points(load_baseline("testbed"), "imagenet-r").models) == 80


def test_a_split_without_figures_says_how_to_measure_it() -> None:
    """One message: what there is, and the command for what there is not."""
    with pytest.raises(UnknownNameError, match="imagenet-g baselines run --set paper --split v1/sd-l"):
        build_points(load_baseline("testbed"), "v1/sd-l")


@pytest.mark.parametrize(
    ("place", "line", "message"),
    [
        ("id = ", "titel = 'x'", "titel: there is no such key. Did you mean 'title'"),
        (
            "[columns.imagenet_sketch]",
            "[columns.imagenet_val.more]\nx = 1",
            "columns.imagenet_val.more: there is no",
        ),
        ("[targets.imagenet-sketch]", "", "targets: Field required"),
    ],
)
def test_a_header_with_a_wrong_key_is_explained(tmp_path: Path, place: str, line: str, message: str) -> None:
    """Without a word of the library that reads it."""
    header = write_baseline(tmp_path, ROWS)
    before, after = header.read_text().split(place, 1)
    header.write_text(f"{before}{line}\n{place}{after}" if line else before)
    with pytest.raises(DataError, match=message) as caught:
        load_baseline(str(header))
    assert "pydantic" not in str(caught.value)
    assert "extra_forbidden" not in str(caught.value)


def test_an_unknown_baseline_is_named_with_the_known_ones() -> None:
    """A typing mistake gets a suggestion."""
    with pytest.raises(UnknownNameError, match="Did you mean 'testbed'"):
        load_baseline("testbet")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (make_row("x", clean="nan"), "model 'x': NaN or infinity is not a figure"),
        (make_row("x", clean="76.1"), "76.1 looks like percent"),
        (make_row("m0"), "lists model 'm0' twice"),
        (
            make_row("x", training_data="more-data"),
            "'x' is standard on more-data data and cannot be in the fit",
        ),
        (make_row("x", training_data="unknown"), "cannot be in the fit"),
        (make_row("x", category="distilled"), "cannot be in the fit"),
    ],
)
def test_a_bad_row_gets_one_clear_message(tmp_path: Path, row: str, message: str) -> None:
    """NaN, percent, repeated names, and models that are not standard."""
    with pytest.raises(InputError, match=message):
        load_baseline(str(write_baseline(tmp_path, [*ROWS, row])))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (make_row("x", in_fit="maybe"), "line 8: in_fit is 'maybe', not 'yes' or 'no'"),
        (make_row("x", clean="high"), "line 8 cannot be read"),
        (make_row("x", category="odd"), "line 8 cannot be read"),
        (make_row("x") + ",0.5", "line 8 has too few or too many cells; it needs 8"),
        (make_row("x").rpartition(",")[0], "line 8 has too few or too many cells; it needs 8"),
        (make_row("x", clean="high") + ",0.5", "line 8 has too few or too many cells; it needs 8"),
    ],
)
def test_a_malformed_row_is_named_by_its_line(tmp_path: Path, row: str, message: str) -> None:
    """A cell that does not parse is found without searching."""
    with pytest.raises(DataError, match=message):
        load_baseline(str(write_baseline(tmp_path, [*ROWS, row])))


def test_a_table_that_was_edited_behind_its_header_is_refused(tmp_path: Path) -> None:
    """A figure cannot change without the header's hash and version being touched."""
    with pytest.raises(DataError, match=r"is not the table 'own\.toml' was written for"):
        load_baseline(str(write_baseline(tmp_path, ROWS, sha256="0" * 64)))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    """The message lists what the table has and what it needs."""
    header = write_baseline(tmp_path, ROWS)
    table = tmp_path / "own.csv"
    table.write_text(table.read_text().replace("imagenet_sketch", "sketch"))
    with pytest.raises(DataError, match=r"has columns .* sketch; it needs .*imagenet_sketch"):
        load_baseline(str(header))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """No traceback for a wrong path."""
    with pytest.raises(DataError, match="There is no file"):
        load_baseline(str(tmp_path / "none.toml"))
