"""What the images of a split vary by, as far as it is measured, and a list of what is not."""

from __future__ import annotations

from imagenet_g.benchmark.critiques.image_checks import VariationSection
from imagenet_g.generation.image_checks.factors import FACTORS, measure_factor
from imagenet_g.generation.image_checks.images import CheckedImages
from imagenet_g.generation.image_checks.tones import compare_tones, count_plain

NOT_MEASURED = (
    "Who is shown: how often people appear, and their age, sex, skin colour or dress. No detector of people "
    "is run, and the known ones err more often for some groups than for others.",
    "Where it is set: countries, homes, streets or landscapes.",
    "Stereotypes: whether a class is shown with one kind of person, place or activity.",
    "Which breeds, models or makes of a class are shown, and which are left out.",
    "Whether words, brands or the style of a living artist appear.",
    "Whether the prompts themselves, or the images a generator learnt from, lean one way.",
)
"""Said so that nobody reads a short list of measures as a statement on all of these."""


def measure_variation(images: CheckedImages, reference: CheckedImages | None) -> VariationSection:
    """Shares of variation by template, seed and source, tones against the reference, and plain images.

    Args:
        images: The split's.
        reference: The real images; None without.
    """
    has_vectors = images.vectors is not None
    tones = () if reference is None else compare_tones(images, reference)
    no_reference = "there is no reference" if reference is None else "the two sets share no class"
    return VariationSection(
        features=images.features if has_vectors else None,
        shares=tuple(measure_factor(images, factor) for factor in FACTORS) if has_vectors else (),
        shares_reason=None if has_vectors else "there are no embeddings of the images",
        tones=tones,
        tones_reason=None if tones else no_reference,
        reference=None if reference is None else reference.describe(),
        plain=count_plain(images),
        not_measured=NOT_MEASURED,
    )
