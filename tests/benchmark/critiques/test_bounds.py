"""A critique from elsewhere is bounded before anything of it is used."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from imagenet_g.benchmark.critiques.bounds import MAX_NUMBER, MAX_TEXT, require_bounds
from imagenet_g.benchmark.critiques.critique import load_critique
from imagenet_g.benchmark.errors import UntrustedFileError

SHIPPED = sorted(Path(str(files("imagenet_g.benchmark.data"))).glob("*-critiques/*-*.json"))


def count_too_many(critique: dict[str, Any]) -> None:
    """A whole number, and of no set of images."""
    critique["num_images"] = 10**30


def count_as_float(critique: dict[str, Any]) -> None:
    """Which the record's type takes as a whole number."""
    critique["num_classes"] = 1e30


def name_too_long(critique: dict[str, Any]) -> None:
    """An id of a megabyte."""
    critique["extremes"][0]["worst"][0]["image_id"] = "x" * 10**6


def key_too_long(critique: dict[str, Any]) -> None:
    """The name of a section."""
    critique["unmeasured"]["x" * 10**4] = "no reason"


@pytest.mark.parametrize("change", [count_too_many, count_as_float, name_too_long, key_too_long])
def test_a_critique_beyond_a_bound_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    """In one sentence, however long what it holds."""
    critique = json.loads(SHIPPED[0].read_bytes())
    change(critique)
    path = tmp_path / "critique.json"
    path.write_text(json.dumps(critique))
    with pytest.raises(UntrustedFileError, match="is not a critique: ") as caught:
        load_critique(path)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["[" * 100_000, '{"num_images": ' + "9" * 5000 + "}", "\xff", "{"])
def test_what_python_cannot_read_is_no_traceback(text: str) -> None:
    """Lists in each other, and numbers of thousands of digits."""
    with pytest.raises(UntrustedFileError, match="is not a critique"):
        require_bounds(text.encode("latin-1"), name="c")


def test_the_shipped_critiques_are_far_within_the_bounds() -> None:
    """Or the next one might be refused."""
    assert len(SHIPPED) >= 4
    for path in SHIPPED:
        require_bounds(path.read_bytes(), name=path.name)
        longest = max(map(len, json.loads(path.read_bytes(), object_hook=_list_texts)), default=0)
        assert longest < MAX_TEXT / 4
    assert MAX_NUMBER >= 1e15


def _list_texts(found: dict[str, Any]) -> list[str]:
    texts: list[str] = []
    for value in found.values():
        flat = value if isinstance(value, list) else [value]
        texts += [one for one in flat if isinstance(one, str)]
    return texts
