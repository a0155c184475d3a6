"""Stored results of checks on the images of a split: near-duplicates, safety, variation and watermarks.

`generation/image_checks` measures them. A field that is null was not measured, and a sentence beside it says
why. No check removes an image.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from imagenet_g.benchmark.distances.results import Mean
from imagenet_g.benchmark.records import Count, Difference, FileModel, Fraction, Sha256

PHASH_BITS = 64
Bits = Annotated[int, Field(ge=0, le=PHASH_BITS)]
Ratio = Annotated[float, Field(ge=0.0)]
Grey = Annotated[float, Field(ge=0.0, le=255.0)]


class ComparedSet(FileModel):
    """The images on the other side of a search."""

    ref: str
    content_sha256: Sha256
    num_images: Count
    """Images looked at, the unreadable ones among them."""
    num_unreadable: Count
    num_flat: Count
    """Flat images, which look like any other flat one and were not compared."""


class NearPair(FileModel):
    """Two images that look alike."""

    image_id: str
    wnid: str
    other_id: str
    other_wnid: str
    bits: Bits
    """Bits in which the two perceptual hashes differ."""
    cosine: Difference | None
    """Of their embeddings; null without embeddings."""


class PairSearch(FileModel):
    """Images of the split that look like an image of one set."""

    kind: Literal["within", "split", "reference"]
    """"within": the split itself; "split": another split of its release; "reference": the real images."""
    compared_with: ComparedSet
    num_near: Count
    """Images whose hash is near that of another one; within the split, the first of each group is not
    counted."""
    num_confirmed: Count | None
    """Of these, pairs whose embeddings have at least the cosine `min_cosine`; null without embeddings."""
    num_other_class: Count
    """Of the near ones, those whose other image is of another class: one of the two labels may be wrong."""
    closest: tuple[NearPair, ...]
    """The pairs with the highest cosine, or without embeddings with the fewest differing bits."""


class MemoryCandidate(FileModel):
    """An image that lies unusually close to one training image."""

    image_id: str
    wnid: str
    training_id: str
    training_wnid: str
    cosine: Difference
    """To its nearest training image."""
    ratio: Annotated[float, Field(ge=0.0, le=1.0)] | None
    """Distance to the nearest over distance to the second-nearest training image; null where both are 0."""


class MemorySearch(FileModel):
    """Images of the split held against the images a generator was trained on."""

    training: ComparedSet
    nearest: dict[str, Difference]
    """Quantiles of the cosine to the nearest training image, by the quantile as text."""
    nearest_unseen: dict[str, Difference] | None
    """The same of real images that the generator was not trained on; null without any."""
    level: Difference | None
    """Cosine that 1 % of the unseen real images reach; null without any."""
    num_above_level: Count | None
    """Images of the split above it; about 1 % are expected of a generator that copies nothing."""
    num_isolated: Count
    """Images that are nearer to one training image than to the second by the ratio `max_ratio`."""
    max_ratio: Fraction
    candidates: tuple[MemoryCandidate, ...]
    """Lowest ratio first."""


class NearDuplicatesSection(FileModel):
    """Images that are nearly the same as others, and images that may be copies of training images."""

    method: Literal["phash-64"] = "phash-64"
    max_distance: Bits
    """Bits in which two hashes may differ."""
    features: str | None
    """Model whose embeddings confirm a pair; null without."""
    min_cosine: Difference | None
    """Cosine from which a pair is confirmed; null without embeddings."""
    min_cosine_rule: str | None
    """Where that bound comes from."""
    num_images: Count
    num_unreadable: Count
    num_flat: Count
    searches: tuple[PairSearch, ...]
    memory: tuple[MemorySearch, ...]
    """One for each training set that was given; empty without any."""
    memory_reason: str | None
    """Why nothing was held against a training set; null where something was."""
    sheet: str | None
    """File name of the contact sheet of the closest pairs; null where no pair was found."""


class SafetyScore(FileModel):
    """The score of one image."""

    image_id: str
    wnid: str
    unsafe: Fraction
    """Probability by the classifier that the image is not safe for work."""


class SafetyClassifier(FileModel):
    """Verdicts of one classifier on all images."""

    name: str
    package_version: str
    weights_sha256: Sha256
    trained_on: str
    """Kind of images, where it differs from the kind that is judged."""
    threshold: Fraction
    """Images with at least this score count as flagged."""
    num_flagged: Count
    num_doubtful: Count
    """Images with a score of at least `doubtful_from` and below the threshold."""
    doubtful_from: Fraction
    num_scored: Count
    num_unreadable: Count
    flagged_by_class: dict[str, Count]
    """Flagged images by wnid, classes without one left out."""
    highest: tuple[SafetyScore, ...]
    """The images with the highest scores, flagged or not."""
    scores_sha256: Sha256
    """Of the image ids and scores of all images, in the order of the split."""
    scores_file: str | None
    """File name of the scores of all images; null where they were not written."""


class CheckerVerdicts(FileModel):
    """What the generator's own safety checker said while the images were made."""

    num_flagged: Count
    num_judged: Count
    flagged: tuple[str, ...]
    """Ids of flagged images, at most `MAX_LISTED`."""


class SafetySection(FileModel):
    """Whether images are fit to be shown at work."""

    classifier: SafetyClassifier | None
    classifier_reason: str | None
    """Why no classifier judged; null where one did."""
    checker: CheckerVerdicts | None
    checker_reason: str | None
    """Why there are no verdicts of the generator's own checker; null where there are."""


class GroupShare(FileModel):
    """How much of the variation within classes goes with one known property of the images."""

    factor: Literal["template", "seed", "source"]
    num_groups: Count
    """Different values of the property."""
    num_images: Count
    num_classes: Count
    largest_group: Fraction
    """Share of the images with the most frequent value."""
    share: Fraction | None
    """Sum of squares between groups over the total within classes; null where it is unknown."""
    expected: Fraction | None
    """Mean of the same share with the values shuffled within each class."""
    low: Fraction | None
    """2.5 % quantile of the shuffled shares."""
    high: Fraction | None
    """97.5 % quantile of the shuffled shares."""
    num_shuffles: Count
    reason: str | None
    """Why the share is unknown; null where it is not."""


class ClassTone(FileModel):
    """How one class differs from the reference in one tone."""

    wnid: str
    n_split: Count
    n_reference: Count
    value: float
    """Mean of the split's images less that of the reference's."""
    low: float | None
    """Welch's interval over images; null where a side has fewer than two."""
    high: float | None


class ToneDifference(FileModel):
    """Split less reference in one tone."""

    tone: Literal["brightness", "contrast", "saturation", "hue_entropy"]
    unit: str
    split: Mean
    """Mean over the classes that both sides have."""
    reference: Mean
    difference: Mean
    furthest: tuple[ClassTone, ...]
    """The classes that differ most."""


class PlainImages(FileModel):
    """Images that show next to nothing."""

    num_images: Count
    num_flat: Count
    flat_max_std: Grey
    """Largest standard deviation of a colour channel of a flat image, in levels of 0..255."""
    num_near_black: Count
    black_max_grey: Grey
    """99 % of the pixels of a near-black image are at most so bright."""
    num_near_white: Count
    white_min_grey: Grey
    """99 % of the pixels of a near-white image are at least so bright."""
    num_low_contrast: Count
    low_contrast_range: Fraction
    """Range of the middle 98 % of the pixels of such an image, as a share of 255."""
    num_any: Count
    """Images with at least one of the four."""
    any_by_class: dict[str, Count]
    """By wnid, classes without one left out."""
    listed: tuple[str, ...]
    """Their ids, at most `MAX_LISTED`."""


class VariationSection(FileModel):
    """What of the images' variation is measured, and what is not."""

    features: str | None
    """Model whose embeddings the shares are of; null without."""
    shares: tuple[GroupShare, ...]
    shares_reason: str | None
    """Why no share was computed; null where one was."""
    tones: tuple[ToneDifference, ...]
    tones_reason: str | None
    """Why tones were not compared; null where they were."""
    reference: ComparedSet | None
    plain: PlainImages
    not_measured: tuple[str, ...]
    """What a reader might expect here and nobody measured."""


class WatermarkDetection(FileModel):
    """A known mark looked for in the pixels."""

    mark: str
    num_bits: Count
    min_matching: Count
    """Matching bits from which an image counts as marked."""
    false_share: Fraction
    """Share of unmarked images that reach it by chance, if each bit matches with probability 1/2."""
    num_tested: Count
    num_too_small: Count
    """Images too small to hold the mark, and unreadable ones."""
    num_marked: Count


class WatermarkSection(FileModel):
    """Whether the generator marks its images."""

    recorded: Literal["marks", "does not mark", "unknown"]
    """By the release's own record of the generator."""
    recorded_detail: str
    detections: tuple[WatermarkDetection, ...]
    detection_reason: str | None
    """Why no mark was looked for; null where one was."""


MAX_LISTED = 100
"""Ids a section lists at most; counts are of all images."""
