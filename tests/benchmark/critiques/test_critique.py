"""The file of a critique: what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from critique_cases import make_critique
from pydantic import ValidationError

from imagenet_g.benchmark.critiques.critique import Critique, load_critique, write_critique
from imagenet_g.benchmark.errors import DataError, UntrustedFileError


def test_a_written_critique_reads_the_same(tmp_path: Path) -> None:
    """Every number."""
    critique = make_critique()
    write_critique(tmp_path / "critique.json", critique)
    assert load_critique(tmp_path / "critique.json") == critique


def test_a_section_that_is_not_there_needs_a_reason() -> None:
    """Null without a sentence would read as nothing found."""
    fields = make_critique().model_dump()
    del fields["unmeasured"]["safety"]
    with pytest.raises(ValidationError, match="unmeasured"):
        Critique.model_validate(fields)


def test_a_section_that_is_there_has_no_reason() -> None:
    """One of the two would be wrong."""
    fields = make_critique().model_dump()
    fields["unmeasured"]["traps"] = "Left out."
    with pytest.raises(ValidationError, match="unmeasured"):
        Critique.model_validate(fields)


def test_a_file_that_is_no_critique_is_refused(tmp_path: Path) -> None:
    """In one message, with its place."""
    path = tmp_path / "critique.json"
    path.write_text('{"schema_version": 1}')
    with pytest.raises(UntrustedFileError, match=r"critique\.json' is not a critique"):
        load_critique(path)


def test_a_missing_critique_names_the_command(tmp_path: Path) -> None:
    """That writes one."""
    with pytest.raises(DataError, match="imagenet-g critique"):
        load_critique(tmp_path / "critique.json")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    """Input from others has bounds."""
    path = tmp_path / "critique.json"
    with path.open("wb") as stream:
        stream.truncate((64 << 20) + 1)
    with pytest.raises(UntrustedFileError, match="bytes"):
        load_critique(path)
