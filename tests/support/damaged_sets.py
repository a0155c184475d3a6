"""A small generated split, damaged in known ways, and what the measures of a critique make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from image_sets import encode, make_image
from judged_cases import wrap

from factories import make_model_record, make_split_record
from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import load_classes, make_class_set, name_class_set
from imagenet_g.benchmark.distances.embeddings import embed_rows
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.models.clip_encoders import ClipEncoder, load_clip_encoder
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.predictions.answered_sets import AnsweredSets
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.predictions.predictions import Predictions
from imagenet_g.benchmark.quality.distance_sections import measure_distances
from imagenet_g.benchmark.quality.diversity_sections import measure_diversity
from imagenet_g.benchmark.quality.records import FeatureRecord
from imagenet_g.benchmark.quality.samples import FeatureSet
from imagenet_g.benchmark.recognition.measuring import measure_recognition
from imagenet_g.benchmark.splits.folders import load_folder
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.generation.critique.materials import EmbeddedSide
from imagenet_g.generation.critique.ranking import compute_class_cosines, compute_class_margins
from imagenet_g.generation.image_checks.duplicates import ComparedImages, measure_near_duplicates
from imagenet_g.generation.image_checks.images import open_images
from imagenet_g.generation.image_checks.variation import measure_variation

GENERATED, REAL = "mini-v2/sd-l", "mini/real"
CLIP, JUDGE = "open_clip:packaged:mini-clip", "timm:packaged:mini-resnet-s"
NUM_CLASSES, EACH = 8, 10
BLANK = encode(make_image((128, 128, 128), (64, 64)))
SETTINGS = InferenceSettings(device="cpu", dtype="float32", batch_size=64, workers=1)
Files = list[list[bytes]]
"""Image files by class."""


def keep(files: Files) -> Files:
    """As it is."""
    return files


def duplicate(files: Files) -> Files:
    """Half of the images of a class, each of them twice."""
    return [images[: EACH // 2] * 2 for images in files]


def collapse(files: Files) -> Files:
    """One image of a class, again and again."""
    return [images[:1] * EACH for images in files]


def shuffle_labels(files: Files) -> Files:
    """Every image gets a label by chance."""
    order = np.random.default_rng(0).permutation(NUM_CLASSES * EACH)
    flat = [data for images in files for data in images]
    shuffled = [flat[number] for number in order]
    return [shuffled[start : start + EACH] for start in range(0, len(shuffled), EACH)]


def blank_half(files: Files) -> Files:
    """Half of the images of a class are grey."""
    return [images[: EACH // 2] + [BLANK] * (EACH // 2) for images in files]


DAMAGES: dict[str, Callable[[Files], Files]] = {
    "nothing": keep,
    "duplicated": duplicate,
    "collapsed": collapse,
    "shuffled labels": shuffle_labels,
    "half blank": blank_half,
}


def measure_all(folder: Path) -> dict[str, dict[str, float]]:
    """Every measure on the split under each damage, by damage and measure."""
    clip = load_clip_encoder(CLIP)
    judge = load_classifier(ModelRequest(requested=JUDGE, spec=parse_model_spec(JUDGE)))
    chosen = _choose_classes(GENERATED)
    generated, real = (_read_files(ref, chosen) for ref in (GENERATED, REAL))
    reference = _write(folder / "real", chosen, real)
    found = {}
    for name, damage in DAMAGES.items():
        split = _write(folder / name.replace(" ", "-"), chosen, damage(generated))
        found[name] = _measure(split, reference, clip, judge)
    return found


def _choose_classes(ref: str) -> list[int]:
    split = load_split(parse_split_ref(ref), data={}, cache=None)
    return list(split.class_set.indices[:: len(split.class_set.indices) // NUM_CLASSES][:NUM_CLASSES])


def _read_files(ref: str, chosen: Sequence[int]) -> Files:
    split = load_split(parse_split_ref(ref), data={}, cache=None)
    rows = [np.flatnonzero(split.rows.labels[:, 0] == index)[:EACH].tolist() for index in chosen]
    return [[split.reader.read_image(row) for row in of_class] for of_class in rows]


def _write(folder: Path, chosen: Sequence[int], files: Files) -> Split:
    for index, images in zip(chosen, files, strict=True):
        place = folder / load_classes()[index].wnid
        place.mkdir(parents=True)
        for number, data in enumerate(images):
            (place / f"{number:02d}.png").write_bytes(data)
    return load_folder(folder, cache=None)


def _measure(split: Split, reference: Split, clip: ClipEncoder, judge: Classifier) -> dict[str, float]:
    mine, real = _embed(clip, split), _embed(clip, reference)
    record = FeatureRecord(
        name=CLIP, num_dimensions=mine.vectors.shape[1], weights_sha256=None, resizing="", is_inception=False,
        influences=(),
    )  # fmt: skip
    one, other = (FeatureSet(side.vectors, side.labels, side.image_ids) for side in (mine, real))
    distances = measure_distances(one, other, record)
    diversity = measure_diversity(one, other, record)
    images = open_images(
        split, range(len(split.rows)), ref="split", cache=None, vectors=mine.vectors, features=CLIP, workers=1
    )
    near = measure_near_duplicates(images, ComparedImages()).searches[0]
    seen = measure_recognition([AnsweredSets(_answer(judge, split), None)], num_permutations=20)
    assert distances.means is not None
    assert distances.whole is not None
    assert distances.whole.neighbours is not None
    assert diversity.split is not None
    return {
        "Fréchet, by class": distances.means.frechet.value,
        "kernel, by class": distances.means.kernel.value,
        "Fréchet, whole": distances.whole.frechet.value,
        "kernel, whole": distances.whole.kernel.value,
        "precision": distances.whole.neighbours.precision.value,
        "recall": distances.whole.neighbours.recall.value,
        "density": distances.whole.neighbours.density.value,
        "coverage": distances.whole.neighbours.coverage.value,
        "diversity": diversity.split.diversity.value,
        "Vendi score": diversity.split.vendi.value,
        "near-duplicates": near.num_near,
        "plain images": measure_variation(images, None).plain.num_any,
        "machine-recognised share": seen.share.value,
        "likeness to the class": float(np.nanmean(compute_class_cosines(mine, real))),
        "margin to other classes": float(np.nanmean(compute_class_margins(mine, real))),
    }


def _embed(clip: ClipEncoder, split: Split) -> EmbeddedSide:
    made = embed_rows(clip, split, range(len(split.rows)), settings=SETTINGS, cache=None)
    labels = split.rows.labels[made.rows, 0].astype(np.int64)
    return EmbeddedSide(made.rows, labels, made.vectors, split.rows.image_ids)


def _answer(judge: Classifier, split: Split) -> Evidence:
    images = [load_image(split, row) for row in range(len(split.rows))]
    with torch.no_grad():
        logits = judge.module(torch.stack([judge.transform(image) for image in images]))
    probabilities, indices = logits.softmax(dim=1).topk(5)
    top5 = TopFive(indices.numpy().astype(np.int16), probabilities.numpy())
    classes = make_class_set("split-classes", split.class_set.indices)
    predictions = Predictions(
        image_ids=split.rows.image_ids,
        labels=split.rows.labels,
        source_image_ids=split.rows.source_image_ids,
        top5=top5,
        errors=(None,) * len(split.rows),
        restricted={name_class_set(classes): top5},
    )
    record = make_split_record("v9/sd-l", NUM_CLASSES)
    return wrap(predictions, make_model_record(JUDGE), record, split.class_set)
