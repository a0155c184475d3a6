"""What the documents tell a reader to type and to open is there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from imagenet_g.benchmark.cli import LAB, list_commands, make_command_parser

ROOT = Path(__file__).parents[1]
FOLDERS = (
    "baselines", "benchmark", "generation", "leaderboard", "leaderboard/data", "submissions", "tests",
)  # fmt: skip
DOCUMENTS = (
    *(f"{folder}/README.md" for folder in FOLDERS),
    "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "README.md",
    "leaderboard/SIBLING.md", "leaderboard/THREATS.md",
)  # fmt: skip
# A capital word or three dots stand for what the reader knows and this test does not.
_PLACEHOLDER = re.compile(r"^\.\.\.$")


def read_document(name: str) -> str:
    """A document's text."""
    return (ROOT / name).read_text(encoding="utf-8")


def list_typed_commands(text: str) -> list[list[str]]:
    """Words of every command line in code blocks: fenced or indented, continued lines joined."""
    joined = text.replace("\\\n", " ")
    lines = re.findall(r"^ *(imagenet-g [^`\n]*)$", joined, re.MULTILINE)
    return [shlex.split(line, comments=True)[1:] for line in lines]


def is_whole(words: list[str]) -> bool:
    """Whether a line is a command and not an outline of one."""
    return not any(_PLACEHOLDER.match(word) or word.startswith("[") for word in words)


TYPED = sorted({(name, *words) for name in DOCUMENTS for words in list_typed_commands(read_document(name))})


@pytest.mark.parametrize("line", [row for row in TYPED if is_whole(list(row[1:]))], ids=" ".join)
def test_every_command_of_a_document_can_be_typed(line: tuple[str, ...]) -> None:
    """Its words and options exist; nothing is run."""
    words = list(line[1:])
    if words[0] == LAB:
        words = words[1:]
    parser = make_command_parser(list_commands()[words[0]])
    if "--help" in words:
        assert parser.format_help()
    else:
        assert parser.parse_args(words[1:])


def test_the_search_finds_the_commands_of_the_main_page() -> None:
    """Or the test above would say nothing."""
    found = [" ".join(words) for words in list_typed_commands(read_document("README.md"))]
    assert "build v1 --dry-run" in found
    assert any(
        line.startswith("evaluate --model timm:resnext101") and "--reference" in line for line in found
    )


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_in_running_text_exist(name: str) -> None:
    """Between backticks a command may lack its arguments, so only its words are looked up."""
    commands = list_commands()
    inline = [quoted.split() for quoted in re.findall(r"`imagenet-g ([a-z][^`]*)`", read_document(name))]
    first = [words[1] if words[0] == LAB and len(words) > 1 else words[0] for words in inline]
    assert {word for word in first if word not in commands and word != LAB} == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_to_files_lead_somewhere(name: str) -> None:
    """From the folder of the document."""
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", read_document(name))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not ((ROOT / name).parent / link).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_placeholder_was_left_over(name: str) -> None:
    """Such as @@TABLE@@."""
    assert re.findall(r"@@\w+@@|TODO|FIXME|XXX", read_document(name)) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_of_the_code_that_a_document_names_exist(name: str) -> None:
    """Modules move; the words about them must move along. NAME in a path stands for a name to choose."""
    named = re.findall(
        r"`((?:[a-z_]+/)+[A-Za-z_]+\.(?:py|toml|csv|md|txt|parquet|yml))`", read_document(name)
    )
    shipped = [path for path in named if "NAME" not in path and "CLASS_" not in path]
    places = (ROOT, (ROOT / name).parent)
    assert [path for path in shipped if not any((place / path).exists() for place in places)] == []


def test_the_main_page_is_read_in_one_go() -> None:
    """What it is, two commands, a picture, evaluate, what the numbers mean, where to read on."""
    text = read_document("README.md")
    assert text.count("\n") <= 150
    assert "](leaderboard/board.png)" in text


def test_every_document_is_looked_at() -> None:
    """A README that nobody lists here is checked by nobody."""
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    # Texts that commands write, or that are parts of pages.
    made = ("benchmark/data/", "baselines/MINIATURE.md", "generation/data/", "leaderboard/data/changes.md")
    assert sorted(path for path in tracked if not path.startswith(made)) == sorted(DOCUMENTS)


def test_every_test_that_the_threats_name_exists() -> None:
    """A row without its test would claim a check that nothing shows."""
    named = set(re.findall(r"`(test_\w+)`", read_document("leaderboard/THREATS.md")))
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert named
    assert named - set(re.findall(r"^def (test_\w+)\(", code, re.MULTILINE)) == set()
