"""`imagenet_g.compare`: models on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING

from imagenet_g.baselines.comparing.comparison import ModelComparison, PairComparison, compare_models
from imagenet_g.baselines.comparing.stored_runs import (
    align_answers,
    choose_outputs,
    load_group_column,
    load_runs,
)
from imagenet_g.benchmark.api.arguments import AnyPath, list_pairs, list_paths, list_words, make_path
from imagenet_g.benchmark.api.results import Results
from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
from imagenet_g.benchmark.predictions.evidence import load_predicted_split
from imagenet_g.benchmark.splits.real_set_files import load_sets
from imagenet_g.benchmark.statistics.paired import describe_verdict

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Comparison:
    """Models compared on the same images.

    Attributes:
        models: All numbers, with a table for each pair and grouping.
    """

    models: ModelComparison

    def to_frame(self) -> pd.DataFrame:
        """One row a pair: the difference, its clustered interval, p-values, agreement."""
        import pandas as pd

        return pd.DataFrame([_make_pair_row(pair) for pair in self.models.pairs])

    def standings(self) -> pd.DataFrame:
        """One row a model, the most accurate first, with the range of its rank."""
        import pandas as pd

        return pd.DataFrame([asdict(standing) for standing in self.models.standings])

    def _repr_html_(self) -> str:
        """The standings and a sentence a pair."""
        said = "".join(f"<li>{escape(_describe_pair(pair))}</li>" for pair in self.models.pairs)
        return f"{self.standings().to_html(index=False)}<ul>{said}</ul>"


def compare(
    *models: Results | AnyPath,
    split: str | None = None,
    outputs: str | None = None,
    by: Sequence[str] = (),
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
        for path in (one.folders if isinstance(one, Results) else (make_path(one, "models"),))
    ]
    runs = load_runs(paths, split)
    columns: dict[str, dict[str, str]] = {}
    if by:
        known = load_sets(list_paths(sets, "sets"))
        copies = parse_data_pairs(list_pairs(data), known)
        whole = load_predicted_split(runs[0].meta.split, data=copies, sets=known)
        columns = {name: load_group_column(whole, name) for name in list_words(by, "by")}
    answers = align_answers(runs, outputs=outputs or choose_outputs(runs), columns=columns)
    return Comparison(compare_models(answers))


def _describe_pair(pair: PairComparison) -> str:
    verdict = describe_verdict(pair.difference, pair.first, pair.second)
    return f"{pair.first} less {pair.second}: {100 * pair.difference.value:+.2f} points, {verdict}"


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
