"""Results that behave like data."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

from imagenet_g.benchmark.api.arguments import list_pairs, make_path
from imagenet_g.benchmark.api.predictions import make_predictions_frame
from imagenet_g.benchmark.api.saving import list_results, save_results
from imagenet_g.benchmark.api.strengths import tabulate_failures, tabulate_strengths
from imagenet_g.benchmark.api.tables import (
    NO_FRACTIONS,
    check_robustness_names,
    format_html,
    list_rows,
)
from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
from imagenet_g.benchmark.confusions.answers import AnsweredPair
from imagenet_g.benchmark.confusions.loading import load_pair
from imagenet_g.benchmark.confusions.report import format_classes_csv, format_confusions_csv
from imagenet_g.benchmark.confusions.tables import tabulate_classes, tabulate_confusions
from imagenet_g.benchmark.errors import ImagenetGError, UnknownNameError
from imagenet_g.benchmark.figures.chart import Chart
from imagenet_g.benchmark.predictions.class_counts import load_stored_evidence
from imagenet_g.benchmark.predictions.result_files import find_result_folder, load_result
from imagenet_g.benchmark.reports.notes import list_notes
from imagenet_g.benchmark.reports.strength_figure import (
    make_strength_chart,
    make_strength_figure,
)
from imagenet_g.benchmark.results import Entry, Result
from imagenet_g.benchmark.runs.lines import load_robustness

if TYPE_CHECKING:
    import pandas as pd


class Results:
    """Models on splits, as `result.json` holds them, with their predictions beside each.

    `len`, iteration and indexing give the single `Result`s, whose fields are those of the file. All numbers
    in frames are fractions.

    `per_class`, `confusions` and `predictions` read the stored predictions: of the split that is named, else
    of all. They raise DataError where predictions are missing or are others than those of the result, and
    UnknownNameError for a split that no result has.

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
            paths: A `result.json` each, its folder, or a folder of such folders, as `save` writes it.
            data: Local copies by name, for views by a column.

        Raises:
            DataError: One is missing or malformed.
        """
        places = [place for path in paths for place in list_results(make_path(path, "paths"))]
        copies = parse_data_pairs(list_pairs(data))
        folders = [find_result_folder(place) for place in places]
        return cls([load_result(place) for place in places], folders, data=copies)

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    @overload
    def __getitem__(self, number: int) -> Result: ...

    @overload
    def __getitem__(self, number: slice) -> Results: ...

    def __getitem__(self, number: int | slice) -> Result | Results:
        """One result, or some of them as `Results`."""
        if isinstance(number, int):
            return self.results[number]
        # With the folders kept: a part may outlive the whole.
        return Results(self.results[number], self.folders[number], data=self.data, kept=self._kept)

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

        Raises:
            UnknownNameError: No result has effective robustness against the baseline, or on the link.
        """
        import pandas as pd

        check_robustness_names(self.results, baseline=baseline, link=link)
        rows = [row for result in self.results for row in list_rows(result, baseline=baseline, link=link)]
        frame = pd.DataFrame(rows)
        # A column without any number is one of numbers all the same.
        return frame.astype({name: float for name in frame if name not in NO_FRACTIONS})

    def per_class(self, split: str | None = None) -> pd.DataFrame:
        """Accuracy of each class and its change, those that lose most first; see `Results`."""
        return self._tabulate(split, lambda pair: format_classes_csv(tabulate_classes(pair)))

    def confusions(self, split: str | None = None) -> pd.DataFrame:
        """Wrong answers by class, those first that a split adds most images to. See `Results`."""
        return self._tabulate(split, lambda pair: format_confusions_csv(tabulate_confusions(pair)))

    def predictions(self, split: str | None = None) -> pd.DataFrame:
        """Answers to every image, one row an image, as `imagenet_g.load_predictions`; see `Results`."""
        import pandas as pd

        frames = []
        for result, entry, folder in self._list_entries(split):
            found = load_stored_evidence(entry, entry.split.view, folder, data=self.data)
            frame = make_predictions_frame(found.predictions)
            frame.insert(0, "model", result.model.spec)
            frame.insert(1, "split", entry.split.ref)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

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

    def by_strength(self, split: str | None = None) -> pd.DataFrame:
        """Accuracy at each strength of the shift, for splits whose images have a strength.

        Args:
            split: Only this one; None for all.

        Returns:
            One row a model, split and strength: `n` images, `right`, `top1` with its interval. Where images
            form series, `at_risk` series were right at all lower strengths, `failed` of them turn wrong, and
            `never_wrong` is the share without a wrong answer up to and at this strength (Kaplan-Meier).

        Raises:
            InputError: No split says how strongly its images are shifted.
        """
        return tabulate_strengths(self.results, split)

    def failure_points(self, split: str | None = None) -> pd.DataFrame:
        """The strength at which the answers to a series of images first turn wrong.

        Args:
            split: Only this one; None for all.

        Returns:
            One row a model and split: the `median` with its interval, NaN for beyond the greatest strength;
            the share of series that is `never` wrong; and how many series stand apart. NaN everywhere where
            images form no series.

        Raises:
            InputError: No split says how strongly its images are shifted.
        """
        return tabulate_failures(self.results, split)

    def plot_strengths(self, split: str | None = None) -> Chart:
        """Accuracy by strength, and beside it how long series stay right: at most five lines.

        Args:
            split: Only this one; None for all.

        Returns:
            A chart that a notebook shows; `.save(path)` writes it as PNG, PDF or SVG.

        Raises:
            InputError: No split says how strongly its images are shifted, there are more than five lines, or
                matplotlib is not installed.
        """
        return make_strength_chart(make_strength_figure(self.results, split))

    def plot(self, split: str | None = None, *, baseline: str | None = None, link: str = "logit") -> Chart:
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
        chart: Chart = load_robustness("draw")(entries, baseline=baseline, link=link, data=self.data)
        return chart

    def save(self, out: str | Path) -> tuple[Path, ...]:
        """Write everything as `imagenet-g evaluate --out` does: one folder a model, predictions inside.

        Results of one model on several splits become one, with what its folder holds already. Another model
        of the same name gets a folder of its own.

        Returns:
            The result files.

        Raises:
            DataError: Predictions are missing.
            StorageError: The place cannot be written.
        """
        return save_results(list(zip(self.results, self.folders, strict=True)), make_path(out, "out"))
