"""The model of a submission run again, from what the submission holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.composing.places import DEFAULT_TEMPLATES
from imagenet_g.benchmark.errors import InputError, UntrustedFileError
from imagenet_g.benchmark.naming.libraries import find_library
from imagenet_g.benchmark.naming.specs import OWN_WEIGHTS
from imagenet_g.benchmark.predictions.result_files import RESULT_NAME, find_result_folder, load_result
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.storage import validate_writable
from imagenet_g.leaderboard.submissions.submission import Submission
from imagenet_g.leaderboard.submissions.untrusted import read_json
from imagenet_g.leaderboard.validation.validate import parse_submission


@dataclass(frozen=True, slots=True)
class SecondRun:
    """A maintainer's result, and the folder its predictions lie in."""

    result: Result
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class HashedInputs:
    """What a submission holds by its hash alone; each is None where the maintainer does not have it.

    Attributes:
        checkpoint: The authors' own weights.
        checkpoint_key: Which of the state dicts in that file.
        class_map: The class of each output.
        templates: The authors' own prompts.
        class_names: The authors' own class names.
    """

    checkpoint: Path | None = None
    checkpoint_key: str | None = None
    class_map: Path | None = None
    templates: Path | None = None
    class_names: Path | None = None

    def list_words(self) -> list[str]:
        """The options of `evaluate` for what is there."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        # With "=": a file whose name starts with a dash would otherwise be an option.
        return [f"--{name.replace('_', '-')}={value}" for name, value in found.items() if value is not None]


NO_INPUTS = HashedInputs()


def load_second_run(
    path: Path, given: Path | None, out: Path, data: Sequence[str], inputs: HashedInputs = NO_INPUTS
) -> SecondRun:
    """The maintainer's result: the one given, or a fresh one of the same model on the same splits.

    A fresh run computes every prediction: its cache starts empty and is removed at the end.

    Args:
        path: The submission.
        given: A result of the maintainer's own.
        out: Folder of a fresh run.
        data: Local copies of splits, as NAME=PATH.
        inputs: What the submission holds by its hash alone.

    Raises:
        InputError: The model cannot be run by name, or the run failed.
        StorageError: `out` cannot be written.
    """
    if given is not None:
        return SecondRun(load_result(given), find_result_folder(given))
    words = make_command(load_submission(path), out, data, inputs)
    validate_writable(out)
    out.mkdir(parents=True, exist_ok=True)
    before = _stamp_results(out)
    # The usual cache may hold the submission's own predictions, where both were made on one machine. They
    # would be compared with themselves, and the submission verified although no image was run.
    with TemporaryDirectory(prefix="cache-", dir=out) as cache:
        if main([*words, f"--cache={cache}"]) != 0:
            raise InputError(f"The second run failed: imagenet-g {' '.join(words)}")
    folder = _find_written(out, before)
    return SecondRun(load_result(folder), folder)


def _stamp_results(out: Path) -> dict[Path, tuple[int, int]]:
    stamps = {file: file.stat() for file in out.glob(f"*/{RESULT_NAME}")}
    return {file: (stamp.st_ino, stamp.st_mtime_ns) for file, stamp in stamps.items()}


def _find_written(out: Path, before: Mapping[Path, tuple[int, int]]) -> Path:
    """The folder of the result that was just written.

    Found by looking: a name can end in a hash of a class map or of own weights, in the texts, in the
    precision, or in a hash of the model where another one has the place.
    """
    written = [file.parent for file, stamp in _stamp_results(out).items() if before.get(file) != stamp]
    if len(written) != 1:
        raise InputError(
            f"The second run wrote {len(written)} results in '{out}'; give it a folder with --out."
        )
    return written[0]


def load_submission(path: Path) -> Submission:
    """A submission that was validated before.

    Raises:
        UntrustedFileError: It does not parse.
    """
    submission, problems = parse_submission(read_json(path)[1])
    if submission is None:
        raise UntrustedFileError(f"'{path}' is not a submission: {problems[0].message}")
    return submission


def make_command(
    submission: Submission, out: Path, data: Sequence[str], inputs: HashedInputs = NO_INPUTS
) -> list[str]:
    """Words of the `evaluate` that repeats a submission.

    Raises:
        UnknownNameError: No installed package registers its model library.
        InputError: Its model is code of its authors, which is never run from a submission, or it was run
            with texts or weights of theirs that were not given.
    """
    spec = submission.result.model.spec
    if not find_library(spec.partition(":")[0]).runs_again:
        raise InputError(f"'{spec}' is not run from a submission. Run it yourself and give --result.")
    require_inputs(submission, inputs)
    texts = submission.result.model.zero_shot
    measured = {
        gap.reference.predictions_sha256
        for entry in submission.result.entries
        for gap in entry.gaps
        if gap.reference.kind == "measured"
    }
    # The whole set: it has the images of each of its views, and only one --reference can be given.
    references = {
        entry.split.base_ref for entry in submission.result.entries if entry.predictions.sha256 in measured
    }
    # With "=": a spec or reference from the file that starts with a dash would otherwise be an option.
    words = ["evaluate", f"--model={spec.removesuffix(OWN_WEIGHTS)}", f"--out={out}", *inputs.list_words()]
    words += [f"--split={entry.split.ref}" for entry in submission.result.entries]
    words += [f"--data={pair}" for pair in data]
    if (dtype := _find_dtype(submission)) != "float32":
        words.append(f"--dtype={dtype}")
    if texts is not None and inputs.templates is None and texts.templates != DEFAULT_TEMPLATES:
        words.append(f"--templates={texts.templates}")
    return words + [f"--reference={reference}" for reference in sorted(references)]


def require_inputs(submission: Submission, inputs: HashedInputs) -> None:
    """Check that what only a hash stands for is given.

    A class map is not among it: some libraries and shipped models bring their own. `verify_run` compares it.

    Raises:
        InputError: Something is missing; the message names the option.
    """
    model = submission.result.model
    texts = model.zero_shot
    prompts = texts is not None and texts.templates.startswith("own-")
    names = texts is not None and texts.class_names is not None
    for missing, what, option in (
        (model.spec.endswith(OWN_WEIGHTS) and inputs.checkpoint is None, "weights", "--checkpoint"),
        (prompts and inputs.templates is None, "prompts", "--templates"),
        (names and inputs.class_names is None, "class names", "--class-names"),
    ):
        if missing:
            raise InputError(
                f"'{model.spec}' was run with {what} of its authors' own, of which a submission has the "
                f"hash. Add {option} FILE, or run it yourself and give --result."
            )


def _find_dtype(submission: Submission) -> str:
    dtypes = sorted({entry.predictions.run.dtype for entry in submission.result.entries})
    return dtypes[0] if dtypes else "float32"
