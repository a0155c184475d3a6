"""`imagenet_g.compare`: models on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING

from imagenet_g.baselines.comparing.comparison import ModelComparison, PairComparison, compare_models
from imagenet_g.baselines.comparing.report import (
    format_comparison,
    format_difference,
    format_images,
    format_rank,
    format_top1,
)
from imagenet_g.baselines.comparing.stored_runs import StoredRun, load_answers
from imagenet_g.benchmark.api.arguments import AnyPath, list_pairs, list_paths, list_words
from imagenet_g.benchmark.api.results import Results
from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.splits.real_set_files import load_sets
from imagenet_g.benchmark.statistics.groups import GroupTable
from imagenet_g.benchmark.statistics.paired import describe_verdict

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """Models compared on the same images; printed, it is what `imagenet-g compare` prints.

    Attributes:
        models: All numbers, with a table for each pair and grouping.
        runs: The stored predictions behind them.
    """

    models: ModelComparison
    runs: tuple[StoredRun, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row a pair: the difference, its clustered interval, p-values, agreement."""
        import pandas as pd

        return pd.DataFrame([_make_pair_row(pair) for pair in self.models.pairs])

    def standings(self) -> pd.DataFrame:
        """One row a model, the most accurate first, with the range of its rank."""
        import pandas as pd

        return pd.DataFrame([asdict(standing) for standing in self.models.standings])

    def by_group(self, name: str = "class") -> pd.DataFrame:
        """One row a pair and group of images: the difference, and p-values of McNemar's test within it.

        Args:
            name: "class", "source" where images share one, or a column that the comparison was made `by`.

        Raises:
            UnknownNameError: There is no such grouping.
        """
        import pandas as pd

        known = self.models.pairs[0].by_group
        if name not in known:
            raise UnknownNameError("grouping", str(name), known, hint="Others: ig.compare(..., by=COLUMN).")
        return pd.concat(
            [_make_group_frame(pair, pair.by_group[name], name) for pair in self.models.pairs],
            ignore_index=True,
        )

    def __repr__(self) -> str:
        return format_comparison(self.models, self.runs)

    def _repr_html_(self) -> str:
        """The standings, and a sentence a pair."""
        rows = "".join(
            f"<tr><td>{format_rank(one)}</td><td>{escape(one.model)}</td><td>{format_top1(one)}</td></tr>"
            for one in self.models.standings
        )
        said = "".join(f"<li>{escape(_describe_pair(pair))}</li>" for pair in self.models.pairs)
        return (
            f"<div>{escape(format_images(self.models, self.runs))}</div>"
            f"<table><tr><th>rank</th><th>model</th><th>top-1</th></tr>{rows}</table><ul>{said}</ul>"
        )


def compare(
    *models: Results | AnyPath,
    split: str | None = None,
    outputs: str | None = None,
    by: str | Sequence[str] = (),
    data: Mapping[str, AnyPath] | None = None,
    sets: Sequence[AnyPath] = (),
) -> Comparison:
    """Compare models on the same images, as `imagenet-g compare` does.

    Args:
        models: `Results`, result files or their folders, or files of predictions.
        split: Which split of the results; None where they share exactly one.
        outputs: "all", or a stored class set; None for the split's usual ones.
        by: Columns to compare by as well, such as "recipe".
        data: Local copies by name, for `by`.
        sets: TOML files that describe real sets of your own, for `by`.

    Raises:
        InputError: Fewer than two models, or it is not clear which split is meant.
        DataError: A file is missing or damaged, or two are about different images.
    """
    paths = [
        path
        for one in models
        for path in (one.folders if isinstance(one, Results) else list_paths(one, "models"))
    ]
    known = load_sets(list_paths(sets, "sets"))
    loaded = load_answers(
        paths,
        split,
        outputs=outputs,
        by=list_words(by, "by"),
        data=parse_data_pairs(list_pairs(data), known),
        sets=known,
    )
    return Comparison(compare_models(loaded.answers), loaded.runs)


def _describe_pair(pair: PairComparison) -> str:
    verdict = describe_verdict(pair.difference, pair.first, pair.second)
    return f"{pair.first} less {pair.second}: {verdict}; {format_difference(pair)}"


def _make_pair_row(pair: PairComparison) -> dict[str, object]:
    difference = pair.difference
    return {
        "first": pair.first,
        "second": pair.second,
        "difference": difference.value,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "confidence": difference.confidence,
        "p_value": pair.p_value,
        "p_holm": difference.p_value,
        "verdict": difference.verdict,
        "p_mcnemar": pair.mcnemar.p_value,
        "same_answer": pair.same_answer,
        "both_right": pair.both_right,
        "both_wrong": pair.both_wrong,
        "kappa": pair.kappa,
    }


def _make_group_frame(pair: PairComparison, table: GroupTable, name: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "first": pair.first,
            "second": pair.second,
            name: table.names,
            "n": table.num_images,
            "first_right": table.first_right,
            "second_right": table.second_right,
            "difference": table.differences,
            "p_value": table.p_values,
            "p_holm": table.p_holm,
            "p_fdr": table.p_fdr,
        }
    )
