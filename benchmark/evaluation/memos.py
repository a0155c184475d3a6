"""What a request for a model resolved to, kept so that the next run with it need not load the model.

Only models that a public name or a file stands for are remembered. Code of the user's own and local folders
are loaded each time: what they do depends on more than the files that are known.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from imagenet_g.benchmark.environment import list_versions
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.file_stamps import FileStamp, make_stamp
from imagenet_g.benchmark.fingerprints.code import list_code_files, print_parts
from imagenet_g.benchmark.fingerprints.library_code import hash_library
from imagenet_g.benchmark.identity import hash_file, hash_json
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest
from imagenet_g.benchmark.naming.libraries import find_library, list_packages
from imagenet_g.benchmark.records import FileModel, ModelRecord, Sha256

if TYPE_CHECKING:
    from imagenet_g.benchmark.features.model_features import ModelFeatures

_LOCAL, _PACKAGED = "local-dir:", "packaged:"


class ModelMemo(FileModel):
    """What a request for a model resolved to."""

    schema_version: Literal[3] = 3
    record: ModelRecord
    architecture_sha256: Sha256
    code_sha256: Sha256
    """Hash of the code that no recorded version stands for: a user's files, another package's."""
    behaviour_sha256: Sha256
    """Hash of the outputs on fixed inputs, see `fingerprints.behaviour`."""
    tower_sha256: Sha256 | None = None
    """Of a CLIP: the same three of its image side alone, whatever the texts; null for any other model."""
    choice: str
    """How a short name was resolved; empty when nothing was left open."""
    device: str
    """The kind that the model will run on: "cpu", "cuda" or "mps"."""
    dtype: str
    files: tuple[FileStamp, ...]

    def hash_module(self) -> str:
        """Identity of what the module computes, whatever images it is given."""
        told = self.record.model_dump(include={"weights_sha256", "class_map", "zero_shot"})
        return hash_json([told, self.architecture_sha256, self.code_sha256, self.behaviour_sha256])


def make_memo(
    classifier: Classifier, request: ModelRequest, *, choice: str, device: str, dtype: str
) -> ModelMemo:
    """All that decides the answers of a loaded model.

    Args:
        classifier: On the CPU and in float32, as it was loaded; it is run on two images.
        request: The request it answers.
        choice: How a short name was resolved.
        device: The kind that the model will run on.
        dtype: In which the model will run.

    Raises:
        Exception: Whatever the model's own code raises.
    """
    from imagenet_g.benchmark.fingerprints.architecture import hash_architecture
    from imagenet_g.benchmark.fingerprints.behaviour import hash_behaviour

    transforms = (classifier.transform, classifier.precropped_transform)
    architecture, files = hash_architecture(classifier.module), list_own_files(classifier, request)
    # Printed as well: a setting of a step may show only on pictures unlike the fixed one.
    code = [hash_library(request.spec.scheme), *print_parts(transforms), *sorted(map(hash_file, files))]
    behaviour = hash_behaviour(classifier.module, transforms)
    fingerprint = None if is_remembered(request) else hash_json([architecture, code, behaviour])
    return ModelMemo(
        record=classifier.record.model_copy(update={"behaviour_sha256": fingerprint}),
        architecture_sha256=architecture,
        code_sha256=hash_json(code),
        behaviour_sha256=behaviour,
        tower_sha256=_hash_tower(classifier, code),
        choice=choice,
        device=device,
        dtype=dtype,
        files=tuple(make_stamp(path) for path in list_watched_files(classifier.files, files, request)),
    )


def _hash_tower(classifier: Classifier, code: list[str | None]) -> str | None:
    """Hash of the image side of a CLIP; None for a model without one."""
    from imagenet_g.benchmark.fingerprints.architecture import hash_architecture
    from imagenet_g.benchmark.fingerprints.behaviour import hash_behaviour
    from imagenet_g.benchmark.models.zero_shot import split_head

    sides = split_head(classifier.module)
    if sides is None:
        return None
    transforms = (classifier.transform, classifier.precropped_transform)
    return hash_json([hash_architecture(sides[0]), code, hash_behaviour(sides[0], transforms)])


def require_features(memo: ModelMemo, cache: Path, requested: str) -> ModelFeatures:
    """Where features of a model are kept; loads no model.

    Args:
        memo: The model.
        cache: The cache's folder.
        requested: The model as it was asked for.

    Raises:
        ModelError: It has no features.
    """
    if memo.tower_sha256 is None:
        raise ModelError(
            f"'{requested}' has no image features to keep: --keep-features is for CLIPs, whose logits are "
            "those of features and texts. Leave it out for this model."
        )
    # Imports torch, which a model without features does not need.
    from imagenet_g.benchmark.evaluation.cache import name_precision
    from imagenet_g.benchmark.features.model_features import ModelFeatures

    return ModelFeatures(
        cache=cache,
        record=memo.record,
        tower_sha256=memo.tower_sha256,
        dtype=memo.dtype,
        precision=name_precision(memo.dtype),
    )


def list_own_files(classifier: Classifier, request: ModelRequest) -> list[Path]:
    """Source files behind a model that are of no library whose version is recorded."""
    kinds = {type(part) for part in classifier.module.modules()}
    # A factory may take what it needs from files that none of the classes stands in.
    factories = () if find_library(request.spec.scheme).runs_again else (request.spec.name.partition(":")[0],)
    return list_code_files([*kinds, classifier.transform, classifier.precropped_transform], factories)


def is_remembered(request: ModelRequest) -> bool:
    """Whether name and files stand for the model, so that a later run need not load it."""
    return find_library(request.spec.scheme).runs_again and not request.spec.name.startswith(_LOCAL)


def hash_model_request(request: ModelRequest, *, device: str, dtype: str) -> str | None:
    """Identity of a request for the memo; None where nothing on disk stands for the model."""
    if not is_remembered(request):
        return None
    # Files given beside the request: with other contents they make another model of the same name.
    stamps = [_stamp_or_none(path) for path in (request.checkpoint, request.class_map)]
    return hash_json(
        {
            # Raised when a memo holds more than before.
            "memo": 2,
            "requested": request.requested,
            "files": [stamp and stamp.model_dump() for stamp in stamps],
            "checkpoint_key": request.checkpoint_key,
            "templates": request.templates,
            "texts": [_hash_or_none(path) for path in (Path(request.templates), request.class_names)],
            "device": device,
            "dtype": dtype,
            "versions": list_versions(list_packages(request.spec.scheme)),
            "library": hash_library(request.spec.scheme),
        }
    )


def list_watched_files(weights: Sequence[Path], code: Sequence[Path], request: ModelRequest) -> list[Path]:
    """Files of weights and code, and for those in the Hub's cache the branch that names the newest commit."""
    if not weights:
        return []
    beside = weights[0].parent.iterdir() if request.spec.name.startswith(_PACKAGED) else ()
    watched = list(dict.fromkeys([*weights, *code, *sorted(path for path in beside if path.is_file())]))
    for path in weights:
        parts = path.parts
        # A newer commit leaves the old files as they are and moves the branch, so the branch is watched too.
        if "snapshots" in parts:
            branch = Path(*parts[: parts.index("snapshots")]) / "refs" / "main"
            if branch.exists():
                watched.append(branch)
    return watched


def _stamp_or_none(path: Path | None) -> FileStamp | None:
    return make_stamp(path) if path is not None and path.exists() else None


def _hash_or_none(path: Path | None) -> str | None:
    # Texts are short: their content is surer than a stamp. A set that ships is no file.
    return hash_file(path) if path is not None and os.path.isfile(path) else None  # noqa: PTH113
