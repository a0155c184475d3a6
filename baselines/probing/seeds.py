"""One search and the classifier that follows from it, with all that decides them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from imagenet_g.baselines.probing.dividing import Protocol, RowArray, draw_validation
from imagenet_g.baselines.probing.fitting import (
    DEFAULT_SCALING,
    Features,
    Labels,
    Scaling,
    fit_probe,
    scale_features,
)
from imagenet_g.baselines.probing.images import ProbeImages
from imagenet_g.baselines.probing.inputs import InputKind
from imagenet_g.baselines.probing.records import ProbeProtocol, ProbeSeed
from imagenet_g.baselines.probing.scoring import NO_ANSWER
from imagenet_g.baselines.probing.searching import choose_best, search
from imagenet_g.benchmark.backends.settings import InferenceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOptions:
    """How to probe.

    Attributes:
        protocol: Sizes of validation parts: "printed" or "shipped".
        num_trials: Of each search.
        seeds: One search and one classifier each.
        scaling: Of the features; None for each classifier's own.
        input: How images are brought to the input.
        out: Folder of results; each model has one in it.
        cache: Where features are kept.
        settings: Device, batch size, workers.
    """

    protocol: Protocol
    num_trials: int
    seeds: tuple[int, ...]
    scaling: Scaling | None
    input: InputKind
    out: Path
    cache: Path
    settings: InferenceSettings

    def describe(self, images: ProbeImages) -> ProbeProtocol:
        """As a result holds it."""
        return ProbeProtocol(
            protocol=self.protocol,
            num_trials=self.num_trials,
            seeds=self.seeds,
            fit=images.spec.fit,
            scaling=self.scaling or DEFAULT_SCALING[images.spec.fit],
            input=self.input,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFeatures:
    """Features of a set.

    Attributes:
        vectors: `(M, D)` float64, or float32 for SGD.
        place: Position of a row among them; rows without features are absent.
        sha256: Hash of the features as the model gave them.
    """

    vectors: Features
    place: Mapping[int, int] = field(repr=False)
    sha256: str

    def choose(self, rows: RowArray) -> RowArray:
        """Those of the rows that have features."""
        return np.array([row for row in rows.tolist() if row in self.place], dtype=np.intp)

    def stack(self, rows: RowArray) -> Features:
        """`(K, D)` features of rows that have some."""
        return self.vectors[[self.place[row] for row in rows.tolist()]]


def probe_seed(
    images: ProbeImages,
    features: ProbeFeatures,
    options: ProbeOptions,
    seed: int,
    kept: Path | None,
    on_trial: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[ProbeSeed, Labels]:
    """One seed: its record, and the `(T,)` answers to the test images."""
    protocol = options.describe(images)
    learnt, tested = features.choose(images.learnt), features.choose(images.parts["test"])
    # The same seed draws the same images whatever the model is: models are then compared alike.
    held = choose_validation(images, learnt, protocol, seed)
    train = np.setdiff1d(learnt, held)
    labels, kind, device = images.labels, protocol.fit, options.settings.device
    inputs = scale_features(features.stack(train), features.stack(held), protocol.scaling)

    def judge(values: dict[str, float]) -> tuple[float, bool]:
        fitted = fit_probe(kind, inputs[0], labels[train], inputs[1], values, seed=seed, device=device)
        # What diverged is never chosen, whatever its last answers are.
        usable = fitted.converged or kind == "lbfgs"
        return (float(np.mean(fitted.answers == labels[held])) if usable else 0.0), fitted.converged

    trials = search(kind, judge, num_trials=options.num_trials, seed=seed, kept=kept, on_trial=on_trial)
    best = choose_best(trials)
    # Scaled anew: the mean of train alone is not that of train and val.
    full = scale_features(features.stack(learnt), features.stack(tested), protocol.scaling)
    fitted = fit_probe(kind, full[0], labels[learnt], full[1], best.values, seed=seed, device=device)
    # An image without features keeps the mark of no answer, and counts as wrong.
    answers = np.full(len(images.parts["test"]), NO_ANSWER, dtype=np.int64)
    answers[np.isin(images.parts["test"], tested)] = fitted.answers
    record = ProbeSeed(
        seed=seed,
        num_train=len(train),
        num_val=len(held),
        trials=trials,
        chosen=best.values,
        val_accuracy=best.accuracy,
        converged=fitted.converged,
        iterations=fitted.iterations,
        top1=float(np.mean(answers == labels[images.parts["test"]])),
    )
    return record, answers


def choose_validation(images: ProbeImages, learnt: RowArray, protocol: ProbeProtocol, seed: int) -> RowArray:
    """Rows that a search is judged on.

    Raises:
        InputError: None can be set apart.
    """
    if protocol.protocol == "printed" and "val" in images.parts:
        # Without those that have no features: nothing could be answered for them.
        return np.intersect1d(images.parts["val"], learnt)
    # A printed number belongs to the whole set; of a part of it a fifth is drawn, as in the paper's code.
    count = None if protocol.protocol == "shipped" or images.partial else images.spec.sizes.val
    return draw_validation(images.labels, learnt, count=count, seed=seed)
