"""What a run records about itself, and what its reader must know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagenet_g.benchmark.devices import format_device_name
from imagenet_g.benchmark.environment import list_versions
from imagenet_g.benchmark.formats.runs import RunRecord
from imagenet_g.benchmark.naming.libraries import list_packages

if TYPE_CHECKING:
    from imagenet_g.benchmark.inference.running_model import InferenceOutcome


def make_run_record(outcome: InferenceOutcome, *, backend: str, scheme: str, started_utc: str) -> RunRecord:
    """Where and how predictions were computed.

    Args:
        outcome: What the run returned.
        backend: As in the key of the predictions.
        scheme: Library of the model; the versions of its packages are recorded.
        started_utc: When the run started.
    """
    used = outcome.settings
    return RunRecord(
        device=used.device,
        device_name=format_device_name(used.device),
        dtype=used.dtype,
        backend=backend,
        batch_size=used.batch_size,
        seconds=round(outcome.seconds, 3),
        # Only rows of this run: resumed ones took no time.
        images_per_second=round(outcome.num_computed / outcome.seconds, 3),
        started_utc=started_utc,
        versions=list_versions(list_packages(scheme)),
        logits_dtype=outcome.logits_dtype,
        batch_check=outcome.batch_check,
        precision=outcome.report.precision,
        backend_check=outcome.report.check,
        shared_with=outcome.shared_with or None,
    )


def format_run_notice(requested: str, run: RunRecord) -> str | None:
    """What a reader must know of a run: that its logits are not float32; None where they are."""
    if run.logits_dtype in (None, "float32"):
        return None
    return (
        f"'{requested}' computes its logits in {run.logits_dtype}: its last layer was not found, or it "
        "rounds them itself. Logits of few bits are tied, and the order of the classes decides; use "
        "--dtype float32."
    )
