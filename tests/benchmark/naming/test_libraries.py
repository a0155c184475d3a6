"""A model library is one row: those of the package, and one from outside by an entry point."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from outside_library import ROW, install, write_distribution

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError, ModelError, UnknownNameError
from imagenet_g.benchmark.models.classifiers import ModelRequest, load_classifier
from imagenet_g.benchmark.naming.libraries import (
    ROWS,
    find_library,
    list_libraries,
    list_packages,
    list_schemes,
    load_function,
)
from imagenet_g.benchmark.naming.library import ModelLibrary
from imagenet_g.benchmark.naming.resolve import resolve_model_spec
from imagenet_g.benchmark.naming.specs import ModelSpec, parse_model_spec

ROOT = Path(__file__).parents[3]


@pytest.fixture
def tally(tmp_path: Path) -> Iterator[Path]:
    """The outside library, installed."""
    folder = write_distribution(tmp_path / "tally")
    with install(folder):
        yield folder


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.scheme)
def test_each_row_of_the_package_names_functions_that_exist(row: ModelLibrary) -> None:
    """A mistyped address would be found only when somebody asks for the library."""
    for address in filter(None, (row.loader, row.names, row.resolver)):
        assert callable(load_function(row, address))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.scheme)
def test_each_example_of_a_row_is_a_spec_of_its_library(row: ModelLibrary) -> None:
    """Messages tell users to type it."""
    assert str(parse_model_spec(row.example)) == row.example
    assert find_library(parse_model_spec(row.example).scheme) is row


@pytest.mark.usefixtures("tally")
def test_an_outside_spec_is_split_as_its_row_says() -> None:
    """Into name and weights."""
    assert parse_model_spec("tally:mean/seed1") == ModelSpec("tally", "mean", "seed1")


@pytest.mark.usefixtures("tally")
def test_a_listed_name_of_an_outside_library_resolves_in_any_spelling() -> None:
    """Without a resolver of its own."""
    assert str(resolve_model_spec(parse_model_spec("tally:Mean/Seed-1")).spec) == "tally:mean/seed1"


@pytest.mark.usefixtures("tally")
def test_an_unlisted_name_of_an_outside_library_is_refused() -> None:
    """With the nearest ones."""
    with pytest.raises(UnknownNameError) as caught:
        resolve_model_spec(parse_model_spec("tally:mean/seed7"))
    assert "mean/seed1" in caught.value.suggestions


@pytest.mark.usefixtures("tally")
def test_the_version_of_an_outside_distribution_is_recorded() -> None:
    """With the packages that the row names."""
    assert {"tally", "safetensors", "torch"} <= set(list_packages("tally"))


@pytest.mark.usefixtures("tally")
def test_a_checkpoint_for_a_library_that_takes_none_is_refused() -> None:
    """By the row, before the library's code runs."""
    request = ModelRequest(
        requested="tally:mean", spec=parse_model_spec("tally:mean"), checkpoint=Path("w.pth")
    )
    with pytest.raises(InputError, match="models of timm, open_clip, torchvision"):
        load_classifier(request)


def test_the_command_finds_an_outside_library_in_a_process_of_its_own(tmp_path: Path) -> None:
    """Nothing is patched: the distribution lies on the path, as after `pip install`."""
    folder = write_distribution(tmp_path)
    code = "from imagenet_g.benchmark.cli import main; main(['models', '--library', 'tally'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split()[-2:] == ["tally:mean/seed0", "tally:mean/seed1"], done.stderr


def test_naming_the_schemes_imports_no_row_and_no_torch(tmp_path: Path) -> None:
    """A list of names must not cost seconds, nor run code of another package."""
    folder = write_distribution(tmp_path)
    code = (
        "import sys; from imagenet_g.benchmark.naming.libraries import list_schemes as f; "
        "print(f()[-1], 'torch' in sys.modules, 'tally_library' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["tally", "False", "False"], done.stderr


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a module that fails": ({"modules": {"tally_library": "1 / 0"}}, "ZeroDivisionError"),
    "no such module": ({"modules": {}}, "ModuleNotFoundError"),
    "no such row": ({"value": "tally_library:ROW"}, "AttributeError"),
    "another thing": ({"value": "tally_library:split_weights"}, "is function, not ModelLibrary"),
    "another scheme than it registers": ({"scheme": "talley"}, "its scheme is 'tally'"),
    "a scheme that no spec can hold": (
        {"scheme": "Tally", "modules": {"tally_library": ROW.replace('scheme="tally"', 'scheme="Tally"')}},
        "lower-case letters",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_row_is_one_error_that_names_the_package(name: str, tmp_path: Path) -> None:
    """With what is wrong and what to do."""
    options, said = BROKEN[name]
    scheme = options.get("scheme", "tally")
    folder = write_distribution(tmp_path, name="tally-dist", **options)
    with install(folder), pytest.raises(InputError, match=said) as caught:
        parse_model_spec(f"{scheme}:mean")
    assert "of the package 'tally-dist'" in str(caught.value)
    assert "Update or uninstall the package." in str(caught.value)


def test_a_broken_library_leaves_the_others_usable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The search says which one it leaves out."""
    with install(write_distribution(tmp_path, modules={"tally_library": "1 / 0"})):
        assert main(["models", "lite0", "--library", "wheel"]) == 0
    printed = capsys.readouterr()
    assert "wheel:efficientnet-lite0" in printed.out
    assert printed.err.startswith("note: The model library 'tally' of the package 'tally' cannot be used")


def test_a_loader_that_does_not_import_is_one_error_that_names_the_package(tmp_path: Path) -> None:
    """Its row may be sound all the same."""
    folder = write_distribution(
        tmp_path, modules={"tally_library": ROW, "tally_models": "import nowhere_at_all"}
    )
    with install(folder), pytest.raises(ModelError, match="'tally' of the package 'tally' does not load"):
        spec = parse_model_spec("tally:mean/seed0")
        load_classifier(ModelRequest(requested=str(spec), spec=spec))


def test_a_search_leaves_out_a_library_whose_names_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a note; asked for by name, it is an error."""
    modules = {"tally_library": ROW, "tally_models": "def list_names(): yield 1 / 0"}
    with install(write_distribution(tmp_path, modules=modules)):
        assert main(["models", "lite0", "--limit", "1"]) == 0
        assert "note: The model library 'tally' of the package 'tally' failed" in capsys.readouterr().err
        assert main(["models", "--library", "tally"]) == 2
        assert "ZeroDivisionError: division by zero" in capsys.readouterr().err


def test_a_loader_that_fails_is_one_error_that_names_the_package(tmp_path: Path) -> None:
    """No traceback through this package."""
    row = ROW.replace('names="tally_models:list_names",', "")
    modules = {"tally_library": row, "tally_models": "def load_model(request): return 1 / 0"}
    spec = ModelSpec("tally", "mean", None)
    said = "of the package 'tally' failed in 'tally_models:load_model'"
    with install(write_distribution(tmp_path, modules=modules)), pytest.raises(ModelError, match=said):
        load_classifier(ModelRequest(requested=str(spec), spec=spec))


def test_a_scheme_that_two_packages_register_is_refused(tmp_path: Path) -> None:
    """Which of them ran would depend on the order of installation."""
    folders = [write_distribution(tmp_path / name, name=name) for name in ("tally-a", "tally-b")]
    with install(*folders), pytest.raises(InputError, match="by 2 packages: tally-a, tally-b"):
        find_library("tally")


def test_a_package_cannot_take_the_place_of_timm(tmp_path: Path) -> None:
    """Its models would pass for timm's."""
    modules = {"tally_library": ROW.replace('scheme="tally"', 'scheme="timm"')}
    with install(write_distribution(tmp_path, scheme="timm", modules=modules)):
        with pytest.raises(InputError, match=r"imagenet-g, tally\. Uninstall tally"):
            find_library("timm")
        assert [row.scheme for row in list_libraries()[0]] == [
            "open_clip",
            "torchvision",
            "transformers",
            "wheel",
            "python",
        ]


@pytest.mark.usefixtures("tally")
def test_schemes_of_the_package_come_first() -> None:
    """As messages and searches list them."""
    assert list_schemes() == (*(row.scheme for row in ROWS), "tally")


def test_the_checklist_names_the_files_to_touch_and_their_number() -> None:
    """Each path in it exists, so that a move of modules cannot leave it behind."""
    section = (
        (ROOT / "CONTRIBUTING.md").read_text().partition("## A model library\n")[2].partition("\n## ")[0]
    )
    touched = [line for line in section.splitlines() if line.startswith(("1. ", "2. "))]
    assert "Two files" in section
    assert "`benchmark/naming/libraries.py`" in touched[1]
    assert (ROOT / "benchmark/naming/libraries.py").is_file()
    assert (ROOT / "benchmark/models").is_dir() and "`benchmark/models/" in touched[0]


def test_a_spec_with_nothing_before_the_colon_has_no_scheme() -> None:
    """The message quotes what was typed."""
    with pytest.raises(
        InputError, match=r"Model ':resnet50' has no scheme. Write for example 'timm:resnet50'"
    ):
        parse_model_spec(":resnet50")
