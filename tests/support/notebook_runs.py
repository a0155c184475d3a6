"""Notebooks, run in a kernel of this interpreter: `python tests/support/notebook_runs.py IN OUT FOLDER`.

Run so, it also writes the outputs that the repository holds. In a process of its own, because Jupyter warns
about its own settings, and a test takes each warning for an error.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def run_notebook(path: Path, folder: Path) -> dict[str, Any]:
    """Run all cells in a folder; the notebook with its outputs.

    Raises:
        subprocess.CalledProcessError: A cell fails; its traceback is printed.
    """
    done = folder / path.name
    # Of its own: a kernel that finds kept answers would not show that they can be computed.
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "HF_HOME": str(folder / "hf")}
    subprocess.run([sys.executable, __file__, str(path), str(done), str(folder)], check=True, env=environment)
    found: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
    return found


def list_outputs(notebook: dict[str, Any], cell: str) -> list[dict[str, str]]:
    """What a cell shows: its data by media type, or its text."""
    outputs = next(one["outputs"] for one in notebook["cells"] if one["id"] == cell)
    shown = [output.get("data", {"text/plain": output.get("text", "")}) for output in outputs]
    return [{kind: "".join(lines) for kind, lines in data.items()} for data in shown]


def execute(path: Path, done: Path, folder: Path) -> None:
    """Run a notebook in a folder and write it with its outputs."""
    import nbformat
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    manager = AsyncKernelManager()
    words = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    # A kernel of this interpreter, whatever kernels the machine has.
    manager._kernel_spec = KernelSpec(argv=words, display_name="own", language="python")
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, km=manager, timeout=200, resources=where).execute()
    for cell in notebook.cells:
        # When a cell ran says nothing, and would change the file at each run.
        cell.metadata.pop("execution", None)
        # Warnings of libraries name places of this machine.
        cell.outputs = [one for one in cell.get("outputs", []) if one.get("name") != "stderr"]
        if cell.cell_type != "code":
            del cell["outputs"]
    nbformat.write(notebook, done)


if __name__ == "__main__":
    execute(*map(Path, sys.argv[1:4]))
