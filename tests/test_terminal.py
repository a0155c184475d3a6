"""One room prints; the others hand it their strings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("baselines", "benchmark", "generation", "leaderboard")
ROOM = "benchmark/terminal/"
FOR_MACHINES = {
    # Each prints figures of its own, or a document for another program.
    "baselines/bench.py", "baselines/bench_training.py", "benchmark/bench/__main__.py",
    "benchmark/bench/report.py",
    "benchmark/bench/timm_loop.py", "generation/bench/quality.py", "leaderboard/ci.py",
    "leaderboard/submissions/known_weights.py", "leaderboard/validation/worker.py",
    "generation/plans/devkit.py",
}  # fmt: skip


def load_trees() -> dict[str, ast.Module]:
    """Every module outside the room that prints."""
    paths = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    names = {path.relative_to(ROOT).as_posix(): path for path in paths}
    return {
        name: ast.parse(path.read_text(encoding="utf-8"))
        for name, path in names.items()
        if not name.startswith(ROOM)
    }


TREES = load_trees()


def list_imports(tree: ast.Module) -> Iterator[str]:
    """Packages that a module imports anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def prints(tree: ast.Module) -> bool:
    """Whether a module writes to the terminal by itself."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {call.id for call in calls if isinstance(call, ast.Name)}
    texts = map(ast.unparse, calls)
    return "print" in names or any(text.startswith("sys.std") and text.endswith("write") for text in texts)


def test_no_module_outside_the_room_imports_rich() -> None:
    """Rich reads the strings it is given as markup; the room's table and console do not."""
    assert {name for name, tree in TREES.items() if "rich" in list_imports(tree)} == set()
    assert len(TREES) > 300


def test_no_module_outside_the_room_writes_to_the_terminal() -> None:
    """`print_line`, `print_block` and `print_message` escape control characters."""
    found = {name for name, tree in TREES.items() if prints(tree)}
    assert found - FOR_MACHINES == set()


def test_the_search_finds_what_it_looks_for() -> None:
    """Or the two tests above would say nothing."""
    tree = ast.parse("def f():\n    from rich.table import Table\n    print(Table())")
    assert "rich" in list_imports(tree)
    assert prints(tree)
    assert prints(ast.parse("sys.stderr.write('x')"))
    assert not prints(ast.parse("print_line('x')"))


def list_whole_errors(tree: ast.Module) -> Iterator[int]:
    """Lines of handlers of pydantic's errors that put the error's whole text into a message."""
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None:
            continue
        caught = ast.unparse(handler.type).split(".") if handler.type else []
        if "ValidationError" not in ast.unparse(handler.type or handler) or "mlcroissant" in caught:
            continue
        for node in ast.walk(handler):
            whole = node.value if isinstance(node, ast.FormattedValue) else None
            texts = node.args if isinstance(node, ast.Call) and ast.unparse(node.func) == "str" else []
            if any(isinstance(one, ast.Name) and one.id == handler.name for one in (whole, *texts)):
                yield handler.lineno


def test_no_message_is_the_whole_text_of_a_broken_contract() -> None:
    """It has several lines and the address of a manual: `describe_failure` says which field, and why."""
    assert {name: lines for name, tree in TREES.items() if (lines := [*list_whole_errors(tree)])} == {}
