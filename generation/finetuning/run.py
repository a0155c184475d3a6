"""A fine-tuning from its recipe to a network that a version spec takes as a part.

<out>/checkpoint.pt, log.jsonl   as the training loop keeps them; an interrupted run resumes
<out>/unet/                      the network, and training.json, written last
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.environment import list_versions
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.hub.quiet import ignore_library_warnings
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.storage import translate_storage_errors, validate_writable
from imagenet_g.benchmark.training.loop import Trained, run_training
from imagenet_g.benchmark.training.records import (
    TrainingRecord,
    TrainingStageRecord,
    identify_data,
    write_record,
)
from imagenet_g.generation.finetuning.pictures import PictureStream
from imagenet_g.generation.finetuning.specs import FinetuneSpec
from imagenet_g.generation.finetuning.task import FinetuneTask, Pipeline
from imagenet_g.generation.generators.parts import read_pretrained
from imagenet_g.generation.generators.runtime import PACKAGES, set_determinism
from imagenet_g.generation.specs.pipeline_classes import find_pipeline_class
from imagenet_g.generation.specs.repos import fetch_repo, identify_repo
from imagenet_g.generation.specs.stages import needs_pin

if TYPE_CHECKING:
    from pydantic import JsonValue

NETWORK = "unet"
_NO_INPUTS = {"schedule", "title", "license", "data", "base", "gradient_checkpointing"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneRequest:
    """What to train, and where.

    Attributes:
        spec: The recipe.
        out: Its folder; an interrupted run resumes there.
        device: "cpu", "cuda" or "cuda:N".
        data: Local copies of splits by name.
        cache: Where file hashes are remembered.
        say: Receives progress messages.
    """

    spec: FinetuneSpec
    out: Path
    device: str
    data: Mapping[str, Path]
    cache: Path | None
    say: Callable[[str], None]


def run_finetuning(request: FinetuneRequest) -> Path:
    """Train, and write the network.

    Returns:
        Folder of the network.

    Raises:
        InputError: The pipeline is not pinned or cannot be fine-tuned.
        ImagenetGError: As loading a split or a pipeline and as training does.
    """
    from imagenet_g.benchmark.catalogue.catalogue import load_split
    from imagenet_g.benchmark.splits.references import parse_split_ref

    spec = request.spec
    # The weights are where the training starts: a branch may mean other ones tomorrow.
    if needs_pin(spec.base):
        raise InputError(
            f"'{spec.base.repo}' is at '{spec.base.revision}', which is no commit: other weights may stand "
            f"there tomorrow. Name one, --base {spec.base.repo}@COMMIT, or a folder."
        )
    validate_writable(request.out)
    split = load_split(parse_split_ref(spec.data), data=request.data, cache=request.cache)
    stream = PictureStream(split, spec)
    pipe = load_base(spec)
    # After loading: libraries draw numbers on their way.
    set_determinism(request.device, cpu_threads=1)
    task = FinetuneTask(spec, pipe, stream, device=request.device)
    record = split.record.model_dump(mode="json", exclude={"origin"})
    inputs: dict[str, JsonValue] = {
        "recipe": spec.model_dump(mode="json", exclude=_NO_INPUTS),
        "base": identify_repo(spec.base),
        "data": identify_data(record),
    }
    trained = run_training(task, spec.schedule, request.out, seed=spec.seed, inputs=inputs, say=request.say)
    return _write(request, pipe, trained, record)


def load_base(spec: FinetuneSpec) -> Pipeline:
    """The pipeline that is trained further, in float32 on the CPU, without its safety checker."""
    folder = fetch_repo(spec.base)
    pipeline_class = find_pipeline_class(spec.base.pipeline)
    parts = {"safety_checker": None, "requires_safety_checker": False}
    return read_pretrained(
        pipeline_class, folder, spec.base, dtype="float32", name=spec.base.pipeline, **parts
    )


def _write(request: FinetuneRequest, pipe: Pipeline, trained: Trained, data: dict[str, JsonValue]) -> Path:
    spec, folder = request.spec, request.out / NETWORK
    pipe.unet.to("cpu").load_state_dict(trained.weights)
    with ignore_library_warnings(), translate_storage_errors(folder):
        pipe.unet.save_pretrained(folder, safe_serialization=True)
    stage = TrainingStageRecord(
        stage="diffusion",
        steps=trained.steps,
        seconds=round(trained.seconds, 1),
        device=trained.device,
        seed=spec.seed,
        recipe_sha256=hash_json(
            spec.model_dump(mode="json", exclude={"base"}) | {"base": identify_repo(spec.base)}
        ),
        data=data,
        versions=list_versions(PACKAGES),
    )
    write_record(
        folder, TrainingRecord(schema_version=1, name=spec.name, license=spec.license, stages=(stage,))
    )
    return folder
