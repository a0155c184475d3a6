"""Locations of a pipeline and its parts: a folder, a shipped model, or a commit on the Hub.

A recipe names them without the paths of a machine; `restore_stage` puts those of this machine in again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import InputError, UntrustedFileError
from imagenet_g.benchmark.hub.fetching import RemoteFile, describe_hub_file, fetch
from imagenet_g.benchmark.hub.quiet import ignore_library_warnings
from imagenet_g.benchmark.identity import hash_file, hash_json
from imagenet_g.benchmark.models.packaged import PREFIX, find_packaged_model
from imagenet_g.generation.specs.pipeline_classes import OWN_PIPELINES, find_pipeline_class
from imagenet_g.generation.specs.stages import (
    LOCAL_REVISION,
    LoraSpec,
    PipelinePartSpec,
    Repository,
    StageSpec,
)

if TYPE_CHECKING:
    from pydantic import JsonValue

# Only files that decide the pixels; cards and images beside the weights may change.
_HASHED_SUFFIXES = (
    ".safetensors", ".bin", ".json", ".model", ".txt",
    # Vocabularies and chat templates of other tokenizers.
    ".bpe", ".jinja", ".spm", ".tiktoken", ".vocab",
)  # fmt: skip
_WEIGHT_SUFFIXES = (".safetensors", ".bin")
LOCAL_PREFIX = "local/"
"""Prefix of the name of a local folder in a release."""


def fetch_repo(spec: Repository) -> Path:
    """The folder with the files: the repository itself if it is a folder, else a copy of the pinned commit.

    Raises:
        InputError: A local revision whose folder does not exist.
        FetchError: The files are not in the Hub's cache and cannot be fetched.
        UntrustedFileError: The repository contains code.
    """
    folder = place_repo(spec)
    if not folder.is_dir():
        if spec.revision == LOCAL_REVISION:
            raise InputError(f"There is no folder '{spec.repo}'; give the pipeline's path with --pipeline.")
        folder = _download(spec)
    # diffusers would run such code on request; a spec from elsewhere must not be able to run anything.
    if code := sorted(path.name for path in folder.rglob("*.py")):
        raise UntrustedFileError(
            f"'{spec.repo}' contains code ({code[0]}), which is never run. Use a repository without code."
        )
    return folder


def place_repo(spec: Repository) -> Path:
    """The path of the files if the repository is a folder.

    Raises:
        UnknownNameError: The spec names a shipped model that does not exist.
    """
    return place_folder(spec.repo, subfolder=spec.subfolder if isinstance(spec, PipelinePartSpec) else None)


def place_folder(repo: str, *, subfolder: str | None) -> Path:
    """The path of a repository by name: as typed, or the folder of a shipped model.

    Args:
        repo: Its name in a spec.
        subfolder: Folder of a part; empty for a repository that is the part, None for a whole pipeline.

    Raises:
        UnknownNameError: The spec names a shipped model that does not exist.
    """
    folder = Path(repo)
    if repo.startswith(PREFIX):
        library = "diffusers-part" if subfolder == "" else "diffusers"
        folder = find_packaged_model(repo.removeprefix(PREFIX), library)
    return folder / (subfolder or "")


def is_available(spec: Repository) -> bool:
    """Whether the weights are on this machine: a folder, or in the Hub's cache."""
    from huggingface_hub import try_to_load_from_cache

    if place_repo(spec).is_dir():
        return True
    if not spec.is_pinned or spec.revision == LOCAL_REVISION:
        return False
    # Only the cache is searched: a dry run must not fetch gigabytes for an estimate.
    found = try_to_load_from_cache(spec.repo, _name_sign(spec), revision=spec.revision)
    return isinstance(found, str)


def hash_repo(folder: Path) -> dict[str, str]:
    """sha256 of every weight, configuration and vocabulary file of a folder, by relative path."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix in _HASHED_SUFFIXES)
    # In the order of names, because the order of a folder's files differs between file systems.
    named = sorted((path.relative_to(folder).as_posix(), path) for path in paths)
    return {name: hash_file(path) for name, path in named if not name.startswith(".")}


def identify_repo(spec: Repository) -> dict[str, JsonValue]:
    """Repository and revision as in a recipe: a folder's revision is the hash of its contents."""
    folder = place_repo(spec)
    if not folder.is_dir():
        return {"repo": spec.repo, "revision": spec.revision}
    return {"repo": name_repo(spec), "revision": identify_folder(folder)}


def identify_folder(folder: Path) -> str:
    """The revision of a folder: the hash of its contents."""
    contents: JsonValue = dict(hash_repo(folder))
    return f"sha256:{hash_json(contents)}"


def name_repo(spec: Repository) -> str:
    """The repository's name in a release: for a local folder, the last part of its path."""
    if spec.repo.startswith(PREFIX):
        return spec.repo
    # The rest of the path may name a user or a project, and a release is public.
    return f"{LOCAL_PREFIX}{Path(spec.repo).resolve().name}" if Path(spec.repo).is_dir() else spec.repo


def restore_stage(recorded: dict[str, JsonValue], places: Sequence[Path]) -> dict[str, JsonValue]:
    """The table of a stage, with the paths of its repository and its parts.

    Args:
        recorded: As a recipe has it.
        places: Folders here, found by their names.

    Raises:
        InputError: A local folder is not among the places, or holds other files than the recorded ones.
        UnknownNameError: The recipe names a shipped model that does not exist.
    """
    restored = _restore_repo(recorded, places, subfolder=None)
    if isinstance(parts := recorded.get("parts"), dict):
        restored["parts"] = {
            name: _restore_repo(part, places, subfolder=str(part.get("subfolder") or ""))
            for name, part in parts.items()
            if isinstance(part, dict)
        }
    if isinstance(loras := recorded.get("loras"), list):
        restored["loras"] = [
            _restore_repo(one, places, subfolder=None) for one in loras if isinstance(one, dict)
        ]
    return restored


def find_place(name: str, places: Sequence[Path]) -> Path:
    """The folder or file of a name.

    Raises:
        InputError: It is not among the places.
    """
    place = next((path for path in places if path.resolve().name == name), None)
    if place is None:
        raise InputError(f"This split was made with '{name}'. Give its place: --pipeline PATH/{name}.")
    return place


def _name_sign(spec: Repository) -> str:
    """The file whose presence shows that a repository on the Hub holds the pipeline or part."""
    if isinstance(spec, LoraSpec):
        return spec.file
    if isinstance(spec, PipelinePartSpec):
        return f"{spec.subfolder}/config.json".lstrip("/")
    return "model_index.json"


def _describe_sign(spec: Repository) -> RemoteFile:
    instead = "give a folder in the diffusers format with --pipeline"
    return describe_hub_file(spec.repo, [_name_sign(spec)], revision=spec.revision, instead=instead)


def _download(spec: Repository) -> Path:
    match spec:
        case PipelinePartSpec():
            return _download_part(spec)
        case LoraSpec():
            return _download_lora(spec)
        case _:
            return _download_pipeline(spec)


def _download_lora(lora: LoraSpec) -> Path:
    from huggingface_hub import snapshot_download

    with fetch(_describe_sign(lora)):
        # The one file: such repositories hold gigabytes of other formats.
        return Path(snapshot_download(lora.repo, revision=lora.revision, allow_patterns=[lora.file]))


def _download_pipeline(stage: StageSpec) -> Path:
    from diffusers import DiffusionPipeline

    # For any other class the repository's own decides what is needed, and ours is none of diffusers'.
    own = find_pipeline_class(stage.pipeline) if stage.pipeline in OWN_PIPELINES else DiffusionPipeline
    with fetch(_describe_sign(stage)), ignore_library_warnings():
        return Path(own.download(stage.repo, revision=stage.revision, variant=stage.variant))


def _download_part(part: PipelinePartSpec) -> Path:
    from huggingface_hub import snapshot_download

    inside = f"{part.subfolder}/" if part.subfolder else ""
    variant = "" if part.variant is None else f".{part.variant}"
    # One variant of one part: the repository may hold several, of gigabytes each.
    patterns = [f"{inside}*.json", *(f"{inside}*{variant}{suffix}" for suffix in _WEIGHT_SUFFIXES)]
    with fetch(_describe_sign(part)):
        folder = snapshot_download(part.repo, revision=part.revision, allow_patterns=patterns)
    return Path(folder) / part.subfolder


def _restore_repo(
    table: dict[str, JsonValue], places: Sequence[Path], *, subfolder: str | None
) -> dict[str, JsonValue]:
    repo, revision = str(table.get("repo")), str(table.get("revision"))
    if repo.startswith(PREFIX):
        place = repo
    elif repo.startswith(LOCAL_PREFIX):
        place = str(find_place(repo.removeprefix(LOCAL_PREFIX), places))
    else:
        return dict(table)
    if identify_folder(place_folder(place, subfolder=subfolder)) != revision:
        raise InputError(f"'{place}' holds other files than the pipeline that made this split.")
    return {**table, "repo": place, "revision": LOCAL_REVISION}
