"""The ways to install and to cite: what documents, image, workflow and citation file say is so."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from imagenet_g.benchmark.cli import list_commands, make_command_parser

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / ".github" / "workflows" / "install.yml"
DOCKERFILE = ROOT / ".ci" / "Dockerfile"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CITATION = yaml.safe_load((ROOT / ".github" / "CITATION.cff").read_text(encoding="utf-8"))


def load_papers() -> list[str]:
    """The papers whose tables ship: authors, year, title, address."""
    text = (ROOT / "baselines" / "data" / "papers" / "papers.toml").read_text(encoding="utf-8")
    return [paper["source"] for paper in tomllib.loads(text)["papers"]]


def load_workflow() -> dict[str, Any]:
    """The workflow; YAML 1.1 takes the key `on` for true."""
    content = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    content["on"] = content.pop(True)
    return dict(content)


def list_steps() -> list[dict[str, Any]]:
    """The steps of all jobs."""
    return [step for job in load_workflow()["jobs"].values() for step in job["steps"]]


def test_every_extra_has_its_size_in_the_table() -> None:
    """And no other has."""
    text = (ROOT / "benchmark" / "README.md").read_text(encoding="utf-8")
    table = text[text.index("| extra | MB |") : text.index("\n\n", text.index("| extra | MB |"))]
    named = {name for row in table.splitlines() for name in re.findall(r"`([a-z]+)`", row.split("|")[1])}
    assert named == set(PROJECT["project"]["optional-dependencies"]) - {"all"}


def test_what_the_image_copies_is_what_the_wheel_is_made_of() -> None:
    """Each folder of the package, and each file that the build reads."""
    lines = (ROOT / ".ci" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert all((ROOT / name).exists() for name in kept)
    folders = {place.split("/")[0] for place in PROJECT["tool"]["setuptools"]["package-dir"].values()}
    project = PROJECT["project"]
    files = {project["readme"], "pyproject.toml", *(name.split("/")[0] for name in project["license-files"])}
    assert kept == folders | files
    assert lines[1] == "*", "all else is left out"


def test_the_image_runs_as_no_root_and_takes_cpu_only_torch_first() -> None:
    """A torchvision of another index than torch's does not load."""
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert text.index("torch torchvision --index-url https://download.pytorch.org/whl/cpu") < text.index(
        "*.whl"
    )
    assert re.search(r"^USER 1000$", text, re.MULTILINE)
    assert 'ENTRYPOINT ["imagenet-g"]' in text
    extras = re.findall(r"\*\.whl\)\[([a-z,]+)\]", text)[0].split(",")
    assert set(extras) <= set(PROJECT["project"]["optional-dependencies"])


def test_the_workflow_may_only_read() -> None:
    """Also for a pull request of a stranger; actions are pinned, and no expression is in a script."""
    workflow = load_workflow()
    assert workflow["permissions"] == {}
    assert set(workflow["on"]) == {"push", "pull_request"}
    assert "secrets." not in WORKFLOW.read_text(encoding="utf-8")
    assert all(job["permissions"] == {"contents": "read"} for job in workflow["jobs"].values())
    for step in list_steps():
        assert "uses" not in step or re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
        assert "${{" not in step.get("run", "")
        assert "checkout" not in step.get("uses", "") or step["with"] == {"persist-credentials": False}


def test_the_workflow_builds_the_image_and_types_commands_that_exist() -> None:
    """In the wheel's environment and in the image."""
    scripts = "\n".join(step.get("run", "") for step in list_steps())
    assert f"--file {DOCKERFILE.relative_to(ROOT)}" in scripts
    lines = re.findall(r"imagenet-g\"? ([a-z]+ --model .*|splits)$", scripts, re.MULTILINE)
    typed = [shlex.split(line) for line in lines]
    assert [words[0] for words in typed] == ["splits", "evaluate", "evaluate"]
    for words in typed:
        assert make_command_parser(list_commands()[words[0]]).parse_args(words[1:])


def test_the_citation_file_has_what_its_format_requires_and_the_version_of_the_package() -> None:
    """Citation File Format 1.2.0."""
    assert {"cff-version", "message", "title", "authors"} <= set(CITATION)
    assert CITATION["version"] == PROJECT["project"]["version"]
    assert CITATION["authors"] == PROJECT["project"]["authors"]
    for paper in CITATION["references"]:
        assert {"type", "title", "authors", "year", "doi"} <= set(paper)
        assert all(set(author) == {"given-names", "family-names"} for author in paper["authors"])


@pytest.mark.parametrize("source", load_papers())
def test_every_paper_is_cited(source: str) -> None:
    """By the title, year and first author that its tables are recorded with."""
    paper = next(one for one in CITATION["references"] if one["title"].lower() in source.lower())
    first = paper["authors"][0]["family-names"]
    assert source.startswith(first)
    assert str(paper["year"]) in source
    page = (ROOT / "benchmark" / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"{first}.{{0,30}}{paper['year']}", page)
    assert paper["doi"].removeprefix("10.48550/arXiv.") in page


def test_the_address_of_the_notebook_stands_in_one_place() -> None:
    """So that a public copy has one word to change; it names a notebook that there is."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("*/README.md")]
    found = [
        place
        for page in pages
        for place in re.findall(
            r"colab\.research\.google\.com/github/\w+/[\w-]+/blob/main/([\w/.]+)", page.read_text()
        )
    ]
    assert len(found) == 1
    assert (ROOT / found[0]).is_file()
