"""Submissions: a result, and the statement of its authors.

One JSON file per model and version, `submissions/<version>/<org>__<model>.json`, with the predictions beside
it in a folder of the same name. The seal is a hash over everything else: it reveals a file that was edited by
hand after it was written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from imagenet_g.benchmark.identity import hash_json, make_slug
from imagenet_g.benchmark.records import FileModel, Sha256
from imagenet_g.benchmark.results import Entry, Result

# Lengths are bounded because the board shows these texts: one file must not fill a page.
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500)]
TrainingData = Literal["imagenet-1k", "more-data", "unknown"]
Supervision = Literal["supervised", "self-supervised", "zero-shot", "unknown"]
SUFFIX = ".json"
REVIEW_SUFFIX = ".review.json"


class Statement(FileModel):
    """The authors' statement; "unknown" must be stated too, as null or as the word."""

    organisation: Name
    model: Name
    """The model's name on the board."""
    authors: Annotated[tuple[Line, ...], Field(min_length=1, max_length=100)]
    contact: Line
    """A mail address or an https address where questions reach a person."""
    url: Line | None
    """Paper, code or model card."""
    family: Name | None
    """Architecture family, such as "resnet"; null when unknown."""
    supervision: Supervision
    training_data: TrainingData
    training_data_details: Line | None
    """The data sets by name."""
    generated_training_data: Annotated[tuple[Line, ...], Field(max_length=50)] | None
    """Generators whose images the model was trained on; empty for none, null for unknown."""
    license: Line | None
    """Of the weights, in SPDX words where there are some."""
    notes: Annotated[str, StringConstraints(max_length=2000)] | None


class Submission(FileModel):
    """A submission file."""

    schema_version: Literal[1]
    version: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=40)]
    """Version of ImageNet-G all its splits are of."""
    statement: Statement
    result: Result
    seal: Sha256
    """`compute_seal` of the rest."""


def make_submission(version: str, statement: Statement, result: Result) -> Submission:
    """Seal a result with its statement; predictions are renamed to lie beside the submission."""
    stem = make_stem(statement)
    entries = tuple(_move_predictions(entry, stem) for entry in result.entries)
    unsealed = Submission(
        schema_version=1,
        version=version,
        statement=statement,
        result=result.model_copy(update={"entries": entries}),
        # A placeholder: the field is required, and the seal leaves itself out.
        seal="0" * 64,
    )
    # Through JSON and back: the seal is over what the file will hold, where tuples are lists.
    return unsealed.model_copy(update={"seal": compute_seal(json.loads(unsealed.model_dump_json()))})


def compute_seal(content: Mapping[str, object]) -> str:
    """sha256 over the file's content without the seal, whatever its layout.

    Over the file's own keys, not the parsed submission's: a later release with more fields must still accept
    the seal.

    Example:
        >>> compute_seal({"a": 1, "b": 2, "seal": "x"}) == compute_seal({"b": 2, "a": 1})
        True
    """
    return hash_json({key: value for key, value in content.items() if key != "seal"})


def make_stem(statement: Statement) -> str:
    """File name of a submission without its suffix: `<org>__<model>`, lower case."""
    return join_stem(statement.organisation, statement.model)


def join_stem(organisation: str, model: str) -> str:
    """`<org>__<model>` from two names as people write them.

    Example:
        >>> join_stem("Example Lab", "ResNet-50")
        'example-lab__resnet-50'
        >>> join_stem("a__b", "c")
        'a-b__c'
    """
    # Two underscores separate organisation and model, so neither part may contain them.
    return "__".join(
        make_slug(part.strip().lower().replace(" ", "-")).replace("__", "-") for part in (organisation, model)
    )


def make_predictions_path(stem: str, entry: Entry) -> PurePosixPath:
    """Where an entry's predictions lie, relative to the folder of the submission."""
    # A view is rows of the whole split: both entries name one file, and its answers are stored once.
    base = entry.split.ref.removesuffix(f":{entry.split.view}") if entry.split.view else entry.split.ref
    return PurePosixPath(stem) / f"{make_slug(base)}.parquet"


def _move_predictions(entry: Entry, stem: str) -> Entry:
    record = entry.predictions.model_copy(update={"file": str(make_predictions_path(stem, entry))})
    return entry.model_copy(update={"predictions": record})


def format_submission(submission: Submission) -> str:
    """The file's text: indented, newline at the end."""
    return submission.model_dump_json(indent=2) + "\n"
