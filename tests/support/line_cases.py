"""Measured lines for a release of a few images."""

from __future__ import annotations

from imagenet_g.benchmark.robustness.measured_sets import MeasuredBaseline, MeasuredRecord


def make_line(
    target: str = "v9/sd-l", *, reference: str = "imagenet-val", content: str = "c" * 64, good: int = 0
) -> MeasuredBaseline:
    """Six models on two classes of 20 images on either side; `good` more are right on the split."""
    return MeasuredBaseline(
        id="toy",
        set_sha256="0" * 64,
        target=target,
        content_sha256=content,
        outputs="split-classes",
        reference_set=reference,
        reference_manifest_sha256=None,
        class_indices=(3, 7),
        reference_total=(20, 20),
        shifted_total=(20, 20),
        records=tuple(
            MeasuredRecord(
                model=f"model-{number}",
                family=f"family-{number}",
                weights_sha256=f"{number:064x}",
                reference_right=(6 + 2 * number, 7 + number),
                shifted_right=(4 + number + good, 5 + number),
            )
            for number in range(6)
        ),
    )
