"""Tables of standard models with their published figures, which lines are fitted through.

A set is a TOML header and a CSV table beside it. The header describes each figure column (set, classes,
outputs, images, source) and which pairs of columns make a fit; the table has one row per model. A set without
figure columns is a list of models to measure on a split without published figures.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from imagenet_g.benchmark.errors import (
    DataError,
    InputError,
    UnknownNameError,
    describe_failure,
    format_near_names,
)
from imagenet_g.benchmark.identity import hash_json, hash_lines
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.robustness.points import BaselinePoints, validate_fractions, validate_names
from imagenet_g.benchmark.robustness.published_records import (
    ROW_FIELDS,
    STANDARD_DATA,
    BaselineColumnSpec,
    BaselineHeader,
    BaselineRecord,
    TargetSpec,
)
from imagenet_g.benchmark.shipped_specs import parse_toml
from imagenet_g.benchmark.splits.references import parse_split_ref


@dataclass(frozen=True)
class BaselineSet:
    """A loaded baseline set."""

    header: BaselineHeader
    records: tuple[BaselineRecord, ...]

    @cached_property
    def sha256(self) -> str:
        """Hash of header and table together."""
        # The header holds the hash of the table, so that this covers both.
        return hash_json(self.header.model_dump(mode="json"))

    @property
    def fitted(self) -> tuple[BaselineRecord, ...]:
        """The models a line is fitted through."""
        return tuple(record for record in self.records if record.in_fit)

    def find_record(self, model: str) -> BaselineRecord:
        """The row of a model.

        Raises:
            UnknownNameError: The set does not have it.
        """
        for record in self.records:
            if record.model == model:
                return record
        raise UnknownNameError(
            "model", model, [row.model for row in self.records], where=f"of '{self.header.id}'"
        )

    def make_spec(self, record: BaselineRecord) -> str:
        """The model spec of a row.

        Raises:
            InputError: The set's models cannot be loaded by name.
        """
        if self.header.scheme is None:
            raise InputError(
                f"The models of '{self.header.id}' are figures without loadable weights; use 'paper'."
            )
        return f"{self.header.scheme}:{record.model}"


def load_baseline_file(path: Path) -> BaselineSet:
    """Read and validate a header and the table it names.

    Raises:
        DataError: The header or table is malformed, or the table is not the one that was hashed.
        InputError: A figure is NaN or percent, or a model is listed twice.
    """
    try:
        header = BaselineHeader.model_validate(parse_toml(path.read_text(encoding="utf-8")))
        lines = (path.parent / header.table).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise DataError(f"There is no file '{error.filename}'.") from error
    except ValidationError as error:
        problems = "\n".join(map(_format_header_problem, error.errors()))
        raise DataError(f"'{path}' is not a baseline header:\n{problems}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise DataError(f"'{path}' is not a baseline header: {error}") from error
    # The figures are checked first: "this is percent" helps more than "the hash differs".
    baseline = BaselineSet(header, parse_records(lines, header))
    validate_baseline(baseline)
    if hash_lines(lines) != header.table_sha256:
        raise DataError(
            f"'{header.table}' is not the table '{path.name}' was written for: its sha256 is "
            f"{hash_lines(lines)}. If the change is intended, put that and a new version in the header."
        )
    return baseline


def _format_header_problem(problem: ErrorDetails) -> str:
    *parents, last = map(str, problem["loc"])
    where = ".".join((*parents, last))
    if problem["type"] != "extra_forbidden":
        return f"  {where}: {problem['msg']}"
    tables: dict[str, type[FileModel]] = {"columns": BaselineColumnSpec, "targets": TargetSpec}
    known = tuple(tables.get(parents[0] if parents else "", BaselineHeader).model_fields)
    return f"  {where}: there is no such key.{format_near_names(last, known)} Known: {', '.join(known)}."


def parse_records(lines: Sequence[str], header: BaselineHeader) -> tuple[BaselineRecord, ...]:
    """Rows of a baseline table.

    Raises:
        DataError: A column is missing or unknown, or a cell does not parse.
    """
    reader = csv.DictReader(lines)
    expected = (*ROW_FIELDS, *header.columns)
    # Unknown columns are refused too: a typing error in a title would otherwise drop its figures unnoticed.
    if tuple(reader.fieldnames or ()) != expected:
        raise DataError(
            f"'{header.table}' has columns {', '.join(reader.fieldnames or ()) or 'none'}; "
            f"it needs {', '.join(expected)}."
        )
    # From 2: line 1 holds the titles.
    return tuple(_parse_record(row, header, number) for number, row in enumerate(reader, start=2))


def _parse_record(row: dict[str, str], header: BaselineHeader, number: int) -> BaselineRecord:
    # csv puts surplus cells under the key None, and None in place of missing ones, which would read as empty.
    if None in row or None in row.values():
        raise DataError(
            f"'{header.table}' line {number} has too few or too many cells; "
            f"it needs {len(ROW_FIELDS) + len(header.columns)}."
        )
    try:
        figures = {name: float(row[name]) if row[name] else None for name in header.columns}
        plain = {name: row[name] for name in ROW_FIELDS}
        return BaselineRecord.model_validate({**plain, "in_fit": _YES_NO[row["in_fit"]], "figures": figures})
    except KeyError as error:
        raise DataError(f"'{header.table}' line {number}: in_fit is {error}, not 'yes' or 'no'.") from error
    except (TypeError, ValidationError, ValueError) as error:
        if any(cell.lower() in ("nan", "inf", "-inf") for cell in row.values()):
            raise InputError(
                f"'{header.table}' line {number}, model '{row['model']}': NaN or infinity is not a figure; "
                "leave a missing one empty."
            ) from error
        raise DataError(
            f"'{header.table}' line {number} cannot be read: {describe_failure(error)}."
        ) from error


_YES_NO = {"yes": True, "no": False}


def validate_baseline(baseline: BaselineSet) -> None:
    """Check what a reviewed table promises.

    Raises:
        InputError: Repeated models, NaN or percent, or a model in the fit that is not a standard
            ImageNet-1k one.
        DataError: A target names a column or model that is not there.
    """
    header = baseline.header
    name = f"Baseline '{header.id}'"
    validate_names(tuple(record.model for record in baseline.records), source=name)
    for column in header.columns:
        present = [row.figures[column] for row in baseline.records if row.figures[column] is not None]
        validate_fractions(np.array(present, dtype=np.float64), source=f"{name}: figures of '{column}'")
    for record in baseline.fitted:
        if record.training_data not in STANDARD_DATA or record.category != "standard":
            raise InputError(
                f"{name}: '{record.model}' is {record.category} on {record.training_data} data and cannot be "
                "in the fit; only standard models trained on the clean set's training images are."
            )
    for target, spec in header.targets.items():
        missing = {spec.column, spec.reference} - set(header.columns)
        absent = set(spec.excluded) - {record.model for record in baseline.records}
        if missing or absent:
            raise DataError(
                f"{name}: target '{target}' names {', '.join(sorted(missing | absent))}, not there."
            )


def build_points(
    baseline: BaselineSet, target: str, *, references: Sequence[str] | None = None
) -> BaselinePoints:
    """Points of a set of published figures for one shifted set.

    Args:
        baseline: The set.
        target: Reference of the shifted set, such as "imagenet-r".
        references: Clean columns to use in place of the target's own; two or more make a multi-ID fit.

    Raises:
        UnknownNameError: The set has no figures for the target, or no such column.
    """
    header = baseline.header
    spec = find_target(baseline, target)
    columns = tuple(references or (spec.reference,))
    for column in columns:
        if column not in header.columns:
            raise UnknownNameError("column", column, header.columns, where=f"of '{header.id}'")
    wanted = (*columns, spec.column)
    rows = [
        row
        for row in baseline.fitted
        # A model without one of the figures is left out of this fit only.
        if row.model not in spec.excluded and all(row.figures[column] is not None for column in wanted)
    ]
    values = np.array([[row.figures[column] for column in wanted] for row in rows], dtype=np.float64)
    # An array of no rows has lost its number of columns.
    values = values.reshape(len(rows), len(wanted))
    return BaselinePoints(
        baseline=header.id,
        baseline_sha256=baseline.sha256,
        target=target,
        axes=columns,
        models=tuple(row.model for row in rows),
        families=tuple(row.family for row in rows),
        reference=values[:, :-1],
        shifted=values[:, -1],
        reference_n=tuple(header.columns[column].n for column in columns),
        shifted_n=header.columns[spec.column].n,
        # With two clean axes a knot would be a curve; the header gives numbers for one axis.
        knot=spec.knots.get(columns[0]) if len(columns) == 1 else None,
    )


def find_target(baseline: BaselineSet, target: str) -> TargetSpec:
    """Which columns make the fit for a shifted set.

    Raises:
        UnknownNameError: The set has no figures for it.
        InputError: It is the name of no split.
    """
    header = baseline.header
    if target not in header.targets:
        # A name that is no split has its own error: measuring it would fail too.
        parse_split_ref(target)
        raise UnknownNameError(
            f"split of baseline '{header.id}':",
            target,
            header.targets,
            hint="It has no figures for others; measure some of your own with 'imagenet-g baselines run "
            f"--set paper --split {target}'.",
        )
    return header.targets[target]
