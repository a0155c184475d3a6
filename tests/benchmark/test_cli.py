"""The command itself: quick to help, clear when mistaken."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

from imagenet_g.benchmark.cli import list_commands, main

HEAVY = ("torch", "timm", "open_clip", "pyarrow", "pandas", "datasets", "numpy", "pydantic", "rich")


def run_python(code: str) -> str:
    """Output of a fresh interpreter."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_help_imports_nothing_heavy() -> None:
    """`imagenet-g --help` must answer at once, so no library that takes long may be loaded for it."""
    code = (
        "import sys; from imagenet_g.benchmark.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert run_python(code).rstrip().endswith("LOADED []")


@pytest.mark.parametrize("name", sorted(list_commands()))
def test_every_command_explains_itself_without_importing_torch(name: str) -> None:
    """`imagenet-g COMMAND --help` works for each command of each folder."""
    code = (
        "import sys; from imagenet_g.benchmark.cli import main\n"
        f"try: main([{name!r}, '--help'])\nexcept SystemExit as stop: print('CODE', stop.code)\n"
        "print('TORCH', 'torch' in sys.modules)"
    )
    printed = run_python(code)
    assert "CODE 0" in printed
    assert "TORCH False" in printed


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """What can be typed is listed."""
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    assert all(f"  {name}" in printed for name in list_commands())


def test_version_is_the_installed_one(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` says what pip says."""
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.strip() == f"imagenet-g {version('imagenet-g')}"


def test_an_unknown_command_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and the nearest command."""
    assert main(["evalute"]) == 2
    assert "'evaluate'" in capsys.readouterr().err


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """Only who asks sees the insides."""
    assert main(["show", "absent.json", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err
