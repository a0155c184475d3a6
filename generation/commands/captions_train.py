"""`imagenet-g captions train`, `means` and `write`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.text import print_line

if TYPE_CHECKING:
    from imagenet_g.generation.caption_training.run import TrainRequest
    from imagenet_g.generation.captions.specs import CaptionSpec


def run_train(arguments: Namespace) -> int:
    """Train a run, or list the shipped settings."""
    from imagenet_g.generation.captions.specs import list_caption_specs, load_caption_spec

    config = arguments.config or arguments.named_config
    if config is None:
        for name in list_caption_specs():
            print_line(f"{name:<12} {load_caption_spec(name).title}")
        return 0
    if arguments.out is None:
        raise InputError("Give a folder for the run: --out DIR.")
    spec = change_spec(load_caption_spec(config), arguments)
    validate_trl()
    _train(spec, arguments)
    print_line(f"Trained: {arguments.out}")
    print_line(f"Next: imagenet-g captions write {arguments.out} --out {spec.name}-v1.jsonl")
    return 0


def run_means(arguments: Namespace) -> int:
    """Write the class means of settings, for guidance away from them."""
    from imagenet_g.benchmark.models.clip_encoders import load_clip_encoder
    from imagenet_g.generation.caption_training.means import make_means, open_means_split
    from imagenet_g.generation.captions.class_means import write_class_means
    from imagenet_g.generation.captions.specs import load_caption_spec
    from imagenet_g.generation.generators.runtime import set_determinism

    if arguments.out.suffix != ".safetensors" or arguments.out.exists():
        raise InputError(f"'{arguments.out}' must be a new file that ends with .safetensors.")
    spec = change_spec(load_caption_spec(arguments.config), arguments)
    request = _make_request(spec, arguments)
    split = open_means_split(request)
    if split is None:
        raise InputError(f"'{arguments.out}' is the folder of a run, which has its means already.")
    # As in a run: the hash of the means is pinned, and another number of threads gives other last bits.
    set_determinism(request.device, cpu_threads=1)
    means = make_means(request, load_clip_encoder(spec.objective.clip), split)
    write_class_means(arguments.out, means)
    print_line(f"Written: {arguments.out}")
    print_line(f'In a spec: means = "{arguments.out}", sha256 = "{means.record.sha256}"')
    return 0


def run_write(arguments: Namespace) -> int:
    """Write and freeze captions."""
    validate_trl()
    from imagenet_g.benchmark.hub.quiet import quiet_training
    from imagenet_g.generation.caption_training.writing import WriteRequest, write_caption_set
    from imagenet_g.generation.captions.files import write_captions
    from imagenet_g.generation.generators.runtime import choose_generation_device

    request = WriteRequest(
        folder=arguments.run,
        per_class=arguments.per_class,
        name=arguments.name,
        version=arguments.version,
        seed=arguments.seed,
        allow_fewer=arguments.allow_fewer,
        device=choose_generation_device(arguments.device),
        note=_note,
    )
    with quiet_training():
        captions = write_caption_set(request)
    write_captions(arguments.out, captions)
    header = captions.header
    print_line(f"Frozen: {arguments.out}, {header.num_captions} captions of {header.num_classes} classes")
    print_line(f"Next: imagenet-g captions check {arguments.out} --run {arguments.run}")
    return 0


def change_spec(spec: CaptionSpec, arguments: Namespace) -> CaptionSpec:
    """Settings with the changes of the command line.

    Raises:
        InputError: The result breaks the contract.
    """
    from pydantic import ValidationError

    from imagenet_g.generation.captions.specs import CaptionSpec

    changed = spec.model_dump(mode="json")
    places = (
        ("clip", changed["objective"], "clip"),
        ("means", changed["means"], "ref"),
        ("classes", changed, "classes"),
        ("method", changed["rl"], "method"),
        ("seed", changed, "seed"),
    )
    for option, table, key in places:
        if (value := getattr(arguments, option)) is not None:
            table[key] = value
    if arguments.flip_sign:
        changed["objective"]["direction"] = "near"
    if arguments.seeds is not None:
        changed["seeds"] = {"kind": "file", "path": str(arguments.seeds)}
    if arguments.language_model is not None:
        changed["language_model"] = _parse_language_model(arguments.language_model)
    try:
        return CaptionSpec.model_validate(changed)
    except ValidationError as error:
        raise InputError(f"These options do not fit the settings: {error.errors()[0]['msg']}.") from error


def validate_trl() -> None:
    """Check that TRL is installed before anything is loaded.

    Raises:
        InputError: TRL is not installed.
    """
    from importlib.util import find_spec

    # Looked for and not imported: importing TRL takes seconds.
    if find_spec("trl") is None:
        raise InputError("Training captions needs TRL. Run: pip install 'imagenet-g[captions]'")


def _parse_language_model(text: str) -> dict[str, str]:
    if Path(text).expanduser().is_dir():
        return {"kind": "pretrained", "repo": str(Path(text).expanduser()), "revision": "local"}
    repo, _, revision = text.partition("@")
    return {"kind": "pretrained", "repo": repo, "revision": revision or "main"}


def _train(spec: CaptionSpec, arguments: Namespace) -> None:
    from imagenet_g.generation.caption_training.run import run_training

    run_training(_make_request(spec, arguments))


def _make_request(spec: CaptionSpec, arguments: Namespace) -> TrainRequest:
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.generation.caption_training.run import TrainRequest
    from imagenet_g.generation.generators.runtime import choose_generation_device

    return TrainRequest(
        spec=spec,
        out=arguments.out.expanduser(),
        device=choose_generation_device(arguments.device),
        data=parse_data_pairs(arguments.data),
        cache=choose_cache_folder(arguments.cache),
        note=_note,
    )


def _note(text: str) -> None:
    print_line(text)
