"""Code and documents are worded plainly: no personification, no idiom that a reader abroad stumbles over."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("baselines", "benchmark", "generation", "leaderboard")
DOCUMENTS = (
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "README.md",
    *(f"{folder}/README.md" for folder in FOLDERS),
)
# Each stands for a way of writing: programs do not hear, are not told and have no say.
AVOIDED = re.compile(
    r"\b(hears?|heard|told|ha[ds] a say|at hand|on hand|one's own|of its own accord|"
    r"nothing tells|a person means|there (is|are) none|whom to thank)\b",
    re.IGNORECASE,
)


def list_texts(source: str) -> Iterator[str]:
    """Strings, docstrings (without their examples) and comments of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"^\s*>>>.*$", "", node.value, flags=re.MULTILINE)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def find_avoided(texts: Iterator[str]) -> list[str]:
    """What is avoided, with the words around it."""
    return [
        text[max(0, match.start() - 40) : match.end() + 20]
        for text in texts
        for match in AVOIDED.finditer(text)
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_code_is_worded_plainly(folder: str) -> None:
    """Messages, help, docstrings and comments."""
    found = {
        path.relative_to(ROOT).as_posix(): avoided
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (avoided := find_avoided(list_texts(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_are_worded_plainly(name: str) -> None:
    """What users read first."""
    assert find_avoided(iter([(ROOT / name).read_text(encoding="utf-8")])) == []


@pytest.mark.parametrize(
    "source", ['"""What a model heard."""', "x = 1  # where there is none", 'f("at hand")']
)
def test_a_module_that_is_not_is_found(source: str) -> None:
    """Or the tests above would say nothing."""
    assert find_avoided(list_texts(source))


def test_examples_do_not_count() -> None:
    """They are code."""
    assert not find_avoided(list_texts('"""Example.\n\n>>> told is None\n"""'))
