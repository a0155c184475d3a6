"""The files of a checkpoint: in a folder, or fetched from the Hub at one commit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from imagenet_g.benchmark.checkpoints.reading import load_content
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.hub.fetching import describe_hub_file, fetch, parse_revision

CONFIG = "config.json"
PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
TOKENIZER_FILES = (
    "tokenizer_config.json",
    "tokenizer.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "spiece.model",
    "tokenizer.model",
)
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""In the order in which they are looked for: safetensors hold no code."""
_INSTEAD = (
    "copy the repository to a folder, with config.json and model.safetensors, and name it as "
    "'transformers:local-dir:PATH'"
)


@dataclass(frozen=True)
class CheckpointFiles:
    """A checkpoint on this machine.

    Attributes:
        folder: Holds all files.
        files: Those that decide the model: weights, configuration, image processor, tokenizer.
        revision: Commit of the Hub that they came from; None for a folder of the user's own.
    """

    folder: Path
    files: tuple[Path, ...]
    revision: str | None

    @cached_property
    def config(self) -> dict[str, object]:
        """What `config.json` holds."""
        return _read_json(self.folder / CONFIG)


def find_checkpoint(name: str) -> CheckpointFiles:
    """The files behind a name, fetched where they are not here.

    Args:
        name: "local-dir:PATH", "hf-hub:org/name" or "hf-hub:org/name@revision".

    Raises:
        DataError: A file is missing or malformed.
        FetchError: The Hub cannot be reached, and nothing is cached.
        UntrustedFileError: The weights are a pickle that holds more than weights.
    """
    source, _, location = name.partition(":")
    found = _find_folder(location) if source == "local-dir" else _fetch_repository(location)
    weights = next((path for path in found.files if path.name in WEIGHT_FILES), None)
    if weights is None:
        kinds = ", ".join(WEIGHT_FILES)
        raise DataError(f"'{location}' holds no weights for torch: one of {kinds} is needed.")
    for path in found.files:
        if path.suffix == ".bin":
            # Read here first: its refusal names what the pickle would import.
            load_content(path)
    return found


def _find_folder(location: str) -> CheckpointFiles:
    folder = Path(location).expanduser()
    if not (folder / CONFIG).is_file():
        raise DataError(f"There is no '{folder / CONFIG}': not a folder that transformers saved a model to.")
    # The first alone: the library reads one, and the hash must be of what it reads.
    weights = [name for name in WEIGHT_FILES if (folder / name).is_file()][:1]
    shards = [shard for name in weights for shard in _list_shards(folder / name)]
    names = (*weights, *shards, CONFIG, *PROCESSOR_FILES, *TOKENIZER_FILES)
    return CheckpointFiles(folder, tuple(p for name in names if (p := folder / name).is_file()), None)


def _fetch_repository(location: str) -> CheckpointFiles:
    repository, _, revision = location.partition("@")
    remote = describe_hub_file(repository, (CONFIG,), revision=revision or None, instead=_INSTEAD)
    with fetch(remote):
        config = _fetch_file(repository, CONFIG, revision or None, needed=True)
        assert config is not None
        # One commit for all: the branch may move between two files.
        commit = parse_revision(config)
        others = [_fetch_file(repository, name, commit) for name in (*PROCESSOR_FILES, *TOKENIZER_FILES)]
        weights = _fetch_weights(repository, commit)
    # Weights first: what is said about reading them names the first file.
    files = (*weights, config, *(path for path in others if path is not None))
    return CheckpointFiles(config.parent, files, commit)


def _fetch_weights(repository: str, commit: str | None) -> list[Path]:
    for name in WEIGHT_FILES:
        path = _fetch_file(repository, name, commit)
        if path is not None:
            shards = (_fetch_file(repository, shard, commit, needed=True) for shard in _list_shards(path))
            return [path, *(shard for shard in shards if shard is not None)]
    return []


def _fetch_file(repository: str, name: str, revision: str | None, *, needed: bool = False) -> Path | None:
    """A file of a repository in the Hub's cache; None where the repository has not got it."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        return Path(hf_hub_download(repository, name, revision=revision))
    except EntryNotFoundError:
        if needed:
            raise
        return None


def _list_shards(index: Path) -> list[str]:
    """Names of the files that an index of weights lists; none for a file of weights itself."""
    if index.suffix != ".json":
        return []
    places = _read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise DataError(f"'{index}' has no 'weight_map' that names the files of the weights.")
    shards = sorted({str(place) for place in places.values()})
    # Names come from a stranger's index and are joined to a folder.
    outside = next((shard for shard in shards if Path(shard).name != shard), None)
    if outside is not None:
        raise DataError(f"'{index}' names '{outside}', which is outside its folder.")
    return shards


def _read_json(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"'{path}' is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"'{path}' must be a JSON object.")
    return content
