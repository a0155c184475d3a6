r"""What a trained generator has learnt: does it copy, and does it hear the words of a prompt?

    python -m imagenet_g.generation.training.fidelity RELEASE --split sd-l --train mini-train/posed \
        --data mini-train=DIR --clip open_clip:packaged:mini-clip --out DIR --card MODEL

Copies are looked for by each generated picture's nearest training picture. A distance alone says nothing, so
unseen pictures of the real set are measured beside them: pictures that copied would be nearer than those.
Words are looked for by a linear probe that learns styles from training pictures and names those of generated
ones. With --card the figures go into the card of the generator too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import JsonValue

from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import ImagenetGError, InputError
from imagenet_g.benchmark.models.clip_encoders import ClipEncoder, load_clip_encoder
from imagenet_g.benchmark.results import FileModel
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.storage import replace_file, write_text
from imagenet_g.benchmark.training.pictures import Pictures, load_pictures
from imagenet_g.generation.composites.styles import find_style
from imagenet_g.generation.training.cards import CARD_NAME, put_section

QUANTILES = (0.0, 0.01, 0.05, 0.5)
_ROWS = 4096
_BATCH = 64
_PAIRS = 12
_PROBE_ROWS = 8000


class NearestSummary(FileModel):
    """How near a set's pictures are to their nearest training pictures."""

    num_images: int
    quantiles: dict[str, float]
    """Root mean square difference of pixels, as a share of their range."""


class ProbeSummary(FileModel):
    """How well a linear probe names what prompts asked for."""

    num_images: int
    num_styles: int
    chance: float
    """One over the number of styles: what guessing reaches on average over styles."""
    balanced_accuracy: float
    """Mean over styles of the share named right."""
    by_style: dict[str, float]


class FidelityReport(FileModel):
    """Both questions, for generated pictures and for unseen real ones."""

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
    """The nearest training picture of each picture.

    Attributes:
        rows: `(N,)` row of the training picture.
        distances: `(N,)` root mean square difference, in [0, 1].
    """

    rows: NDArray[np.int64]
    distances: NDArray[np.float64]

    def summarize(self) -> NearestSummary:
        """The lower end of the distances, where copies would be."""
        values = np.quantile(self.distances, QUANTILES)
        named = {f"{quantile:g}": float(value) for quantile, value in zip(QUANTILES, values, strict=True)}
        return NearestSummary(num_images=len(self.rows), quantiles=named)


def find_nearest(pictures: torch.Tensor, training: torch.Tensor) -> Nearest:
    """Each picture's nearest training picture, or its mirror image, by its pixels.

    Args:
        pictures: `(N, 3, S, S)` uint8.
        training: `(M, 3, S, S)` uint8.
    """
    flat = _flatten(pictures)
    best = torch.full((len(flat),), torch.inf)
    rows = torch.zeros(len(flat), dtype=torch.long)
    for start in range(0, len(training), _ROWS):
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
    """Learn styles from embeddings of training pictures and name those of others.

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
    weights = 1 / counts[targets]
    inputs = _add_one(training)
    outputs = np.eye(len(names))[targets]
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
    """The style each picture's prompt asks for.

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
    """`(3, 2 S, count S)` uint8: the nearest pairs of all, pictures above, training pictures below."""
    chosen = np.argsort(nearest.distances)[:count]
    above = torch.cat(list(pictures[torch.from_numpy(chosen)]), dim=2)
    below = torch.cat(list(training[torch.from_numpy(nearest.rows[chosen])]), dim=2)
    return torch.cat([above, below], dim=1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("release", type=Path, metavar="RELEASE", help="folder of the release")
    parser.add_argument("--split", required=True, metavar="NAME", help="split of generated pictures")
    parser.add_argument(
        "--unseen", default="real", metavar="NAME",
        help="split of pictures no model has seen, of this release or as VERSION/NAME (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--train", required=True, metavar="REF", help="split the generator learnt from")
    parser.add_argument("--clip", required=True, metavar="MODEL", help="open_clip model for the probe")
    parser.add_argument("--data", action="append", metavar="NAME=PATH", default=[], help="a local copy")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for fidelity.json, pairs.png")
    parser.add_argument(
        "--card", type=Path, metavar="MODEL", help="folder of the generator, whose README.md gets a section"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and write the numbers and the nearest pairs."""
    data = parse_data_pairs(arguments.data)
    manifest = load_manifest(arguments.release)
    card = None if arguments.card is None else _read_card(arguments.card)
    here = {**data, manifest.version: arguments.release}

    def load(ref: str) -> Pictures:
        return load_pictures(ref, here, cache=None, say=_say)

    made, unseen, training = (
        load(f"{manifest.version}/{arguments.split}"),
        load(arguments.unseen if "/" in arguments.unseen else f"{manifest.version}/{arguments.unseen}"),
        load(arguments.train),
    )
    nearest = find_nearest(made.pixels, training.pixels)
    styles, styles_unseen = _probe(arguments.clip, training, (made, unseen))
    report = FidelityReport(
        schema_version=1,
        split=made.record,
        training=training.record,
        clip=arguments.clip,
        nearest=nearest.summarize(),
        nearest_unseen=find_nearest(unseen.pixels, training.pixels).summarize(),
        styles=styles,
        styles_unseen=styles_unseen,
    )
    pairs = draw_pairs(made.pixels, training.pixels, nearest, _PAIRS).permute(1, 2, 0).contiguous()
    with replace_file(arguments.out / "pairs.png") as temporary:
        Image.fromarray(pairs.numpy()).save(temporary, format="PNG")
    write_text(arguments.out / "fidelity.json", report.model_dump_json(indent=1) + "\n")
    if card is not None:
        heading = f"Fidelity of {made.record['ref']}, beside {training.record['ref']}"
        write_text(arguments.card / CARD_NAME, put_section(card, heading, format_section(report)))
    sys.stdout.write(format_report(report))
    return 0


def _read_card(folder: Path) -> str:
    try:
        return (folder / CARD_NAME).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"'{folder}' has no card ({CARD_NAME}) to write into: {error}") from error


def format_section(report: FidelityReport) -> str:
    """The same as Markdown, with what was measured and how."""
    made, unseen = report.nearest, report.nearest_unseen
    rows = [
        f"| {name} | {summary.num_images} | "
        + " | ".join(f"{value:.3f}" for value in summary.quantiles.values())
        + f" | {probe.balanced_accuracy:.1%} |"
        for name, summary, probe in (
            ("generated", made, report.styles),
            ("never seen in training", unseen, report.styles_unseen),
        )
    ]
    return "\n".join(
        [
            "Distance of each picture to the nearest of the training pictures or its mirror image (root mean "
            "square of pixels, as a share of their range): copies would be nearer than pictures never seen. "
            f"Styles: a linear probe on {report.clip}, balanced over {report.styles.num_styles} styles; "
            f"chance is {report.styles.chance:.1%}.",
            "",
            "| pictures | number | closest | 1 % | 5 % | median | style named |",
            "|---|---|---|---|---|---|---|",
            *rows,
        ]
    )


def format_report(report: FidelityReport) -> str:
    """The numbers in words."""
    near, fresh = report.nearest.quantiles, report.nearest_unseen.quantiles
    lines = [
        f"nearest training picture, closest / 1 % / 5 % / median: {_format_distances(near)}; "
        f"of unseen pictures {_format_distances(fresh)}",
        f"styles named by a linear probe: {report.styles.balanced_accuracy:.1%} of generated, "
        f"{report.styles_unseen.balanced_accuracy:.1%} of unseen; chance {report.styles.chance:.1%}",
    ]
    return "\n".join(lines) + "\n"


def _format_distances(quantiles: dict[str, float]) -> str:
    return " / ".join(f"{value:.3f}" for value in quantiles.values())


def _probe(clip: str, training: Pictures, sets: Sequence[Pictures]) -> list[ProbeSummary]:
    """One of each set, all embedded by the same model; a stride of the training set is enough for a line."""
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


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run as a script: exit code 0, or 2 with one message."""
    parser = argparse.ArgumentParser(
        prog="python -m imagenet_g.generation.training.fidelity", description=__doc__
    )
    add_arguments(parser)
    try:
        return run(parser.parse_args(argv))
    except ImagenetGError as error:
        sys.stderr.write(f"fidelity: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
