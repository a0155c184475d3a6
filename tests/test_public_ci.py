"""The workflow that runs the tests on a public host: what it may do, and that it runs what `.ci/run` runs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[1]
PATH = ROOT / ".github" / "workflows" / "tests.yml"
BROWSERS = ("chromium", "google-chrome")


def load_workflow() -> dict[str, Any]:
    """The workflow; YAML 1.1 takes the key `on` for true."""
    content = yaml.safe_load(PATH.read_text())
    content["on"] = content.pop(True)
    return dict(content)


def load_job() -> dict[str, Any]:
    """Its only job."""
    (job,) = load_workflow()["jobs"].values()
    return dict(job)


def list_targets(script: str) -> list[str]:
    """Targets of make that a script calls, in order."""
    return re.findall(r"^\s*make ([\w-]+)$", script, re.MULTILINE)


def list_scripts() -> str:
    """Everything the steps run."""
    return "\n".join(step.get("run", "") for step in load_job()["steps"])


def test_it_calls_the_targets_that_the_other_ci_calls() -> None:
    """One list of checks, on whatever host."""
    targets = list_targets(list_scripts())
    assert targets == list_targets((ROOT / ".ci" / "run").read_text())
    assert {"test", "check"} <= set(targets)


def test_the_targets_it_calls_are_in_the_makefile() -> None:
    """A renamed target would fail only on the host."""
    known = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(list_targets(list_scripts())) <= set(known)


def test_it_runs_the_lowest_and_the_newest_supported_python() -> None:
    """Of those that the package's classifiers name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [text.rpartition(" ")[2] for text in project["classifiers"] if "Python :: 3." in text]
    minors = sorted(int(version.removeprefix("3.")) for version in named)
    assert load_job()["strategy"]["matrix"]["python"] == [f"3.{minors[0]}", f"3.{minors[-1]}"]
    assert project["requires-python"] == f">=3.{minors[0]}"


def test_a_browser_is_installed_before_the_tests() -> None:
    """Without one the tests of the board fail."""
    scripts = list_scripts()
    install = scripts.index("apt-get install")
    assert all(f"command -v {name}" in scripts[:install] for name in BROWSERS)
    assert install < scripts.index("make test")


def test_it_can_only_read() -> None:
    """Also for a pull request of a stranger, which it never runs with the rights of the repository."""
    workflow = load_workflow()
    assert workflow["permissions"] == {}
    assert load_job()["permissions"] == {"contents": "read"}
    assert set(workflow["on"]) == {"push", "pull_request"}
    text = PATH.read_text()
    assert "secrets." not in text
    checkouts = [step for step in load_job()["steps"] if "checkout" in step.get("uses", "")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False]


def test_actions_are_pinned_and_no_expression_is_in_a_script() -> None:
    """A tag can be moved, and strangers choose the names of branches."""
    for step in load_job()["steps"]:
        assert "uses" not in step or re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
        assert "${{" not in step.get("run", "")
