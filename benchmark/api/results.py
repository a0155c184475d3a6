"""Results that behave like data."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagenet_g.benchmark.api.arguments import list_pairs, make_path
from imagenet_g.benchmark.api.tables import NO_FRACTIONS, format_html, list_rows
from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
from imagenet_g.benchmark.composing.places import choose_places, make_model_slug
from imagenet_g.benchmark.confusions.answers import AnsweredPair
from imagenet_g.benchmark.confusions.loading import load_pair
from imagenet_g.benchmark.confusions.report import format_classes_csv, format_confusions_csv
from imagenet_g.benchmark.confusions.tables import tabulate_classes, tabulate_confusions
from imagenet_g.benchmark.errors import DataError, ImagenetGError, UnknownNameError
from imagenet_g.benchmark.predictions.result_files import load_result, write_result
from imagenet_g.benchmark.reports.notes import list_notes
from imagenet_g.benchmark.results import Entry, Result
from imagenet_g.benchmark.runs.lines import load_robustness
from imagenet_g.benchmark.storage import replace_file

if TYPE_CHECKING:
    import pandas as pd


class Results:
    """Models on splits, as `result.json` holds them, with their predictions beside each.

    `len`, iteration and indexing give the single `Result`s, whose fields are those of the file. All numbers
    in frames are fractions.

    Attributes:
        results: One a model.
        folders: Where each lies, with its predictions.
        failures: Why a model has no result, by its name.
        data: Local copies by name, for views by a column.
    """

    def __init__(
        self,
        results: Sequence[Result],
        folders: Sequence[Path],
        *,
        failures: Mapping[str, ImagenetGError] | None = None,
        data: Mapping[str, Path] | None = None,
        kept: Sequence[object] = (),
    ) -> None:
        self.results = tuple(results)
        self.folders = tuple(folders)
        self.failures = dict(failures or {})
        self.data = dict(data or {})
        # Folders of their own, which are removed when nothing refers to them.
        self._kept = tuple(kept)

    @classmethod
    def load(cls, *paths: str | Path, data: Mapping[str, str | Path] | None = None) -> Results:
        """Results of earlier runs.

        Args:
            paths: A `result.json` each, or its folder.
            data: Local copies by name, for views by a column.

        Raises:
            DataError: One is missing or malformed.
        """
        places = [make_path(path, "paths") for path in paths]
        copies = parse_data_pairs(list_pairs(data))
        folders = [place if place.is_dir() else place.parent for place in places]
        return cls([load_result(place) for place in places], folders, data=copies)

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __getitem__(self, number: int) -> Result:
        return self.results[number]

    def __add__(self, other: Results) -> Results:
        """Both together, these first."""
        return Results(
            (*self.results, *other.results),
            (*self.folders, *other.folders),
            failures=self.failures | other.failures,
            data=self.data | other.data,
            kept=(*self._kept, *other._kept),
        )

    def __repr__(self) -> str:
        models = ", ".join(result.model.spec for result in self.results)
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"<Results of {models or 'no model'}{failed}>"

    def _repr_html_(self) -> str:
        """Headline numbers and notes, as a notebook shows them."""
        notes = [*list_notes(self.results), *(f"{name} failed: {why}" for name, why in self.failures.items())]
        return format_html(self.results, notes)

    def to_frame(self, *, baseline: str | None = None, link: str | None = None) -> pd.DataFrame:
        """One row a model and split; the interval of a column NAME is in NAME_low and NAME_high.

        Args:
            baseline: Whose effective robustness to take; None for the first that a split has.
            link: "logit", "probit" or "linear"; None for the first.
        """
        import pandas as pd

        rows = [row for result in self.results for row in list_rows(result, baseline=baseline, link=link)]
        frame = pd.DataFrame(rows)
        # A column without any number is one of numbers all the same.
        return frame.astype({name: float for name in frame if name not in NO_FRACTIONS})

    def per_class(self, split: str | None = None) -> pd.DataFrame:
        """Accuracy of each class and its change from the clean set, those that lose most first.

        Args:
            split: Only this one; None for all.

        Raises:
            DataError: Predictions are missing, or are others than those of the result.
            UnknownNameError: No result has the split.
        """
        return self._tabulate(split, lambda pair: format_classes_csv(tabulate_classes(pair)))

    def confusions(self, split: str | None = None) -> pd.DataFrame:
        """Wrong answers by class, those first that a split adds most images to.

        Args:
            split: Only this one; None for all.

        Raises:
            DataError: Predictions are missing, or are others than those of the result.
            UnknownNameError: No result has the split.
        """
        return self._tabulate(split, lambda pair: format_confusions_csv(tabulate_confusions(pair)))

    def _tabulate(self, split: str | None, write: Callable[[AnsweredPair], str]) -> pd.DataFrame:
        import pandas as pd

        frames = []
        for result, entry, folder in self._list_entries(split):
            text = write(load_pair(result, entry, folder, data=self.data))
            # The text that the command writes, so that both have the same columns and numbers.
            frame = pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""])
            frame.insert(0, "model", result.model.spec)
            frame.insert(1, "split", entry.split.ref)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    def _list_entries(self, split: str | None) -> list[tuple[Result, Entry, Path]]:
        found = [
            (result, entry, folder)
            for result, folder in zip(self.results, self.folders, strict=True)
            for entry in result.entries
        ]
        known = dict.fromkeys(entry.split.ref for _, entry, _ in found)
        if split is not None and split not in known:
            raise UnknownNameError("split", split, known, where="of these results")
        return [row for row in found if split in (None, row[1].split.ref)]

    def plot(self, split: str | None = None, *, baseline: str | None = None, link: str = "logit") -> Any:  # noqa: ANN401
        """Accuracy against clean accuracy, with the line of the baseline and these models on top.

        Args:
            split: Which one; None for the first that has a line.
            baseline: Whose line; None for that of the result.
            link: Of both axes: "logit", "probit" or "linear".

        Returns:
            A chart that a notebook shows; `.save(path)` writes it as PNG, PDF or SVG.

        Raises:
            InputError: No split has a line, a result has no clean accuracy on the same classes, or matplotlib
                is not installed.
            UnknownNameError: No result has the split.
        """
        entries = [(result, entry) for result, entry, _ in self._list_entries(split)]
        return load_robustness("draw")(entries, baseline=baseline, link=link, data=self.data)

    def save(self, out: str | Path) -> tuple[Path, ...]:
        """Write everything as `imagenet-g evaluate --out` does: one folder a model, predictions inside.

        Returns:
            The result files.

        Raises:
            DataError: Predictions are missing.
            StorageError: The place cannot be written.
        """
        return tuple(
            save_result(result, folder, make_path(out, "out"))
            for result, folder in zip(self.results, self.folders, strict=True)
        )


def save_result(result: Result, folder: Path, out: Path) -> Path:
    """Copy a result with all files beside it into the folder of its model; the path of the result file.

    Raises:
        DataError: A file is missing, or lies outside the result's folder.
        StorageError: The place cannot be written.
    """
    dtypes = [entry.predictions.run.dtype for entry in result.entries] or ["float32"]
    slug = make_model_slug(result.model, dtype=dtypes[0])
    target = choose_places(out, slug, result.model.spec, ()).folder
    for name in list_files(result):
        source = folder / name
        # A result may come from elsewhere, and must not name a file of its reader.
        if Path(name).is_absolute() or ".." in Path(name).parts or not source.is_file():
            raise DataError(f"'{source}' is missing, or lies outside the folder of its result.")
        if source.resolve() != (target / name).resolve():
            with replace_file(target / name) as temporary:
                shutil.copyfile(source, temporary)
    return write_result(target, result)


def list_files(result: Result) -> tuple[str, ...]:
    """Files that lie beside a result, relative to its folder, each once."""
    kept = [entry.predictions.features for entry in result.entries]
    names = [entry.predictions.file for entry in result.entries]
    return tuple(dict.fromkeys([*names, *(features.file for features in kept if features is not None)]))
