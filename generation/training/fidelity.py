"""Whether a trained generator copies its training images, and whether its images follow the prompt.

A copy is detected by the distance of a generated image to its nearest training image. The
distances of unseen images of the real set give the scale: copies would be nearer than those. Prompt fidelity
is the accuracy of a linear probe that is trained on the styles of training images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import JsonValue

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.models.clip_encoders import ClipEncoder, load_clip_encoder
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.training.pictures import Pictures
from imagenet_g.generation.composites.styles import find_style

QUANTILES = (0.0, 0.01, 0.05, 0.5)
_ROWS = 4096
_BATCH = 64
_PROBE_ROWS = 8000


class NearestSummary(FileModel):
    """Distances of a set's images to their nearest training images."""

    num_images: int
    quantiles: dict[str, float]
    """Root mean square difference of pixels, as a share of their range."""


class ProbeSummary(FileModel):
    """Accuracy of a linear probe on the styles that prompts ask for."""

    num_images: int
    num_styles: int
    chance: float
    """One over the number of styles: the accuracy of guessing."""
    balanced_accuracy: float
    """Mean over styles of the share named right."""
    by_style: dict[str, float]


class FidelityReport(FileModel):
    """Both measures, for generated images and for unseen real ones."""

    schema_version: Literal[1]
    split: dict[str, JsonValue]
    training: dict[str, JsonValue]
    clip: str
    nearest: NearestSummary
    nearest_unseen: NearestSummary
    styles: ProbeSummary
    styles_unseen: ProbeSummary


@dataclass(frozen=True)
class Nearest:
    """The nearest training image of each image.

    Attributes:
        rows: `(N,)` row of the training image.
        distances: `(N,)` root mean square difference, in [0, 1].
    """

    rows: NDArray[np.int64]
    distances: NDArray[np.float64]

    def summarize(self) -> NearestSummary:
        """The lower quantiles of the distances, where copies would be."""
        values = np.quantile(self.distances, QUANTILES)
        named = {f"{quantile:g}": float(value) for quantile, value in zip(QUANTILES, values, strict=True)}
        return NearestSummary(num_images=len(self.rows), quantiles=named)


def find_nearest(pictures: torch.Tensor, training: torch.Tensor) -> Nearest:
    """Each image's nearest training image, or its mirror image, by its pixels.

    Args:
        pictures: `(N, 3, S, S)` uint8.
        training: `(M, 3, S, S)` uint8.
    """
    flat = _flatten(pictures)
    best = torch.full((len(flat),), torch.inf)
    rows = torch.zeros(len(flat), dtype=torch.long)
    for start in range(0, len(training), _ROWS):
        # Mirrored as well, so that a mirrored copy counts as a copy.
        for candidates in (training[start : start + _ROWS], training[start : start + _ROWS].flip(-1)):
            distances = torch.cdist(flat, _flatten(candidates))
            found = distances.min(dim=1)
            nearer = found.values < best
            best[nearer], rows[nearer] = found.values[nearer], found.indices[nearer] + start
    return Nearest(rows.numpy(), (best / flat.shape[1] ** 0.5).double().numpy())


def probe_styles(
    training: NDArray[np.float32],
    training_styles: Sequence[str],
    pictures: NDArray[np.float32],
    styles: Sequence[str],
    *,
    ridge: float = 1.0,
) -> ProbeSummary:
    """Train a probe on the styles of training images and apply it to others.

    A ridge regression on one-hot targets, every style weighing the same.

    Args:
        training: `(M, D)` embeddings.
        training_styles: M names.
        pictures: `(N, D)` embeddings.
        styles: N names, each also in training.
        ridge: Penalty.
    """
    names = sorted(set(training_styles))
    targets = np.array([names.index(style) for style in training_styles])
    counts = np.bincount(targets, minlength=len(names))
    # Styles differ in size; unweighted, the largest would be named for everything.
    weights = 1 / counts[targets]
    inputs = _add_one(training)
    outputs = np.eye(len(names))[targets]
    # Solved in closed form, so that the same embeddings always give the same probe.
    gram = (inputs * weights[:, None]).T @ inputs + ridge * 1e-3 * np.eye(inputs.shape[1])
    solution = np.linalg.solve(gram, (inputs * weights[:, None]).T @ outputs)
    guesses = (_add_one(pictures) @ solution).argmax(axis=1)
    truth = np.array([names.index(style) for style in styles])
    by_style = {
        name: float((guesses[truth == number] == number).mean())
        for number, name in enumerate(names)
        if (truth == number).any()
    }
    return ProbeSummary(
        num_images=len(truth),
        num_styles=len(names),
        chance=1 / len(names),
        balanced_accuracy=float(np.mean(list(by_style.values()))),
        by_style=by_style,
    )


def list_styles(pictures: Pictures, names: Sequence[str]) -> list[str]:
    """The style each image's prompt asks for.

    Args:
        pictures: With their prompts.
        names: What the class of each index is called in prompts.
    """
    labels = pictures.labels.tolist()
    return [
        find_style(caption, names[label]).name
        for caption, label in zip(pictures.captions, labels, strict=True)
    ]


def _flatten(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.float().flatten(1) / 255


def _add_one(embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.hstack([embeddings, np.ones((len(embeddings), 1))]).astype(np.float64)


def draw_pairs(pictures: torch.Tensor, training: torch.Tensor, nearest: Nearest, count: int) -> torch.Tensor:
    """`(3, 2 S, count S)` uint8: the nearest pairs of all, images above, training images below."""
    chosen = np.argsort(nearest.distances)[:count]
    above = torch.cat(list(pictures[torch.from_numpy(chosen)]), dim=2)
    below = torch.cat(list(training[torch.from_numpy(nearest.rows[chosen])]), dim=2)
    return torch.cat([above, below], dim=1)


@dataclass(frozen=True)
class FidelitySets:
    """The images of one measurement.

    Attributes:
        made: Generated images with the prompts they were drawn from.
        unseen: Images that no model was trained on, with captions.
        training: The images the generator was trained on, with captions.
    """

    made: Pictures
    unseen: Pictures
    training: Pictures


def measure_fidelity(sets: FidelitySets, clip: str) -> tuple[FidelityReport, Nearest]:
    """Both measures of a set, and the nearest training image of each generated one.

    Args:
        sets: Images of one size.
        clip: The open_clip model of the probe, as `imagenet-g distance --clip` takes it.

    Raises:
        InputError: The CLIP is malformed or unknown.
        FetchError: Its weights could not be fetched.
    """
    nearest = find_nearest(sets.made.pixels, sets.training.pixels)
    styles, styles_unseen = _probe(clip, sets.training, (sets.made, sets.unseen))
    report = FidelityReport(
        schema_version=1,
        split=sets.made.record,
        training=sets.training.record,
        clip=clip,
        nearest=nearest.summarize(),
        nearest_unseen=find_nearest(sets.unseen.pixels, sets.training.pixels).summarize(),
        styles=styles,
        styles_unseen=styles_unseen,
    )
    return report, nearest


def _probe(clip: str, training: Pictures, sets: Sequence[Pictures]) -> list[ProbeSummary]:
    """A summary of each set, all embedded by the same model, with a probe on a part of the training set."""
    names = [info.name for info in load_classes()]
    stride = max(len(training) // _PROBE_ROWS, 1)
    encoder = load_clip_encoder(clip)
    known, known_styles = _embed(encoder, training.pixels[::stride]), list_styles(training, names)[::stride]
    return [
        probe_styles(known, known_styles, _embed(encoder, found.pixels), list_styles(found, names))
        for found in sets
    ]


def _embed(encoder: ClipEncoder, pixels: torch.Tensor) -> NDArray[np.float32]:
    images = [Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy()) for picture in pixels]
    batches = [
        encoder.encode_images(images[start : start + _BATCH]) for start in range(0, len(images), _BATCH)
    ]
    return torch.cat(batches).numpy()
