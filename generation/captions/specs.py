"""Settings of a captions run, as TOML: the models, the data, the objective, and how long to train.

TOML has no null: the description of each optional key says what its absence means.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from imagenet_g.benchmark.classes import list_class_indices
from imagenet_g.benchmark.errors import InputError, shorten
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.shipped_specs import find_shipped_spec, list_shipped_names, parse_toml
from imagenet_g.generation.captions.records import Positive, Slug
from imagenet_g.generation.captions.sentences import Grammar

Rate = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
TopP = Annotated[float, Field(gt=0, le=1)]


class PretrainedSpec(FileModel):
    """A causal language model from the Hub or a folder."""

    kind: Literal["pretrained"] = "pretrained"
    repo: str
    """Hub repository, or a local folder that transformers loads."""
    revision: str = "main"
    """Commit, branch or tag; a folder has none."""


class TinySpec(FileModel):
    """A GPT-2 with random weights and a tokenizer made from the seed captions: no download."""

    kind: Literal["tiny"]
    layers: Positive
    width: Positive
    heads: Positive
    # A byte-level tokenizer has at least 257 tokens; 300 leaves a few merges to learn.
    vocabulary: Annotated[int, Field(ge=300)]
    """Upper bound of tokens; of pieces, 257 are the bytes and the end of text."""
    # The default is what runs from before this key had.
    tokens: Literal["pieces", "words"] = "pieces"
    """With "words", each word and mark of the seed captions is a token: no two pieces make a word that does
    not exist, and no other word can be written. "pieces" are byte pairs, which can write any text."""


LanguageModelSpec = Annotated[PretrainedSpec | TinySpec, Field(discriminator="kind")]


class SceneSeeds(FileModel):
    """Seed captions from the shipped patterns and Places365 scenes: no model needed."""

    kind: Literal["scenes"]
    per_class: Positive


class FileSeeds(FileModel):
    """Seed captions from a text file: one a line, the wnid, a tab, the caption."""

    kind: Literal["file"]
    path: str


class ModelSeeds(FileModel):
    """Seed captions written by an instruction-tuned model, as the paper's were."""

    kind: Literal["model"]
    model: PretrainedSpec
    per_class: Positive = 16
    instruction: Annotated[str, Field(pattern=r"\{c\}")] = (
        "Write one short, complete sentence that describes an unusual photo of {c} in a place or a style "
        "where nobody expects it. Use the word {c}. Answer with the sentence alone."
    )
    """Instruction to the model; {c} is the class with its article."""
    temperature: Rate = 1.0
    max_tokens: Positive = 40


SeedsSpec = Annotated[SceneSeeds | FileSeeds | ModelSeeds, Field(discriminator="kind")]


class MeansSpec(FileModel):
    """Images that captions are trained to be far from."""

    ref: str
    """Split reference, such as "imagenet-val"."""
    images_per_class: Positive | None = None
    """Images of each class; a class with fewer is refused. Absent: all of them, at most 128."""
    normalization: Literal["images", "images-and-mean"] = "images"


class ObjectiveSpec(FileModel):
    """Eq. 1 and what counts as a valid caption; see `captions.reward` and `captions.sentences`."""

    clip: str
    """Model spec, such as "open_clip:ViT-B-32/openai"."""
    grading: Literal["graded", "floor"] = "graded"
    direction: Literal["far", "near"] = "far"
    """"near" is a control: the same training with the sign of the reward flipped."""
    min_words: Positive = 4
    # Left out where it is not checked, so that settings from before this key keep their hash.
    grammar: Annotated[Grammar, Field(exclude_if=lambda value: value == "unchecked")] = "unchecked"
    """With "checked", a valid caption is a sentence of known words, see `grammar.sentences`. That knows parts
    of speech and agreement, and may refuse a rare construction of a large model."""


class SftSpec(FileModel):
    """Stage 1: supervised fine-tuning on the seed captions."""

    steps: Positive
    batch_size: Positive
    learning_rate: Rate
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    save_steps: Positive
    """A killed run resumes at a multiple of these."""


class RlSpec(FileModel):
    """Stage 2: reinforcement learning from the reward, with a KL term to the stage-1 model."""

    method: Literal["grpo", "rloo"]
    steps: Positive
    prompts_per_step: Positive
    """Classes in a step."""
    # Rewards are compared within the group: with one caption its advantage is always 0.
    group_size: Annotated[int, Field(ge=2)]
    """Captions per class and step; rewards are compared within the group."""
    learning_rate: Rate
    # No default: TRL's own is 0 for GRPO and 0.05 for RLOO, and a recipe should not depend on the method's.
    beta: Weight
    """Weight of the KL divergence to the stage-1 model."""
    temperature: Rate = 1.0
    save_steps: Positive


class SamplingSpec(FileModel):
    """How captions are sampled when they are written."""

    # transformers refuses a temperature of 0.
    temperature: Rate = 1.0
    top_p: TopP = 1.0
    candidates: Positive = 4
    """Captions sampled for each one to keep; the best valid ones are kept."""
    rounds: Positive = 4
    """Largest number of rounds of sampling for a class that lacks valid captions."""


class CaptionSpec(FileModel):
    """A whole captions run."""

    schema_version: Literal[1]
    name: Slug
    title: str
    license: str
    """SPDX expression of the captions, or "unknown"."""
    classes: str | tuple[str, ...]
    """"all", a registered class set, or a list of wnids."""
    class_names: Literal["open_clip", "lemmas", "first-lemma"] = "open_clip"
    # transformers seeds numpy's global generator as well, which takes 32 bits at most.
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    prompt: Annotated[str, Field(pattern=r"\{c\}")] = "{c}:"
    """Input of the model; it continues with the caption."""
    max_tokens: Positive = 40
    """Longest caption, in the language model's tokens; a caption that is cut there is invalid."""
    language_model: LanguageModelSpec
    seeds: SeedsSpec
    means: MeansSpec
    objective: ObjectiveSpec
    sft: SftSpec
    rl: RlSpec
    sampling: SamplingSpec = SamplingSpec()

    @model_validator(mode="after")
    def _validate_groups(self) -> Self:
        if (
            isinstance(self.language_model, TinySpec)
            and self.language_model.width % self.language_model.heads
        ):
            raise ValueError("language_model: width must be a multiple of heads")
        return self

    @property
    def class_indices(self) -> tuple[int, ...]:
        """Class indices in ascending order."""
        return list_class_indices(self.classes)


def load_caption_spec(name_or_path: str) -> CaptionSpec:
    """Read and validate shipped settings ("tiny") or a user's TOML file.

    Raises:
        UnknownNameError: No such settings.
        InputError: The file cannot be read or breaks the contract; the message names the key.
    """
    path = find_shipped_spec(name_or_path, _find_folder(), kind="captions settings")
    try:
        return CaptionSpec.model_validate(parse_toml(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Captions settings '{name_or_path}' cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"Captions settings '{name_or_path}' are not TOML: {error}.") from error
    except ValidationError as error:
        raise InputError(
            f"Captions settings '{name_or_path}' cannot be used: {_format_first(error)}"
        ) from error


def list_caption_specs() -> tuple[str, ...]:
    """Names of the settings that ship with the package, sorted."""
    return list_shipped_names(_find_folder())


def _find_folder() -> Traversable:
    return files("imagenet_g.generation.data") / "captions"


def _format_first(error: ValidationError) -> str:
    # A misspelt key is also a missing one; the misspelling is the cause, so it comes first.
    first = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
    where = shorten(".".join(str(part) for part in first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"unknown key '{where}'."
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}." if where else f"{message}."
