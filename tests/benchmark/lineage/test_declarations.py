"""What is declared of a model's training, and what its name says of it."""

from __future__ import annotations

from datetime import date

import pytest

from factories import make_model_record
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.lineage.declarations import parse_declaration, parse_last_day


def test_a_known_training_set_brings_its_date() -> None:
    """And a declared date goes before it."""
    known = parse_declaration("laion-2b", None, []).apply(make_model_record())
    declared = parse_declaration("laion-2b", "2021", []).apply(make_model_record())
    assert (known.trained_until, declared.trained_until) == (date(2022, 3, 31), date(2021, 12, 31))


def test_a_published_name_brings_its_training_set_and_date() -> None:
    """Nobody need declare what open_clip's tag says."""
    record = make_model_record("open_clip:ViT-B-16/datacomp_xl_s13b_b90k").model_copy(
        update={"training_data": None}
    )
    found = parse_declaration(None, None, []).apply(record)
    assert (found.training_data, found.trained_until) == ("datacomp-1b", date(2023, 4, 30))


@pytest.mark.parametrize("text", ["yesterday", "2026-13", "2026-02-30", "26-01-01", ""])
def test_what_is_no_date_is_refused(text: str) -> None:
    """With the forms that are."""
    with pytest.raises(InputError, match="Use YYYY, YYYY-MM or YYYY-MM-DD"):
        parse_last_day(text)
