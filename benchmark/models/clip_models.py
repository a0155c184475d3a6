"""Zero-shot CLIP models of the open_clip library.

Named `open_clip:<arch>/<pretrained>`, `open_clip:hf-hub:org/name`, `open_clip:local-dir:PATH` or
`open_clip:packaged:NAME`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import open_clip
import torch
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict
from open_clip.pretrained import get_pretrained_cfg
from open_clip.transform import PreprocessCfg, image_transform_v2

from imagenet_g.benchmark.checkpoints.contents import StateDict, load_checkpoint
from imagenet_g.benchmark.checkpoints.fitting import load_into
from imagenet_g.benchmark.checkpoints.reading import list_weight_files
from imagenet_g.benchmark.checkpoints.tracing import Convert
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.fingerprints.text_side import hash_text_side, list_probe_prompts
from imagenet_g.benchmark.fingerprints.towers import hash_towers
from imagenet_g.benchmark.hub.fetching import describe_hub_file, fetch, find_cached_files, parse_revision
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest
from imagenet_g.benchmark.models.clip_settings import (
    CONFIG_FILE,
    describe_preprocessing,
    is_quick_gelu_shown,
    list_assumptions,
)
from imagenet_g.benchmark.models.heads import LoadedModel, hash_weights, make_classifier
from imagenet_g.benchmark.models.packaged import PREFIX, find_packaged_training_data, place_packaged
from imagenet_g.benchmark.models.zero_shot import ZeroShotClassifier
from imagenet_g.benchmark.naming.offered import list_open_clip_tags
from imagenet_g.benchmark.naming.resolve import resolve_model_spec
from imagenet_g.benchmark.naming.specs import OWN_WEIGHTS, ModelSpec
from imagenet_g.benchmark.texts.heads import build_head
from imagenet_g.benchmark.texts.kept_heads import make_head_key, recall_head
from imagenet_g.benchmark.texts.prompts import PromptSet, load_prompts

WEIGHT_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
LOCAL_FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.pth",
    "model.pth",
)
TOWER_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "spiece.model")
_INSTEAD = (
    "give your own copy of the weights with --checkpoint FILE; or name a folder with open_clip_config.json "
    "and open_clip_model.safetensors as 'open_clip:local-dir:PATH'"
)


def load_model(request: ModelRequest) -> Classifier:
    """Load a CLIP model as a zero-shot classifier.

    Raises:
        ImagenetGError: As `classifiers.load_classifier`.
    """
    if request.class_map is not None:
        raise InputError(
            f"'{request.requested}' is zero-shot: its classes are the 1000 already, without --class-map."
        )
    prompts = load_prompts(request.templates, request.class_names)
    own_weights = request.checkpoint is not None
    spec = resolve_model_spec(request.spec, own_weights=own_weights).spec
    model, tokenizer, files, notes, assumptions = load_parts(request, spec)
    preprocess = PreprocessCfg(**model.visual.preprocess_cfg)
    transform = image_transform_v2(preprocess, is_train=False)
    weights_sha256 = hash_weights(request, model, f"{spec}{OWN_WEIGHTS if own_weights else ''}", files)
    head = make_text_head(model.float(), tokenizer, prompts, request, weights_sha256=weights_sha256)
    module = ZeroShotClassifier(model.cpu(), head)
    return make_classifier(
        request,
        LoadedModel(
            spec=f"{spec}{OWN_WEIGHTS if own_weights else ''}",
            module=module,
            encoder=module.encode,
            weights_sha256=weights_sha256,
            preprocessing=describe_preprocessing(preprocess, transform),
            transform=transform,
            # open_clip resizes to the input size itself, so a square image loses nothing.
            precropped_transform=transform,
            files=files,
            revision=parse_revision(files[0]) if files else None,
            zero_shot=prompts.describe(),
            training_data=None if own_weights else find_packaged_training_data(spec),
            notes=notes,
            assumptions=assumptions,
            towers=hash_towers(model.state_dict()),
        ),
    )


def make_text_head(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    prompts: PromptSet,
    request: ModelRequest,
    *,
    weights_sha256: str,
) -> torch.Tensor:
    """The `(D, 1000)` head of a CLIP in float32; kept ones are taken.

    Args:
        model: With `encode_text(tokens, normalize)`, on the CPU, in float32 and in evaluation mode.
        tokenizer: From a list of texts to a tensor whose first axis is the texts'.
        prompts: The texts.
        request: Where prompts are encoded, and where heads are kept.
        weights_sha256: Of the whole model.
    """
    probe = list_probe_prompts(prompts.templates, prompts.class_names)
    return recall_head(
        lambda pieces: build_head(
            model,
            tokenizer,
            prompts.templates,
            prompts.class_names,
            device=request.text_device,
            pieces=pieces,
            on_progress=request.on_prompts,
        ),
        folder=request.head_cache,
        # Weights alone do not decide a head: the tokenizer, the text encoder's settings and its code do too.
        key=make_head_key(
            weights_sha256=weights_sha256,
            text_sha256=hash_text_side(model, tokenizer, tokenizer(probe)),
            zero_shot=prompts.describe(),
            device=request.text_device,
        ),
    )


class ClipParts(NamedTuple):
    """A CLIP of open_clip, in evaluation mode.

    Attributes:
        model: open_clip's model.
        tokenizer: Its tokenizer, from a list of texts to token ids.
        files: The files its weights came from.
        notes: What there is to say about reading them.
        assumptions: What they do not say, and what is assumed in its place.
    """

    model: Any
    tokenizer: Any
    files: tuple[Path, ...]
    notes: tuple[str, ...]
    assumptions: tuple[str, ...]


def load_parts(request: ModelRequest, spec: ModelSpec) -> ClipParts:
    """The model and its tokenizer, and what there is to say about them.

    Raises:
        ImagenetGError: As `classifiers.load_classifier`.
    """
    own = request.checkpoint
    spec = place_packaged(spec)
    if spec.name.startswith("local-dir:"):
        own = own or _find_local_weights(Path(spec.name.removeprefix("local-dir:")))
    if spec.name.startswith("hf-hub:") and own is not None:
        raise InputError(
            f"'{request.requested}' brings its own weights. With --checkpoint name the architecture, such as "
            "open_clip:ViT-B-32, or a folder: open_clip:local-dir:PATH."
        )
    repository, names = find_repository(spec, own=own)
    remote = describe_hub_file(repository, names, instead=_INSTEAD) if repository else None
    weights = None if own is None else load_checkpoint(own, request.checkpoint_key)
    shown = weights is not None and is_quick_gelu_shown(spec, weights.state)
    with fetch(remote):
        model = make_model(spec, load_weights=own is None, quick_gelu=shown)
        tokenizer = open_clip.get_tokenizer(spec.name)
    assumptions = () if request.spec.name.startswith(PREFIX) else list_assumptions(spec, model, own, shown)
    if own is None or weights is None:
        files = (*find_cached_files(repository, names)[:1], *find_tower_files(spec))
        return ClipParts(model, tokenizer, files, (), assumptions)
    notes = load_into(model, weights, convert=_make_converter(model))
    folder = spec.name.removeprefix("local-dir:")
    others = find_tower_files(spec) if folder == spec.name else (Path(folder) / CONFIG_FILE,)
    return ClipParts(model, tokenizer, (*list_weight_files(own), *others), notes, assumptions)


def _find_local_weights(folder: Path) -> Path:
    if not (folder / CONFIG_FILE).is_file():
        raise DataError(
            f"There is no '{folder / CONFIG_FILE}': not a folder that open_clip saved a model to."
        )
    path = next((folder / name for name in LOCAL_FILES if (folder / name).is_file()), None)
    if path is None:
        raise DataError(f"'{folder}' holds no weights: one of {', '.join(LOCAL_FILES)} is needed.")
    return path


def find_repository(spec: ModelSpec, *, own: Path | None) -> tuple[str, tuple[str, ...]]:
    """Hub repository and files that building the model needs; an empty name when it needs none."""
    if spec.name.startswith("hf-hub:"):
        return spec.name.removeprefix("hf-hub:"), WEIGHT_FILES
    if own is None:
        location = get_pretrained_cfg(spec.name, spec.weights)["hf_hub"]
        repository, _, filename = location.rpartition("/")
        # open_clip looks for safetensors first, under the same name.
        safe = f"{filename.rpartition('.')[0]}.safetensors"
        return repository, (safe, filename) if filename else WEIGHT_FILES
    text = _read_text_config(spec)
    tower = text.get("hf_model_name") or text.get("hf_tokenizer_name") or ""
    return tower, ("config.json" if text.get("hf_model_name") else "tokenizer_config.json",)


def find_tower_files(spec: ModelSpec) -> tuple[Path, ...]:
    """Cached files of other repositories on the Hub that the text side of a listed model is built from."""
    # A folder or a repository brings its own tokenizer.
    text = {} if ":" in spec.name else _read_text_config(spec)
    repositories = {name for key in ("hf_model_name", "hf_tokenizer_name") if (name := text.get(key))}
    return tuple(path for name in sorted(repositories) for path in find_cached_files(name, TOWER_FILES))


def _read_text_config(spec: ModelSpec) -> dict[str, Any]:
    try:
        config: dict[str, Any] = open_clip.get_model_config(spec.name)["text_cfg"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DataError(f"'{spec}' has no valid {CONFIG_FILE}: {error}") from error
    # A saved folder brings its tokenizer along.
    return {**config, "hf_tokenizer_name": ""} if spec.name.startswith("local-dir:") else config


def make_model(spec: ModelSpec, *, load_weights: bool, quick_gelu: bool = False) -> open_clip.CLIP:
    """The model of a spec in evaluation mode.

    Args:
        spec: A model of open_clip's own list, or a local folder.
        load_weights: Whether to load its weights. Without them they are random; the preprocessing is still
            that of the weights that were named.
        quick_gelu: Whether the files show that they were made with QuickGELU; named weights decide it, too.
    """
    tags = list_open_clip_tags().get(spec.name, ())
    tag = spec.weights or (tags[0] if tags else None)
    # open_clip itself only warns that the architecture has another activation than the named weights.
    named = bool(spec.weights and get_pretrained_cfg(spec.name, spec.weights).get("quick_gelu", False))
    return open_clip.create_model(
        spec.name,
        force_quick_gelu=quick_gelu or named,
        pretrained=spec.weights if load_weights else None,
        load_weights=load_weights,
        require_pretrained=load_weights,
        pretrained_text=False,
        force_preprocess_cfg=dict(get_pretrained_cfg(spec.name, tag)) if tag else None,
    ).eval()


def _make_converter(model: torch.nn.Module) -> Convert:
    """What `open_clip.factory.load_checkpoint` does to older or foreign names before it loads."""

    def convert(state: StateDict) -> StateDict:
        state = convert_state_dict(model, state)
        if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
            state = convert_to_custom_text_state_dict(state)
        # Scalars in some versions of the library, vectors of length 1 in others.
        for name in ("logit_scale", "logit_bias"):
            own = getattr(model, name, None)
            if name in state and own is not None and own.ndim != state[name].ndim:
                state = {**state, name: state[name].reshape(own.shape)}
        return state

    return convert
