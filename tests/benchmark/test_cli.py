"""The command itself: quick to help, clear when mistaken."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version

import pytest

from imagenet_g.benchmark.cli import LAB, list_commands, main
from imagenet_g.benchmark.commands.command import Circle

EVERYDAY = [
    "evaluate",
    "merge",
    "compare",
    "score",
    "show",
    "rerun",
    "plot",
    "models",
    "splits",
    "download",
    "submit",
    "leaderboard",
]
EXPERIMENTS = [name for name, command in list_commands().items() if command.circle is Circle.LAB]
TYPED = [[LAB, name] if name in EXPERIMENTS else [name] for name in list_commands()]
HEAVY = ("torch", "timm", "open_clip", "pyarrow", "pandas", "datasets", "numpy", "pydantic", "rich")


def run_python(code: str) -> str:
    """Output of a fresh interpreter."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("words", [["--help"], [LAB], [LAB, "--help"]], ids=" ".join)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    """The lists of commands must appear at once, so no library that takes long may be loaded for them."""
    code = (
        "import sys; from imagenet_g.benchmark.cli import main\n"
        f"try: main({words!r})\nexcept SystemExit: pass\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert run_python(code).rstrip().endswith("LOADED []")


@pytest.mark.parametrize("words", TYPED, ids=" ".join)
def test_every_command_explains_itself_without_importing_torch(words: list[str]) -> None:
    """`imagenet-g COMMAND --help` works for each command of each folder."""
    code = (
        "import sys; from imagenet_g.benchmark.cli import main\n"
        f"try: main({[*words, '--help']!r})\nexcept SystemExit as stop: print('CODE', stop.code)\n"
        "print('TORCH', 'torch' in sys.modules)"
    )
    printed = run_python(code)
    assert "CODE 0" in printed
    assert "TORCH False" in printed


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """What can be typed is listed."""
    with pytest.raises(SystemExit):
        main(["--help"])
    assert list_printed(capsys.readouterr().out) == [
        *(n for n in list_commands() if n not in EXPERIMENTS),
        LAB,
    ]


def list_printed(text: str) -> list[str]:
    """Names of commands in a help text, in its order."""
    return re.findall(r"^  ([a-z][a-z-]*)  ", text, re.MULTILINE)


def test_everyday_commands_come_first(capsys: pytest.CaptureFixture[str]) -> None:
    """Then those of the makers, then the laboratory as one word."""
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    assert list_printed(printed)[: len(EVERYDAY)] == EVERYDAY
    headings = [printed.index(f"\n{circle}:\n") for circle in Circle]
    assert headings == sorted(headings)


def test_no_two_commands_of_a_list_share_a_place() -> None:
    """Or their order would hang on the order of installation."""
    places = [(command.circle, command.place) for command in list_commands().values()]
    assert len(set(places)) == len(places)


def test_the_laboratory_lists_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a further word, as with `--help`."""
    assert main([LAB]) == 0
    assert list_printed(capsys.readouterr().out) == EXPERIMENTS


def test_an_unknown_experiment_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    """From the laboratory alone."""
    assert main([LAB, "fidelty"]) == 2
    printed = capsys.readouterr().err
    assert "Unknown command 'fidelty'. Did you mean 'fidelity'?" in printed
    assert "'imagenet-g lab --help' lists them." in printed
    assert "evaluate" not in printed


def test_an_experiment_without_the_word_lab_is_pointed_there(capsys: pytest.CaptureFixture[str]) -> None:
    """It is no command of its own."""
    assert main(["fidelity"]) == 2
    assert "Did you mean 'lab fidelity'" in capsys.readouterr().err


def test_version_is_the_installed_one(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` says what pip says."""
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.strip() == f"imagenet-g {version('imagenet-g')}"


def test_an_unknown_command_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and the nearest command."""
    assert main(["evalute"]) == 2
    assert "'evaluate'" in capsys.readouterr().err


def test_a_name_from_outside_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Its control characters are printed as escapes."""
    assert main(["evaluate", "--model", "timm:resnet18", "--split", "\x1b[2Jmini"]) == 2
    assert "'\\x1b[2Jmini'" in capsys.readouterr().err


def test_a_path_that_the_system_refuses_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    """Too long here; without permission it is the same."""
    words = ["evaluate", "--model", "timm:resnet18", "--data", f"imagenet-val={'w' * 300}"]
    assert main(words) == 2
    assert capsys.readouterr().err.endswith("cannot be used: File name too long.\n")


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """Only who asks sees the insides."""
    assert main(["show", "absent.json", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_has_enough_is_no_error(stream: str) -> None:
    """As in `imagenet-g captions train | head`, and with `2>&1`, where the notes of training go as well."""
    noted = "cli._run = lambda words: [print_line('a note', error=True)] and 0; "
    code = (
        "import sys; from imagenet_g.benchmark import cli; "
        "from imagenet_g.benchmark.terminal.text import print_line; "
        f"{noted if stream == 'stderr' else ''}sys.exit(cli.main(['captions', 'train']))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    other = {"stdout": process.stderr, "stderr": process.stdout}[stream]
    {"stdout": process.stdout, "stderr": process.stderr}[stream].close()
    said = other.read()
    other.close()
    assert (process.wait(), said) == (0, b"")


def read_no_parquet() -> object:
    """A parquet file that breaks while it is decompressed, as pyarrow says it."""
    import pyarrow as pa

    return pa.decompress(b"no frame", decompressed_size=100, codec="zstd")


def read_no_record() -> object:
    """A record that lacks a field."""
    from imagenet_g.benchmark.records import ZeroShot

    return ZeroShot.model_validate({})


def use_all_memory() -> object:
    """Memory that is not there."""
    raise MemoryError


def compute_too_far() -> object:
    """A number that no float holds, with a token beside it."""
    raise OverflowError("int too large for hf_abcdefgh12345678")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (read_no_parquet, "A parquet file is damaged"),
        (read_no_record, "does not have the fields"),
        (use_all_memory, "Memory ran out"),
        (compute_too_far, "too large to compute with (int too large for hf_***)"),
    ],
)
def test_what_data_or_the_machine_breaks_is_one_line(
    fault: Callable[[], object],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In any command; with --debug it is the whole traceback."""
    monkeypatch.setattr("imagenet_g.benchmark.cli._run", lambda _: fault())
    assert main(["anything"]) == 2
    said = capsys.readouterr().err.replace("\n", " ").strip()
    assert said.startswith("imagenet-g: ") and words in said
    assert "Traceback" not in said and "https://errors.pydantic" not in said
    assert main(["anything", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_fault_of_the_program_stays_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for whoever mends it."""
    monkeypatch.setattr("imagenet_g.benchmark.cli._run", lambda _: dict[str, int]()["missing"])
    with pytest.raises(KeyError):
        main(["anything"])
