"""A linear classifier on features: by L-BFGS of scikit-learn, or by SGD for the large sets.

Source of the settings: Sariyildiz et al. 2023 (arXiv 2212.08420) and, where it prints none, naver/trex at
4172228, the code that the paper's protocol follows.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError

if TYPE_CHECKING:
    import torch

Scaling = Literal["none", "l2", "standard"]
FitKind = Literal["lbfgs", "sgd"]
Features = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
MAX_ITERATIONS = 2000
MANY_VALUES = 10_000_000
"""From so many on more threads are worth their waiting."""
EPOCHS, BATCH_SIZE, MOMENTUM = 100, 1024, 0.9
DEFAULT_SCALING: dict[FitKind, Scaling] = {"lbfgs": "none", "sgd": "l2"}
RANGES: dict[FitKind, dict[str, tuple[float, float]]] = {
    "lbfgs": {"C": (1e-5, 1e6)},
    "sgd": {"learning_rate": (1e-1, 1e2), "weight_decay": (1e-12, 1e-4)},
}
"""Bounds of each hyper-parameter, which is searched for on a log scale."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A classifier's answers.

    Attributes:
        answers: `(M,)` class of each image asked for.
        converged: Whether the optimiser stopped by itself; for SGD, whether the loss stayed finite.
        iterations: Of L-BFGS, or epochs of SGD.
    """

    answers: Labels
    converged: bool
    iterations: int


def scale_features(learnt: Features, asked: Features, scaling: Scaling) -> tuple[Features, Features]:
    """Features as the classifier gets them; what is measured is measured on those that are learnt from.

    Example:
        >>> scale_features(np.array([[1.0], [3.0]]), np.array([[5.0]]), "standard")[1].tolist()
        [[3.0]]
    """
    if scaling == "l2":
        return _scale_rows(learnt), _scale_rows(asked)
    if scaling == "standard":
        mean, deviation = learnt.mean(axis=0), learnt.std(axis=0)
        # A dimension that never varies stays at 0 and is not divided by it.
        deviation = np.where(deviation > 0, deviation, 1.0)
        return (learnt - mean) / deviation, (asked - mean) / deviation
    return learnt, asked


def _scale_rows(vectors: Features) -> Features:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0))


def fit_lbfgs(learnt: Features, labels: Labels, asked: Features, *, C: float) -> Fitted:  # noqa: N803
    """Multinomial logistic regression with an L2 penalty.

    Args:
        learnt: `(N, D)` features.
        labels: `(N,)` classes, two or more.
        asked: `(M, D)` features to answer.
        C: Inverse strength of the penalty, > 0, as scikit-learn has it.

    Raises:
        InputError: scikit-learn is not installed.
    """
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise InputError("Probes need scikit-learn. Install it: pip install 'imagenet-g[probe]'") from error

    # In float64 by the callers: in float32 the line search stalls at the large C of the range.
    model: Any = LogisticRegression(C=C, solver="lbfgs", max_iter=MAX_ITERATIONS)
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(find_most_threads(learnt.size)):
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(learnt, labels)
    stopped = not any(issubclass(one.category, ConvergenceWarning) for one in caught)
    answers = np.asarray(model.predict(asked), dtype=np.int64)
    return Fitted(answers, converged=stopped, iterations=int(np.max(model.n_iter_)))


def find_most_threads(num_values: int) -> int | None:
    """Most threads that linear algebra is given for so many values of features; None for as many as it takes.

    On a few hundred images threads wait for each other most of the time: two took five to ten times as long
    as one on a machine that did something else beside.

    Example:
        >>> find_most_threads(898 * 256), find_most_threads(75750 * 2048)
        (1, None)
    """
    return 1 if num_values < MANY_VALUES else None


def fit_sgd(
    learnt: Features,
    labels: Labels,
    asked: Features,
    *,
    learning_rate: float,
    weight_decay: float,
    seed: int,
    device: str = "cpu",
) -> Fitted:
    """A linear layer trained by SGD with momentum for 100 epochs, its rate falling by a cosine.

    Args:
        learnt: `(N, D)` features.
        labels: `(N,)` classes from 0.
        asked: `(M, D)` features to answer.
        learning_rate: At the start.
        weight_decay: Of weights and biases.
        seed: Of the first weights and the order of the images.
        device: Where it is trained, in float32.
    """
    import torch

    # On the CPU whatever the device is: the order of the images is then the same on all.
    random = torch.Generator().manual_seed(seed)
    inputs, targets = torch.from_numpy(learnt).float().to(device), torch.from_numpy(labels).to(device)
    weight, bias = _draw_layer(int(labels.max()) + 1, learnt.shape[1], random, device)
    optimizer = torch.optim.SGD(
        [weight, bias], lr=learning_rate, momentum=MOMENTUM, weight_decay=weight_decay
    )
    epoch, finite = 0, True
    while epoch < EPOCHS and finite:
        optimizer.param_groups[0]["lr"] = learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / EPOCHS))
        order = torch.randperm(len(inputs), generator=random).to(device)
        for start in range(0, len(order), BATCH_SIZE):
            rows = order[start : start + BATCH_SIZE]
            loss = torch.nn.functional.cross_entropy(inputs[rows] @ weight.T + bias, targets[rows])
            # A rate of 100 may diverge; its answers would be those of NaN.
            finite = bool(torch.isfinite(loss))
            if not finite:
                break
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        epoch += 1
    with torch.no_grad():
        # In batches: logits of 90,000 images and 8142 classes have 3 GB.
        given = torch.from_numpy(asked).float()
        answers = torch.cat(
            [
                (given[start : start + BATCH_SIZE].to(device) @ weight.T + bias).argmax(dim=1).cpu()
                for start in range(0, len(given), BATCH_SIZE)
            ]
        )
    return Fitted(np.asarray(answers.numpy(), dtype=np.int64), converged=finite, iterations=epoch)


def _draw_layer(
    num_classes: int, num_dimensions: int, random: torch.Generator, device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights and biases of a new linear layer, drawn as PyTorch draws them."""
    import torch

    bound = 1 / math.sqrt(num_dimensions)
    # From a generator of this call: `torch.nn.Linear` would draw from the state of the process.
    weight = (torch.rand(num_classes, num_dimensions, generator=random) * 2 - 1) * bound
    bias = (torch.rand(num_classes, generator=random) * 2 - 1) * bound
    return weight.to(device).requires_grad_(), bias.to(device).requires_grad_()


def fit_probe(
    kind: FitKind,
    learnt: Features,
    labels: Labels,
    asked: Features,
    values: dict[str, float],
    *,
    seed: int,
    device: str = "cpu",
) -> Fitted:
    """Fit with the hyper-parameters of `RANGES[kind]`; features are scaled already.

    L-BFGS runs on the CPU on any device.
    """
    if kind == "lbfgs":
        return fit_lbfgs(learnt, labels, asked, C=values["C"])
    return fit_sgd(learnt, labels, asked, seed=seed, device=device, **values)
