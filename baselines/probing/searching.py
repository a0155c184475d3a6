"""Hyper-parameters by Optuna's seeded TPE sampler; each trial is kept, so that a stopped search goes on."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imagenet_g.baselines.probing.fitting import RANGES, FitKind
from imagenet_g.baselines.probing.records import ProbeTrial
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.storage import write_text

Judge = Callable[[dict[str, float]], tuple[float, bool]]
"""From hyper-parameters to the accuracy on the validation part, and whether the fit converged."""


def search(
    kind: FitKind,
    judge: Judge,
    *,
    num_trials: int,
    seed: int,
    kept: Path | None = None,
    on_trial: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[ProbeTrial, ...]:
    """Try hyper-parameters, each chosen by what was found before.

    Args:
        kind: Which classifier, and so which hyper-parameters.
        judge: Fits with some and judges.
        num_trials: How many.
        seed: Of the sampler: the same seed and the same accuracies give the same trials.
        kept: File of trials done; those of an earlier run with these values are not fitted again.
        on_trial: Called with trials done and in all.

    Raises:
        InputError: Optuna is not installed.
    """
    study = _open_study(kind, seed)
    known = load_trials(kept) if kept is not None else ()
    trials: list[ProbeTrial] = []
    for number in range(num_trials):
        asked = study.ask()
        values = {
            name: asked.suggest_float(name, low, high, log=True) for name, (low, high) in RANGES[kind].items()
        }
        # The sampler is deterministic: trials that fit what it asks for are those of the run that stopped.
        if number < len(known) and known[number].values == values:
            trial = known[number]
        else:
            accuracy, converged = judge(values)
            trial = ProbeTrial(values=values, accuracy=accuracy, converged=converged)
        study.tell(asked, trial.accuracy)
        trials.append(trial)
        if kept is not None and number >= len(known):
            write_text(kept, "".join(one.model_dump_json() + "\n" for one in trials))
        on_trial(number + 1, num_trials)
    return tuple(trials)


def choose_best(trials: tuple[ProbeTrial, ...]) -> ProbeTrial:
    """The trial with the highest accuracy; of several, the first.

    Example:
        >>> few = [ProbeTrial(values={"C": c}, accuracy=a, converged=True) for c, a in ((1, 0.5), (2, 0.5))]
        >>> choose_best(tuple(few)).values
        {'C': 1.0}
    """
    return max(trials, key=lambda trial: trial.accuracy)


def load_trials(path: Path) -> tuple[ProbeTrial, ...]:
    """Trials of an earlier run; none where the file is missing or damaged."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return tuple(ProbeTrial.model_validate_json(line) for line in lines)
    except (OSError, ValueError):
        # They only save time: a search that starts anew ends with the same choice.
        return ()


def _open_study(kind: FitKind, seed: int) -> Any:  # noqa: ANN401
    try:
        import optuna
    except ImportError as error:
        raise InputError("The search needs Optuna. Install it: pip install 'imagenet-g[probe]'") from error

    # It writes a line a trial to standard error; progress is shown by the command.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        # `multivariate` carries a notice that it may change; the version that ran is in the result.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # Together where there are two, as in naver/trex: the best weight decay depends on the rate.
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=len(RANGES[kind]) > 1)
    return optuna.create_study(sampler=sampler, direction="maximize")
