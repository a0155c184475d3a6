"""A stored result run again: the options that made it, read from what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imagenet_g.benchmark.composing.places import DEFAULT_TEMPLATES
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.evaluation.requests import PUBLISHED
from imagenet_g.benchmark.models.classifiers import LiveModel
from imagenet_g.benchmark.naming.specs import LIVE, OWN_WEIGHTS
from imagenet_g.benchmark.records import is_view_of
from imagenet_g.benchmark.results import Entry, Result
from imagenet_g.benchmark.runs.lines import load_robustness
from imagenet_g.benchmark.runs.options import EvaluationOptions

COMPILED = "/compiled"
"""Ends the backend of a run whose model was compiled by PyTorch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunInputs:
    """What a result names by its hash alone, and where to run.

    Attributes:
        checkpoint: The user's own weights.
        checkpoint_key: Which of the state dicts in that file.
        class_map: The file of a head that is not ImageNet's 1000.
        templates: The user's own prompts.
        class_names: The user's own class names.
        baseline: Files of measured baselines.
        data: Local copies, as NAME=PATH.
        sets: Files that describe real sets of the user's own.
        device: Where to run; None for "auto".
        batch_size: Images a forward pass; None for that of the device.
        workers: What decodes images; None for one a core.
        live: The model itself, where it was one of a process.
    """

    checkpoint: Path | None = None
    checkpoint_key: str | None = None
    class_map: Path | None = None
    templates: Path | None = None
    class_names: Path | None = None
    baseline: Sequence[str] = ()
    data: Sequence[str] = ()
    sets: Sequence[Path] = ()
    device: str | None = None
    batch_size: int | None = None
    workers: int | None = None
    live: LiveModel | None = None


def plan_rerun(result: Result, given: RerunInputs, *, out: Path) -> tuple[EvaluationOptions, ...]:
    """The evaluations that make a result again; splits that were run alike are run together.

    Args:
        result: The stored result.
        given: Files that it names by hash alone.
        out: Folder for the new result.

    Raises:
        InputError: A file is needed and not given, or scores are of no evaluation.
    """
    require_inputs(result, given)
    model = _make_model_options(result, given, out=out)
    splits = [entry for entry in result.entries if not is_clean_set(entry, result)]
    known = KnownBaselines(given.baseline)
    groups: dict[EvaluationOptions, list[str]] = {}
    for entry in splits or result.entries:
        options = _add_entry_options(model, entry, result, tuple(known.list_names(entry)))
        groups.setdefault(options, []).append(entry.split.ref)
    # Whole splits first: a trial run of some images does not outlast the next run in its folder.
    ordered = sorted(groups.items(), key=lambda group: group[0].limit is not None)
    return tuple(replace(options, split=tuple(refs)) for options, refs in ordered)


def require_inputs(result: Result, given: RerunInputs) -> None:
    """Check that what a result names by hash alone is given.

    Raises:
        InputError: Something is missing; the message names the option.
    """
    model, texts = result.model, result.model.zero_shot
    needed = (
        (given.live is None and model.spec.startswith(LIVE), "a model of a running process", "model"),
        (given.checkpoint is None and model.spec.endswith(OWN_WEIGHTS), "weights of your own", "checkpoint"),
        (
            given.templates is None and texts is not None and texts.templates.startswith("own-"),
            "prompts of your own",
            "templates",
        ),
        (
            given.class_names is None and texts is not None and texts.class_names is not None,
            "class names of your own",
            "class-names",
        ),
    )
    for missing, what, option in needed:
        if missing:
            how = "imagenet_g.rerun(..., model=...)" if option == "model" else f"--{option} FILE"
            raise InputError(
                f"'{model.spec}' was run with {what}, of which a result has the hash: give {how}."
            )
    for entry in result.entries:
        if entry.label_rule is not None or entry.relabelled is not None:
            raise InputError(
                f"'{entry.split.ref}' was scored with other labels than its own; run 'imagenet-g score' on "
                "the predictions of a new run."
            )


def is_clean_set(entry: Entry, result: Result) -> bool:
    """Whether an entry is there because others are compared with it: their run makes it again."""
    clean = [gap.reference.set for other in result.entries for gap in other.gaps if other is not entry]
    return not entry.gaps and any(is_view_of(name, entry.split.ref) for name in clean)


def _make_model_options(result: Result, given: RerunInputs, *, out: Path) -> EvaluationOptions:
    model, texts = result.model, result.model.zero_shot
    own = str(given.templates) if given.templates is not None else None
    declared = model.generated_training_data
    return EvaluationOptions(
        model=(model.spec.removesuffix(OWN_WEIGHTS),),
        checkpoint=given.checkpoint,
        checkpoint_key=given.checkpoint_key,
        class_map=given.class_map,
        templates=own or (DEFAULT_TEMPLATES if texts is None else texts.templates),
        class_names=given.class_names,
        data=tuple(given.data),
        sets=tuple(given.sets),
        training_data=model.training_data,
        trained_until=None if model.trained_until is None else model.trained_until.isoformat(),
        trained_on_generated=() if declared is None else declared or ("none",),
        device=given.device or "auto",
        batch_size=given.batch_size,
        workers=given.workers,
        out=out,
    )


def find_whole(ref: str, result: Result) -> str:
    """The whole clean set of a reference, which is one of its views where the split is filtered."""
    bases = (entry.split.base_ref for entry in result.entries)
    return next((base for base in bases if is_view_of(ref, base)), ref)


def _add_entry_options(
    model: EvaluationOptions, entry: Entry, result: Result, baselines: tuple[str, ...]
) -> EvaluationOptions:
    run, gap = entry.predictions.run, entry.gaps[0] if entry.gaps else None
    compiled = run.backend.endswith(COMPILED)
    openvino = run.backend.startswith("openvino") and model.device in ("auto", "cpu")
    reference = None if any(choice.what == "reference" for choice in entry.choices) else PUBLISHED
    if gap is not None:
        # The whole set: it has the images of each of its views.
        whole = find_whole(gap.reference.set, result)
        reference = PUBLISHED if gap.reference.kind == "published" else whole
    return replace(
        model,
        reference=reference,
        # A view is compared with the clean images that passed its filter, unless all were asked for.
        unfiltered_reference=gap is not None
        and entry.split.view is not None
        and reference == gap.reference.set,
        limit=entry.limit,
        skip_unreadable=entry.unscored_count_as == "left-out",
        baseline=baselines,
        dtype=run.dtype,
        # As it was, unless another device is named.
        device="cpu" if openvino else model.device,
        backend="openvino" if openvino else "torch",
        compile=compiled,
        keep_features=entry.predictions.features is not None,
    )


class KnownBaselines:
    """Baselines by their hashes; each is read once.

    Args:
        files: Files of measured baselines that the user gave.

    Raises:
        InputError: A file is no baseline.
    """

    def __init__(self, files: Sequence[str]) -> None:
        self._names = {str(load_robustness("check")(name).sha256): name for name in files}
        self._tried: set[str] = set()

    def list_names(self, entry: Entry) -> Iterator[str]:
        """The baselines of an entry, as `--baseline` takes them; none where they were taken by default.

        Raises:
            InputError: One was measured, and its file is not among those given.
        """
        if any(choice.what == "baseline" for choice in entry.choices):
            return
        held = ((er.baseline, er.baseline_sha256) for er in entry.effective_robustness)
        for name, sha256 in dict.fromkeys(held):
            if sha256 not in self._names:
                self._read(name)
            if sha256 not in self._names:
                raise InputError(
                    f"'{entry.split.ref}' was held against the baseline '{name}' ({sha256[:12]}), which does "
                    "not come with this release: give its file with --baseline FILE."
                )
            yield self._names[sha256]

    def _read(self, name: str) -> None:
        """Take note of the baseline of that name, where one comes with the release."""
        if name in self._tried:
            return
        self._tried.add(name)
        try:
            self._names[str(load_robustness("check")(name).sha256)] = name
        except InputError:
            # The name of a set that was measured, which stands for no file.
            return
