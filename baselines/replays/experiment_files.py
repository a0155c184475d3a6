"""Files of experiments: reviewed TOML in `data/experiments/`, or the user's own.

Every name is looked up when the file is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from imagenet_g.baselines.lines.baselines import load_baseline
from imagenet_g.baselines.papers.tables import load_papers
from imagenet_g.baselines.probing.specs import load_probe_set
from imagenet_g.baselines.recipes.specs import RecipeSpec, load_recipe
from imagenet_g.baselines.replays.cells.specs import Measure, TrainedRowsSpec, list_row_runs
from imagenet_g.baselines.replays.experiments import ExperimentSpec, ExperimentsSpec
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.robustness.points import MIN_MODELS
from imagenet_g.benchmark.shipped_specs import list_shipped_names, load_shipped_spec
from imagenet_g.benchmark.splits.references import parse_split_ref


def list_experiments() -> tuple[str, ...]:
    """Names of the shipped files of experiments, sorted.

    Example:
        >>> all(load_experiments(name).name == name for name in list_experiments())
        True
    """
    return list_shipped_names(_find_folder())


def load_experiments(name_or_path: str) -> ExperimentsSpec:
    """A shipped file of experiments, or a TOML file of your own; every name in it is looked up.

    Raises:
        UnknownNameError: There is no such file, printed table, recipe, model, mix or baseline.
        InputError: The file cannot be read or breaks the contract, or its baseline is too small for a line.
    """
    spec = load_shipped_spec(ExperimentsSpec, name_or_path, _find_folder(), kind="replay")
    # Here and not where they are needed: that would be after hours of training.
    _validate_baseline(spec)
    parse_split_ref(spec.reference)
    for experiment in spec.experiments:
        _look_up(experiment)
        _validate_clean(experiment, experiment.reference or spec.reference)
    return spec


def _validate_baseline(spec: ExperimentsSpec) -> None:
    baseline = load_baseline(spec.baseline)
    lined = any("robustness" in experiment.measures for experiment in spec.experiments)
    if lined and len(baseline.fitted) < MIN_MODELS:
        raise InputError(
            f"The set '{baseline.header.id}' has {len(baseline.fitted)} models that may be in a fit; a line "
            f"needs {MIN_MODELS}."
        )


def _look_up(experiment: ExperimentSpec) -> None:
    for table in experiment.published:
        load_papers().find_table(table)
    for ref in _list_refs(experiment):
        parse_split_ref(ref)
    clips = experiment.distances.clips if experiment.distances else ()
    for spec in (*(ready.model for ready in experiment.ready), *(one.clip for one in clips)):
        parse_model_spec(spec)
    for probe in experiment.probes:
        load_probe_set(probe.set)
    for rows in experiment.trained:
        list_row_runs(rows)
        _validate_recipe(experiment, rows, load_recipe(rows.recipe))
    _validate_pairs(experiment)


def _validate_clean(experiment: ExperimentSpec, reference: str) -> None:
    # It would be exactly 0 for every row, and look like a finding.
    compared: tuple[Measure, ...] = ("gap", "robustness")
    for measure in compared:
        # A column without measures of its own is for those of the experiment.
        for column in experiment.find_columns(measure) if measure in experiment.measures else ():
            if [parse_split_ref(ref) for ref in column.splits] == [parse_split_ref(reference)]:
                raise InputError(
                    f"Experiment '{experiment.name}': column '{column.column}' is the clean set itself and "
                    f'has no {measure}; give it measures = ["top-1"].'
                )


def _list_refs(experiment: ExperimentSpec) -> Iterator[str]:
    yield from (ref for column in experiment.columns for ref in column.splits)
    if experiment.reference is not None:
        yield experiment.reference
    if experiment.distances is not None:
        yield from experiment.distances.refs


def _validate_recipe(experiment: ExperimentSpec, rows: TrainedRowsSpec, recipe: RecipeSpec) -> None:
    started = [model.name for model in recipe.models if model.name in rows.models and model.start]
    # Fine-tuned from a model of the line, it would be judged by a line through itself.
    if started and "robustness" in experiment.measures:
        raise InputError(
            f"Experiment '{experiment.name}': '{started[0]}' of '{recipe.name}' starts from trained weights, "
            "so it has no effective robustness here; measure top-1 and gap."
        )
    logged = [step for step in experiment.steps if step % recipe.log_every and step != recipe.steps]
    if logged:
        raise InputError(
            f"Experiment '{experiment.name}' asks for the loss at step {logged[0]}; '{recipe.name}' logs "
            f"every {recipe.log_every} steps."
        )


def _validate_pairs(experiment: ExperimentSpec) -> None:
    """Rows of one claim are subtracted run by run, so they need as many models, and the same seeds."""
    # A ready model, or a split, is measured once.
    kinds: dict[str, tuple[int, tuple[int, ...]]] = dict.fromkeys(experiment.rows, (1, (0,)))
    for rows in experiment.trained:
        seeds = load_recipe(rows.recipe).seeds
        kinds |= {rows.name_row(mix): (len(rows.models), seeds) for mix in rows.mixes}
    for claim in experiment.claims:
        if claim.kind == "rows" and len({kinds[row] for row in claim.order}) > 1:
            raise InputError(
                f"Experiment '{experiment.name}', claim '{claim.text}': its rows have other numbers of "
                "models or other seeds, so they cannot be compared run by run."
            )


def _find_folder() -> Traversable:
    return files("imagenet_g.baselines.data") / "experiments"
