"""Which source files decide what a user's own model or an outside library does; imports no torch.

Starting at the classes, transforms and factories that were loaded, the files are followed through their
import statements: a helper file that is edited makes another model, though the factory's file stays as it is.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from importlib.machinery import PathFinder
from importlib.util import resolve_name
from pathlib import Path

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_MAX_DEPTH = 5
# Their versions are recorded, or follow from Python's; reading their source would add nothing.
_KNOWN = {
    *sys.stdlib_module_names,
    *("torch", "torchvision", "timm", "open_clip", "transformers", "imagenet_g", "numpy", "PIL"),
}
_INSTALLED = {"site-packages", "dist-packages"}


def is_known(part: object) -> bool:
    """Whether a class or function is of Python or of a library whose version every run records.

    Example:
        >>> is_known(Path), is_known(len)
        (True, True)
    """
    return _is_known_name(str(getattr(part, "__module__", "")))


def list_code_files(parts: Iterable[object], modules: Iterable[str] = ()) -> list[Path]:
    """Source files of classes, functions and what they hold, and all files of the user's that these import.

    Args:
        parts: Classes, functions, transforms; of an object its class and its attributes count.
        modules: Names of imported modules to start at, such as that of a factory.

    Returns:
        Sorted files. Of an installed package only files that another file of the same package imports.
    """
    named = {Path(origin) for name in modules if (origin := getattr(sys.modules.get(name), "__file__", None))}
    return follow_imports({*list_held_files(parts), *(path for path in named if path.is_file())})


def list_held_files(parts: Iterable[object]) -> list[Path]:
    """Source files of the classes and functions in parts, without those of the usual libraries."""
    found: dict[int, object] = {}
    for part in parts:
        _collect(part, found, _MAX_DEPTH)
    return sorted({path for part in found.values() if (path := _find_source(part)) is not None})


def print_parts(parts: Iterable[object]) -> list[str]:
    """Parts as they print, without addresses in memory, which differ from run to run.

    Example:
        >>> print_parts([object()])
        ['<object object>']
    """
    return [_ADDRESS.sub("", repr(part)) for part in parts]


def follow_imports(files: Iterable[Path]) -> list[Path]:
    """The files, and those they import, and so on; sorted."""
    files = set(files)
    # Thousands of modules are loaded: only the paths that may be a file's own are parsed.
    endings = tuple(path.name for path in files)
    names = {
        Path(origin): name
        for name, module in list(sys.modules.items())
        if isinstance(origin := getattr(module, "__file__", None), str) and origin.endswith(endings)
    }
    found: set[Path] = set()
    waiting = [(path, names.get(path, path.stem)) for path in files]
    while waiting:
        path, name = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for imported in _list_imports(path, name):
            located = _locate(imported)
            if located is not None and _belongs(located, imported, of=name):
                waiting.append((located, imported))
    return sorted(found)


def _belongs(path: Path, name: str, *, of: str) -> bool:
    """Whether an imported file is the user's own: not of an installed package that another file only uses."""
    if _is_known_name(name):
        return False
    return not _INSTALLED & set(path.parts) or name.partition(".")[0] == of.partition(".")[0]


def _list_imports(path: Path, name: str) -> tuple[str, ...]:
    """Names of the modules that a file's import statements may mean, inside functions too."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    try:
        return _parse_imports(path.read_bytes(), package)
    except (OSError, SyntaxError, ValueError):
        # Not Python, such as a compiled module: it imports nothing that could be read.
        return ()


# By content, so that a file that is edited between two models is read anew.
@lru_cache(maxsize=256)
def _parse_imports(content: bytes, package: str) -> tuple[str, ...]:
    names: list[str] = []
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names += _list_parents(alias.name)
        elif isinstance(node, ast.ImportFrom) and (base := _resolve_base(node, package)):
            # `from package import name` may name a module of the package.
            names += [*_list_parents(base), *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(names)


def _resolve_base(node: ast.ImportFrom, package: str) -> str:
    if node.level == 0:
        return node.module or ""
    try:
        return resolve_name("." * node.level + (node.module or ""), package)
    except ImportError:
        # A relative import in a file that was not loaded as part of a package.
        return ""


def _list_parents(name: str) -> list[str]:
    """Importing `a.b.c` runs the files of `a` and `a.b` too."""
    parts = name.split(".")
    return [".".join(parts[:stop]) for stop in range(1, len(parts) + 1)]


def _locate(name: str) -> Path | None:
    """The file of a module, found without running it."""
    if _is_known_name(name):
        return None
    origin = getattr(sys.modules.get(name), "__file__", None)
    # The current folder last, as where a user's factory is looked for.
    search: list[str] | None = [*sys.path, str(Path.cwd())]
    for stop in range(name.count(".") + 1) if origin is None else ():
        spec = PathFinder.find_spec(".".join(name.split(".")[: stop + 1]), search)
        if spec is None:
            return None
        origin, locations = spec.origin, spec.submodule_search_locations
        search = list(locations) if locations is not None else []
    path = Path(origin) if origin else None
    return path if path is not None and path.is_file() else None


def _is_known_name(name: str) -> bool:
    return name.partition(".")[0] in _KNOWN


def _collect(part: object, found: dict[int, object], depth: int) -> None:
    """A transform and what it holds: steps of a list, attributes, the function of a partial, a closure."""
    # Kept by identity: what is held may hold its holder.
    if depth < 0 or id(part) in found:
        return
    found[id(part)] = part
    for value in _list_held(part):
        _collect(value, found, depth - 1)


def _list_held(part: object) -> list[object]:
    if isinstance(part, Mapping):
        return list(part.values())
    if isinstance(part, list | tuple | set | frozenset):
        return list(part)
    if isinstance(part, partial):
        return [part.func, *part.args, *part.keywords.values()]
    if inspect.ismethod(part):
        return [part.__func__, part.__self__]
    if inspect.isfunction(part):
        return list(inspect.getclosurevars(part).nonlocals.values())
    # All that a module or a class holds is not what the transform uses.
    if inspect.ismodule(part) or isinstance(part, type):
        return []
    return list(getattr(part, "__dict__", {}).values())


def _find_code(part: object) -> Callable[..., object]:
    """The function or class whose source says what a part does."""
    return inspect.unwrap(part) if inspect.isroutine(part) else part if isinstance(part, type) else type(part)


def _find_source(part: object) -> Path | None:
    code = _find_code(part)
    if is_known(code):
        return None
    try:
        source = inspect.getsourcefile(code)
    # Built in, or typed into an interpreter: there is no file to read.
    except (TypeError, OSError):
        return None
    path = None if source is None else Path(source)
    return path if path is not None and path.is_file() else None


def lacks_source(parts: Iterable[object]) -> bool:
    """Whether a class or function in parts was typed into a notebook, where no file shows that it changed.

    Example:
        >>> from pathlib import Path
        >>> lacks_source([Path, len]), lacks_source([eval("lambda image: image", {"__name__": "typed"})])
        (False, True)
    """
    found: dict[int, object] = {}
    for part in parts:
        _collect(part, found, _MAX_DEPTH)
    return any(_find_source(part) is None and not is_known(_find_code(part)) for part in found.values())
