"""The record of a submission's model: whether it is possible, and whether the model can be run again."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.naming.libraries import find_library, list_schemes
from imagenet_g.benchmark.records import ModelRecord, Preprocessing
from imagenet_g.leaderboard.submissions.problems import Problem, error, warning
from imagenet_g.leaderboard.submissions.submission import Submission

INTERPOLATIONS = ("bicubic", "bilinear", "nearest", "lanczos", "box", "hamming", "area", "random")
# The package's small models take 32 pixels, timm's EfficientNet-L2 takes 800: a number outside is a mistake.
MIN_INPUT_PX, MAX_INPUT_PX = 32, 1024


def check_model(submission: Submission) -> Iterator[Problem]:
    """Whether the model's record is possible, and whether it can be run again."""
    model = submission.result.model
    yield from check_library(model)
    if model.num_parameters == 0:
        yield error("impossible", "model.num_parameters", "a model has parameters; found 0")
    if model.num_outputs != 1000 and model.class_map is None:
        yield error("impossible", "model.num_outputs", f"{model.num_outputs} outputs need a class map")
    if set(model.weights_sha256) == {"0"}:
        # The placeholder of a record that was never filled in.
        yield error("impossible", "model.weights_sha256", "is all zeros, which is not the hash of a file")
    yield from check_preprocessing(model.preprocessing)


def check_library(model: ModelRecord) -> Iterator[Problem]:
    """Whether a known library loads the model, and whether the record has what it needs."""
    scheme, _, rest = model.spec.partition(":")
    try:
        library = find_library(scheme)
    except UnknownNameError:
        yield _name_known_libraries(model.spec)
        return
    except InputError as problem:
        yield error("bad-model", "model.spec", str(problem))
        return
    if not rest:
        yield _name_known_libraries(model.spec)
    if not library.runs_again:
        yield warning("private-model", "model.spec", "is code of its authors: others cannot run it by name")
    if library.needs_prompts and model.zero_shot is None:
        yield error("preprocessing", "model.zero_shot", f"a model of {scheme} needs its prompts recorded")


def _name_known_libraries(spec: str) -> Problem:
    known = ", ".join(list_schemes())
    return error(
        "bad-model",
        "model.spec",
        f"{spec!r} is not a model spec; known: {known}. If another package registers its model library, "
        "install that package before validating",
    )


def check_preprocessing(found: Preprocessing) -> Iterator[Problem]:
    """Whether images are prepared the way a trained network can have been."""
    where = "model.preprocessing"
    if not all(MIN_INPUT_PX <= side <= MAX_INPUT_PX for side in found.input_size_px):
        yield error(
            "preprocessing", where, f"input of {found.input_size_px} px; expected {MIN_INPUT_PX} to 1024"
        )
    if found.interpolation == "unknown":
        yield warning("preprocessing", where, "how images are resized is unknown; a reviewer must ask")
    elif found.interpolation.lower() not in INTERPOLATIONS:
        yield error("preprocessing", where, f"unknown interpolation {found.interpolation!r}")
    # A fraction and not percent; published models crop to 0.875 or more, so a half is generous.
    if found.crop_fraction is not None and not 0.5 <= found.crop_fraction <= 1.0:
        yield error("preprocessing", where, f"crop fraction {found.crop_fraction} is outside 0.5 to 1")
    if found.mean is not None and not (
        len(found.mean) == 3 and all(-0.01 <= value <= 1 for value in found.mean)
    ):
        yield error("preprocessing", where, f"mean {found.mean} is not a colour of pixels in [0, 1]")
    if found.std is not None and not (len(found.std) == 3 and all(0 < value <= 1.01 for value in found.std)):
        yield error("preprocessing", where, f"std {found.std} is not a spread of pixels in [0, 1]")
    if not found.description.strip():
        yield error("preprocessing", where, "the transform is not described")
