"""Rows of published figures on real sets, from the reviewed tables of the baselines, read as data.

The tables are `baselines/data/<id>.toml` and `.csv`; `data/robustness.parquet` holds the effective robustness
that `imagenet-g baselines table` computes of them.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from imagenet_g.benchmark.naming.published import load_published_models
from imagenet_g.benchmark.records import MetricEstimate
from imagenet_g.benchmark.results import HEADLINE
from imagenet_g.benchmark.statistics.intervals import (
    compute_difference_interval,
    compute_wilson_interval,
)
from imagenet_g.leaderboard.board.rows import UNKNOWN, RobustnessRow, ScoreRow
from imagenet_g.leaderboard.validation.lines import DATA, TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

VERSION = "real-sets"
TITLE = "Real sets: published figures of the ImageNet testbed, timm and OpenCLIP"
SOURCES = {
    "testbed": ("ImageNet testbed", "https://github.com/modestyachts/imagenet-testbed"),
    "timm-in1k": ("timm", "https://github.com/huggingface/pytorch-image-models"),
    "open-clip-zero-shot": ("OpenCLIP", "https://github.com/mlfoundations/open_clip"),
}
OTHER_AXIS = "The clean accuracy covers all 1000 classes, not the set's own: the gap is not comparable."


def list_published_scores() -> Iterator[ScoreRow]:
    """Every figure of every table, as a row."""
    for table in SOURCES:
        header, records = load_table(table)
        for target, spec in header["targets"].items():
            for record in records:
                if record[spec["column"]] and record[spec["reference"]]:
                    yield _make_row(table, header, target, record)


def list_published_robustness() -> Iterator[RobustnessRow]:
    """Effective robustness of the same rows."""
    frame = load_robustness()
    for row in frame.to_dict(orient="records"):
        yield RobustnessRow(
            version=VERSION,
            split=row["split"],
            model_id=f"{row['table']}/{row['model']}",
            baseline=row["baseline"],
            link=row["link"],
            er=row["effective_robustness"],
            er_low=_optional(row["low"]),
            er_high=_optional(row["high"]),
            expected=row["expected_top1"],
            axis=row["axis"],
            same_classes=row["same_classes"] == "yes",
            extrapolated=row["extrapolated"] == "yes",
            weak=row["weak"] == "yes",
            cautions=_read_text(row.get("cautions")).replace("; ", "\n"),
        )


def load_table(name: str) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Header and rows of a baseline table."""
    folder = files(TABLES)
    header = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    text = (folder / header["table"]).read_text(encoding="utf-8")
    return header, list(csv.DictReader(text.splitlines()))


def load_robustness() -> pd.DataFrame:
    """The packed output of `imagenet-g baselines table`, one row a model, set, baseline and link."""
    import io

    import pandas as pd

    return pd.read_parquet(io.BytesIO((files(DATA) / "robustness.parquet").read_bytes()))


def _make_row(table: str, header: Mapping[str, Any], target: str, record: Mapping[str, str]) -> ScoreRow:
    spec = header["targets"][target]
    shifted, clean = header["columns"][spec["column"]], header["columns"][spec["reference"]]
    same = spec.get("same_classes", True)
    name, url = SOURCES[table]
    flags = [*([] if same else [OTHER_AXIS]), *([record["note"]] if record["note"] else [])]
    return ScoreRow(
        version=VERSION,
        split=target,
        organisation=name,
        trust="published",
        source=shifted["source"],
        url=url,
        generated=UNKNOWN,
        n=shifted["n"],
        outputs=1000 if shifted["outputs"] == "all" else _count_classes(shifted["class_set"]),
        clean_kind="published",
        clean_set=clean["set"],
        same_classes=same,
        flags="\n".join(flags),
        has_answers=False,
        **_describe_model(table, header, record),
        **_compute_scores(
            (float(record[spec["column"]]), shifted["n"]), (float(record[spec["reference"]]), clean["n"])
        ),
    )


def _describe_model(table: str, header: Mapping[str, Any], record: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a row that are about the model alone."""
    spec = f"{header['scheme']}:{record['model']}" if header.get("scheme") else ""
    return {
        "model_id": f"{table}/{record['model']}",
        "model": record["model"],
        "spec": spec,
        "family": record["family"],
        "supervision": _name_supervision(table, record["category"]),
        "training_data": record["training_data"],
        "parameters": _find_parameters(spec),
    }


def _compute_scores(shifted: tuple[float, int], clean: tuple[float, int]) -> dict[str, Any]:
    """Both accuracies and their gap with its interval.

    Args:
        shifted: Top-1 in [0, 1] and number of images on the shifted set.
        clean: The same on the clean set.
    """
    (top1, n), (reference, reference_n) = shifted, clean
    # Published figures have no predictions, so images count as independent and the intervals are too short
    # for classes that stand or fall together.
    low, high = compute_wilson_interval(top1 * n, n)
    clean_interval = compute_wilson_interval(reference * reference_n, reference_n)
    gap_low, gap_high = compute_difference_interval((top1, low, high), (reference, *clean_interval))
    return {
        "metrics": {HEADLINE: MetricEstimate(value=top1, low=low, high=high, method="wilson", right=None)},
        "clean": reference,
        "gap": top1 - reference,
        "gap_low": gap_low,
        "gap_high": gap_high,
    }


def _name_supervision(table: str, category: str) -> str:
    if table == "open-clip-zero-shot":
        return "zero-shot"
    return {"self-supervised": "self-supervised", "unknown": UNKNOWN}.get(category, "supervised")


def _find_parameters(spec: str) -> int | None:
    model = load_published_models().get(spec)
    return None if model is None else round(model.params_m * 1e6)


def _count_classes(class_set: str) -> int:
    from imagenet_g.benchmark.classes import load_class_set

    return len(load_class_set(class_set).indices)


def _read_text(value: object) -> str:
    # pandas reads an empty cell as NaN, which is no text; earlier files lack the column.
    return value if isinstance(value, str) else ""


def _optional(value: float) -> float | None:
    # NaN is the one float that differs from itself; pandas reads an empty cell as NaN.
    return None if value != value else value
