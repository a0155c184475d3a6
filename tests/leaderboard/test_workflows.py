"""The workflows for a public host: what they may do, and that their commands run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from submission_cases import ROOT, edit_cell, write_case

from imagenet_g.leaderboard import ci

FOLDER = ROOT.parent / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("submissions*.yml"))
BLOCKED = (
    "torch", "torchvision", "timm", "open_clip", "datasets", "transformers", "huggingface_hub", "safetensors",
    "gradio", "plotly", "sklearn",
)  # fmt: skip


def load_workflow(path: Path) -> dict[str, Any]:
    """A workflow; YAML 1.1 takes the key `on` for true."""
    content = yaml.safe_load(path.read_text())
    content["on"] = content.pop(True)
    return dict(content)


def list_steps(path: Path) -> list[dict[str, Any]]:
    """Steps of all jobs, in order."""
    return [step for job in load_workflow(path)["jobs"].values() for step in job["steps"]]


def find_script(path: Path, name: str) -> str:
    """What a step runs."""
    return next(str(step["run"]) for step in list_steps(path) if step.get("name", "").startswith(name))


VALIDATE, COMMENT = FOLDER / "submissions.yml", FOLDER / "submissions-comment.yml"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_nothing_is_allowed_that_is_not_named(path: Path) -> None:
    """And no secret is."""
    assert load_workflow(path)["permissions"] == {}
    assert "secrets." not in path.read_text()


def test_the_run_beside_hostile_files_can_only_read() -> None:
    """And is never one with the rights of the repository."""
    workflow = load_workflow(VALIDATE)
    assert set(workflow["on"]) == {"pull_request"}
    assert set(workflow["jobs"]) == {"validate", "second-run"}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        checkouts = [step for step in job["steps"] if "checkout" in step.get("uses", "")]
        assert [step["with"]["persist-credentials"] for step in checkouts] == [False, False]


def test_models_run_only_behind_an_accepted_request_and_without_the_network_of_the_hub() -> None:
    """The validator of the target branch decides, and its package is what is installed."""
    job = load_workflow(VALIDATE)["jobs"]["second-run"]
    assert job["needs"] == "validate"
    last = job["steps"][-1]
    assert last["env"] == {"HF_HUB_OFFLINE": "1"}
    assert "--second-run" in last["run"] and last["run"].startswith("python -I -m imagenet_g.leaderboard.ci")
    assert [step["run"] for step in job["steps"] if step.get("name", "").startswith("Install")] == [
        "python -m pip install --quiet ./trusted"
    ]


def test_the_run_that_may_comment_checks_nothing_out() -> None:
    """It starts from the default branch when the other one has ended."""
    workflow = load_workflow(COMMENT)
    assert workflow["on"] == {"workflow_run": {"workflows": ["submissions"], "types": ["completed"]}}
    assert load_workflow(VALIDATE)["name"] == "submissions"
    assert workflow["jobs"]["comment"]["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert [step for step in list_steps(COMMENT) if "uses" in step] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_expression_is_written_into_a_script(path: Path) -> None:
    """A branch may be called `$(curl ...)`: what strangers choose comes through the environment."""
    for step in list_steps(path):
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_commits(path: Path) -> None:
    """A tag can be moved."""
    for step in list_steps(path):
        assert "uses" not in step or re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])


def test_what_is_installed_is_among_the_dependencies() -> None:
    """And each of them is one of the package's own."""
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    known = {re.split(r"[<>=\[]", name)[0] for name in project["dependencies"]}
    assert set(list_installed()) <= known


def list_installed() -> list[str]:
    """Packages that the second line of the step installs."""
    script = find_script(VALIDATE, "Install")
    return script.splitlines()[1].split("--quiet", 1)[1].split()


def make_folders(folder: Path) -> Path:
    """`trusted/` and `proposed/` as the checkouts leave them; the request is merged in the last commit."""
    shutil.copytree(ROOT, folder / "trusted" / "submissions")
    proposed = folder / "proposed"
    shutil.copytree(ROOT, proposed / "submissions")
    git(proposed, "init", "--quiet", "--initial-branch=main")
    commit(proposed, "base")
    git(proposed, "switch", "--quiet", "--create", "request")
    return proposed


def git(folder: Path, *words: str) -> None:
    """Git without the machine's own settings."""
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    named = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *named, *words], cwd=folder, env={**os.environ, **settings}, check=True)


def commit(folder: Path, message: str) -> None:
    """Everything there is."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def merge(proposed: Path) -> None:
    """The commit that a pull request is checked out as."""
    commit(proposed, "request")
    git(proposed, "switch", "--quiet", "main")
    git(proposed, "merge", "--quiet", "--no-ff", "--message", "merge", "request")


def run_script(script: str, cwd: Path, tools: Path, **named: str) -> int:
    """As the host runs it, with this Python under the name `python`."""
    tools.mkdir(exist_ok=True)
    python = tools / "python"
    if not python.exists():
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
    environment = {**os.environ, **named, "PATH": f"{tools}:{os.environ['PATH']}"}
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(words, cwd=cwd, env=environment, check=False, timeout=120).returncode


def validate(folder: Path) -> tuple[int, str]:
    """Exit code of the check and the comment, by the workflow's own scripts."""
    assert run_script(find_script(VALIDATE, "List"), folder, folder / "tools") == 0
    code = run_script(find_script(VALIDATE, "Validate"), folder / "proposed", folder / "tools")
    return code, (folder / "comment.md").read_text()


def test_a_bad_request_is_refused_and_runs_nothing_of_its_own(tmp_path: Path) -> None:
    """Modules at its root, named like ours and like the standard library's, stay files."""
    proposed = make_folders(tmp_path)
    forged = write_case(tmp_path / "case", rows=edit_cell("top5_index", 0, [1, 2, 3, 4, 5]), rehashed=False)
    shutil.copytree(forged.parent, proposed / "submissions" / "mini", dirs_exist_ok=True)
    trap = f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
    for name in ("json.py", "numpy.py", "imagenet_g/__init__.py", "imagenet_g/leaderboard/ci.py"):
        (proposed / name).parent.mkdir(parents=True, exist_ok=True)
        (proposed / name).write_text(trap)
    merge(proposed)
    code, comment = validate(tmp_path)
    assert code == 2
    assert "wrong-hash" in comment
    assert not (tmp_path / "ran").exists()


def test_a_request_that_changes_no_submission_passes(tmp_path: Path) -> None:
    """Such as a better README."""
    proposed = make_folders(tmp_path)
    (proposed / "submissions" / "README.md").write_text("better\n")
    merge(proposed)
    assert validate(tmp_path) == (0, "No submission was changed.\n")


_WITH_LITTLE = """
import sys

class Missing:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(name + " is not installed here", name=name)

# Not `sys.modules[name] = None`, in which SciPy looks for the arrays of torch.
sys.meta_path.insert(0, Missing)
"""


def test_validating_needs_no_more_than_is_installed(tmp_path: Path) -> None:
    """No model library, and nothing of the page: not for the comment, nor in the process that validates."""
    # Python runs a module of this name before anything else, in the process that validates too.
    (tmp_path / "sitecustomize.py").write_text(_WITH_LITTLE.format(blocked=BLOCKED))
    # A submission of one split and no others beside it, for which the same modules are imported.
    path = write_case(tmp_path / "case")
    done = subprocess.run(
        [sys.executable, "-m", "imagenet_g.leaderboard.ci", "--against", str(tmp_path), str(path)],
        cwd=ROOT.parent,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "accepted, `recomputed`" in done.stdout


GH = """#!/bin/sh
mkdir -p handed-over
echo "words of the check" > handed-over/comment.md
"""


@pytest.mark.parametrize(
    ("files", "passed_on"),
    [
        ('"submissions/mini/a__b.json"\n', True),
        ('"submissions/mini/a__b.json"\n".github/workflows/submissions.yml"\n', False),
        ('"leaderboard/ci.py"\n', False),
    ],
)
def test_words_are_passed_on_only_where_nothing_else_is_changed(
    tmp_path: Path, files: str, *, passed_on: bool
) -> None:
    """A request that changes the check writes the check's words."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "gh").write_text(GH)
    (tools / "gh").chmod(0o755)
    (tmp_path / "files").write_text(files)
    named = {"PAGE": "https://host.example/run", "HEAD": "abc", "RUN": "1"}
    assert run_script(find_script(COMMENT, "Write"), tmp_path, tools, **named) == 0
    comment = (tmp_path / "comment.md").read_text()
    assert ("words of the check" in comment) is passed_on
    assert "[Log of the check](https://host.example/run) of abc." in comment


def test_the_module_that_is_named_is_there() -> None:
    """With the options it is given."""
    assert "-m imagenet_g.leaderboard.ci --against" in find_script(VALIDATE, "Validate")
    with pytest.raises(SystemExit) as ended:
        ci.main(["--help"])
    assert ended.value.code == 0
