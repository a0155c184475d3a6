"""Whether images are fit to be shown at work: by a classifier, and by the generator's own checker.

A score for each image, never a removal: a view such as `:safe` keeps images by it, and the others stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.critiques.image_checks import (
    MAX_LISTED,
    CheckerVerdicts,
    SafetyClassifier,
    SafetyScore,
    SafetySection,
)
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.features.row_store import KeptRows, keep_rows, load_rows
from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.identity import hash_json, hash_lines
from imagenet_g.benchmark.images.hashes import ProgressCallback
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.storage import replace_file
from imagenet_g.generation.image_checks.images import CheckedImages
from imagenet_g.generation.rendering.safety_scorer import (
    INSTALL_COMMAND,
    SAFE_COLUMN,
    SAFETY_MODEL,
    SafetyScorer,
    find_safety_version,
    load_safety_network,
)
from imagenet_g.generation.rendering.scorer import BATCH_SIZE, score_images

if TYPE_CHECKING:
    from PIL import Image

FLAGGED_FROM, DOUBTFUL_FROM = 0.8, 0.2
"""Thresholds of the model's authors: above 0.8 highly probable, below 0.2 safe with high probability."""
TRAINED_ON = (
    "photographs, to find pornography alone: sketches, cartoons, text and violence are not addressed, and on "
    "images that are no photographs its scores are a guide at most"
)
NUM_HIGHEST = 12
_NAME = "safety"
_CHUNK_ROWS = 8 * BATCH_SIZE


@dataclass(frozen=True, slots=True)
class UnsafeScores:
    """Scores of N images.

    Attributes:
        values: `(N,)` probability that an image is not safe for work; NaN where it cannot be read.
        weights_sha256: Of the classifier.
        package_version: Of its package.
    """

    values: npt.NDArray[np.float64]
    weights_sha256: str
    package_version: str


def measure_safety(
    images: CheckedImages,
    *,
    cache: Path | None,
    scores_path: Path | None = None,
    workers: int = 2,
    on_progress: ProgressCallback = lambda done, total: None,
) -> SafetySection:
    """Score every image where the classifier is installed, and count the verdicts that the release has.

    Args:
        images: The split's.
        cache: Where scores are kept between runs; None keeps none.
        scores_path: A parquet file of the scores of all images, to be written; None for none.
        workers: Threads that read and decode.
        on_progress: Called with the number of images scored and of all.

    Raises:
        ModelError: The classifier is installed and cannot be loaded.
        StorageError: The cache or the file cannot be written.
    """
    checker = _count_verdicts(images)
    classifier: SafetyClassifier | None = None
    reason: str | None = f"not measured: '{SAFETY_MODEL}' is not installed. Run: {INSTALL_COMMAND}"
    if find_safety_version() is not None:
        scores = score_safety(
            images.split, images.rows.tolist(), cache=cache, workers=workers, on_progress=on_progress
        )
        if scores_path is not None:
            write_scores(scores_path, images, scores)
        classifier, reason = describe_scores(images, scores, scores_path), None
    return SafetySection(
        classifier=classifier,
        classifier_reason=reason,
        checker=checker if isinstance(checker, CheckerVerdicts) else None,
        checker_reason=checker if isinstance(checker, str) else None,
    )


def score_safety(
    split: Split,
    rows: Sequence[int],
    *,
    cache: Path | None,
    workers: int,
    on_progress: ProgressCallback = lambda done, total: None,
) -> UnsafeScores:
    """Scores of some rows; what an earlier run scored is taken from the cache, row by row.

    Raises:
        InputError: The classifier is not installed.
        ModelError: It cannot be loaded.
        StorageError: The cache cannot be written.
    """
    network = load_safety_network()
    scorer = SafetyScorer(_NAME, network)
    folder = None if cache is None else cache / "safety" / _make_key(split, scorer)
    known = KeptRows() if folder is None else load_rows(folder, 1)
    missing = [row for row in rows if row not in known]
    done = len(rows) - len(missing)
    on_progress(done, len(rows))
    for first in range(0, len(missing), _CHUNK_ROWS):
        chunk = missing[first : first + _CHUNK_ROWS]
        found, errors = _score_rows(split, chunk, scorer, workers)
        if folder is not None:
            keep_rows(folder, found, errors)
        known.vectors.update(found)
        known.errors.update(errors)
        on_progress(done + first + len(chunk), len(rows))
    values = np.array([float(known.vectors[row][0]) if row in known.vectors else np.nan for row in rows])
    return UnsafeScores(values, network.weights_sha256, network.package_version)


def describe_scores(
    images: CheckedImages, scores: UnsafeScores, scores_path: Path | None = None
) -> SafetyClassifier:
    """Counts by the thresholds, and the images with the highest scores.

    Args:
        images: N images.
        scores: Their scores.
        scores_path: The file of all scores; None for none.
    """
    values = scores.values
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        flagged = values >= FLAGGED_FROM
        doubtful = (values >= DOUBTFUL_FROM) & ~flagged
    order = np.argsort(-np.where(known, values, -1.0), kind="stable")[: min(NUM_HIGHEST, int(known.sum()))]
    ids = [images.name(number)[0] for number in range(len(images))]
    classes = Counter(images.name(int(number))[1] for number in np.flatnonzero(flagged))
    return SafetyClassifier(
        name=SAFETY_MODEL,
        package_version=scores.package_version,
        weights_sha256=scores.weights_sha256,
        trained_on=TRAINED_ON,
        threshold=FLAGGED_FROM,
        num_flagged=int(flagged.sum()),
        num_doubtful=int(doubtful.sum()),
        doubtful_from=DOUBTFUL_FROM,
        num_scored=int(known.sum()),
        num_unreadable=int((~known).sum()),
        flagged_by_class=dict(sorted(classes.items())),
        highest=tuple(_describe_score(images, int(number), values) for number in order),
        scores_sha256=hash_lines(
            # Nine digits name a float32 without doubt.
            f"{image_id} {value:.9g}"
            for image_id, value in zip(ids, values.tolist(), strict=True)
        ),
        scores_file=None if scores_path is None else scores_path.name,
    )


def write_scores(path: Path, images: CheckedImages, scores: UnsafeScores) -> None:
    """Write the scores of all images: columns image_id, wnid and unsafe, which is null for an unreadable one.

    Raises:
        StorageError: The file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [images.name(number) for number in range(len(images))]
    table = pa.table(
        {
            "image_id": pa.array([image_id for image_id, _ in names], pa.string()),
            "wnid": pa.array([wnid for _, wnid in names], pa.string()),
            "unsafe": pa.array(scores.values, pa.float64(), from_pandas=True),
        }
    )
    with replace_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _make_key(split: Split, scorer: SafetyScorer) -> str:
    content = {"content": split.record.content_sha256, "border_px": split.border_px}
    return hash_json({**content, "scorer": scorer.identify()})


def _score_rows(
    split: Split, rows: Sequence[int], scorer: SafetyScorer, workers: int
) -> tuple[dict[int, npt.NDArray[np.float32]], dict[int, str]]:
    """The score of each row that can be read, and why the others cannot."""
    found: dict[int, npt.NDArray[np.float32]] = {}
    errors: dict[int, str] = {}
    readable: dict[int, Image.Image] = {}
    with ThreadPoolExecutor(max(1, workers)) as pool:
        read = map_ahead(pool, partial(_read, split), rows, window=2 * BATCH_SIZE)
        for row, image in zip(rows, read, strict=True):
            if isinstance(image, str):
                errors[row] = image
            else:
                readable[row] = image
    numbers = list(readable)
    for first in range(0, len(numbers), BATCH_SIZE):
        batch = numbers[first : first + BATCH_SIZE]
        # The label has no part in this score.
        columns = score_images(scorer, [readable[row] for row in batch], [0] * len(batch))
        for row, safe in zip(batch, columns[f"{SAFE_COLUMN}.{_NAME}"], strict=True):
            # The scorer's column is of safety, as a view keeps high values; here the unsafe ones are counted.
            found[row] = np.array([1.0 - safe], dtype=np.float32)
    return found, errors


def _read(split: Split, row: int) -> Image.Image | str:
    try:
        return load_image(split, row)
    except DataError as error:
        return str(error)


def _describe_score(images: CheckedImages, number: int, values: npt.NDArray[np.float64]) -> SafetyScore:
    image_id, wnid = images.name(number)
    return SafetyScore(image_id=image_id, wnid=wnid, unsafe=min(1.0, max(0.0, float(values[number]))))


def _count_verdicts(images: CheckedImages) -> CheckerVerdicts | str:
    """Verdicts of the generator's own checker, or why it has none."""
    try:
        column = images.split.reader.read_column("is_flagged_unsafe")
    except (DataError, KeyError):
        return "the set has no record of a generator's checker"
    verdicts = [column[row] for row in images.rows]
    judged = [number for number, verdict in enumerate(verdicts) if verdict is not None]
    if not judged:
        return "the generator has no checker, or it was off"
    flagged = [images.name(number)[0] for number in judged if verdicts[number] is True]
    return CheckerVerdicts(
        num_flagged=len(flagged), num_judged=len(judged), flagged=tuple(flagged[:MAX_LISTED])
    )
