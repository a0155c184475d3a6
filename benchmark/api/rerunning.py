"""`imagenet_g.rerun`: a stored result, run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.api.arguments import (
    AnyPath,
    list_pairs,
    list_paths,
    list_words,
    lists_as_files,
    make_optional_path,
    make_path,
)
from imagenet_g.benchmark.api.evaluating import choose_listener, make_live
from imagenet_g.benchmark.api.folders import ResultFolder
from imagenet_g.benchmark.api.results import Results
from imagenet_g.benchmark.environment import name_command
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.models.classifiers import Transform
from imagenet_g.benchmark.naming.specs import LIVE
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.runs.again import RerunInputs
from imagenet_g.benchmark.runs.changes import RerunReport
from imagenet_g.benchmark.runs.rerunning import run_again

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch


class Rerun:
    """A stored result against a new run of it.

    Attributes:
        report: What differs, split by split.
        results: The new result.
    """

    def __init__(self, report: RerunReport, results: Results) -> None:
        self.report = report
        self.results = results

    @property
    def same(self) -> bool:
        """Whether every number and every answer is the same."""
        return self.report.same

    def __repr__(self) -> str:
        return "\n".join(self.report.list_lines())

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        return f"<pre>{escape(repr(self))}</pre>"


def rerun(
    result: AnyPath | Results,
    *,
    model: torch.nn.Module | Callable[[torch.Tensor], object] | None = None,
    transform: Transform | None = None,
    checkpoint: AnyPath | None = None,
    checkpoint_key: str | None = None,
    class_map: AnyPath | Sequence[str] | None = None,
    templates: AnyPath | Sequence[str] | None = None,
    class_names: AnyPath | Sequence[str] | None = None,
    baseline: Sequence[AnyPath] = (),
    data: Mapping[str, AnyPath] | None = None,
    sets: Sequence[AnyPath] = (),
    device: str | None = None,
    batch_size: int | None = None,
    workers: int | None = None,
    out: AnyPath | None = None,
    progress: bool = True,
) -> Rerun:
    """Run again what a result holds, every image anew, and say what differs: as `imagenet-g rerun`.

    Args:
        result: A `result.json`, its folder, or `Results` of one model.
        model: The model itself, where it was one of a process.
        transform: Of that model.
        checkpoint: The weights of your own that it was run with.
        checkpoint_key: Which of the state dicts in that file.
        class_map: The class of each output, as a file or a list; so are the next two.
        templates: The prompts of your own.
        class_names: The class names of your own.
        baseline: Files of measured baselines that it was held against.
        data: Local copies by name.
        sets: TOML files that describe real sets of your own.
        device: Where to run; None for "auto".
        batch_size: Images a forward pass; None for that of the device.
        workers: What decodes images; None for one a core.
        out: Folder for the new result; None to keep it only as long as it is in use.
        progress: Whether to show progress.

    Raises:
        InputError: What the result names by hash alone is not given, or a split is not available here.
        DataError: The result is missing or malformed.
        ImagenetGError: The model cannot be run.
    """
    path = _find_path(result)
    folder = ResultFolder(None if out is None else make_path(out, "out"))
    listen, say = choose_listener(progress=progress)
    texts = {"class_map": class_map, "templates": templates, "class_names": class_names}
    with lists_as_files(texts) as files, name_command(f"imagenet_g.rerun({path.name!r})"):
        given = RerunInputs(
            # Under the stored name, or the new result would be of another spec.
            live=None if model is None else make_live(model, transform, _find_name(path), {}),
            checkpoint=make_optional_path(checkpoint, "checkpoint"),
            checkpoint_key=checkpoint_key,
            baseline=tuple(list_words(baseline, "baseline")),
            data=tuple(list_pairs(data)),
            sets=tuple(list_paths(sets, "sets")),
            device=device,
            batch_size=batch_size,
            workers=workers,
            **{name: make_optional_path(file, name) for name, file in files.items()},
        )
        outcome = run_again(path, given, out=folder.path, listen=listen, say=say)
    results = Results([outcome.result], [outcome.path.parent], data=outcome.data, kept=(folder,))
    return Rerun(outcome.report, results)


def _find_path(result: AnyPath | Results) -> Path:
    if not isinstance(result, Results):
        return make_path(result, "result")
    if len(result) != 1:
        raise InputError(f"These are results of {len(result)} models; run one at a time again.")
    return result.folders[0]


def _find_name(path: Path) -> str | None:
    """What a result calls its model, where that was one of a process."""
    spec = load_result(path).model.spec
    return spec.removeprefix(LIVE) if spec.startswith(LIVE) else None
