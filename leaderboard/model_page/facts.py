"""What a model is, and how its numbers are made again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from imagenet_g.benchmark.records import Preprocessing, ZeroShot
from imagenet_g.leaderboard.board.model_facts import SubmissionFacts
from imagenet_g.leaderboard.model_page.models import BoardEntry, VersionRows
from imagenet_g.leaderboard.pages.cells import Row, escape, is_missing

UNKNOWN = '<span class="none">unknown</span>'


def format_facts(model: BoardEntry) -> str:
    """Weights, preprocessing, training data and the rest as a list; "unknown" where it is."""
    row = model.first
    facts = next((one.facts for one in model.versions if one.facts is not None), None)
    items = [*list_row_facts(row), *list_weights_facts(facts), *list_statement_facts(row, facts)]
    return f'<dl class="mp-list">{"".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in items)}</dl>'


def list_row_facts(row: Row) -> list[tuple[str, str]]:
    """What every row has, published ones too: names and cells, escaped."""
    size = row["parameters"]
    return [
        ("Model spec", _code(row["spec"])),
        ("Parameters", UNKNOWN if is_missing(size) else f"{int(size):,}"),
        ("Family", _text(row["family"])),
        ("Supervision", _text(row["supervision"])),
    ]


def list_weights_facts(facts: SubmissionFacts | None) -> list[tuple[str, str]]:
    """Weights and what an image goes through before them."""
    if facts is None:
        # A published row, or a board of an earlier format: said, so that nobody looks for it elsewhere.
        return [("Weights, sha256", UNKNOWN), ("Preprocessing", UNKNOWN), ("Licence", UNKNOWN)]
    found = [
        ("Weights, sha256", _code(facts.weights_sha256)),
        ("Revision", _code(facts.revision)),
        ("Preprocessing", format_preprocessing(facts.preprocessing)),
        ("Outputs", _describe_outputs(facts)),
    ]
    if facts.zero_shot is not None:
        found.append(("Class prompts", _describe_texts(facts.zero_shot)))
    return [*found, ("Licence", _text(facts.license))]


def list_statement_facts(row: Row, facts: SubmissionFacts | None) -> list[tuple[str, str]]:
    """What the authors state."""
    details = "" if facts is None or facts.training_data_details is None else facts.training_data_details
    data = _text(row["training_data"]) + (f"<small>{escape(details)}</small>" if details else "")
    found = [("Training data", data), ("Trained on generated images", _text(row["generated"]))]
    if facts is not None:
        found.append(("Training data until", _text(facts.trained_until)))
        found.append(("Authors", escape(", ".join(facts.authors))))
        # Written by the authors, so escaped like every text of a stranger.
        found += [("Notes", escape(facts.notes))] if facts.notes else []
    return [*found, ("Source", _text(row["source"]))]


def _text(value: object) -> str:
    return UNKNOWN if value in (None, "", "unknown") else escape(value)


def _code(value: object) -> str:
    return f"<code>{escape(value)}</code>" if value else UNKNOWN


def format_preprocessing(preprocessing: Preprocessing) -> str:
    """Size, resampling, crop and normalisation in words, and the whole transform behind a disclosure."""
    height, width = preprocessing.input_size_px
    parts = [f"{height} × {width} px", preprocessing.interpolation]
    if preprocessing.crop_fraction is not None:
        mode = f" ({preprocessing.crop_mode})" if preprocessing.crop_mode else ""
        parts.append(f"crop {preprocessing.crop_fraction:g}{mode}")
    for name, values in (("mean", preprocessing.mean), ("std", preprocessing.std)):
        parts += [] if values is None else [f"{name} {' '.join(f'{value:.4g}' for value in values)}"]
    return (
        f"{escape(', '.join(parts))}<details><summary>the whole transform</summary>"
        f"<code>{escape(preprocessing.description)}</code></details>"
    )


def _describe_outputs(facts: SubmissionFacts) -> str:
    return escape(facts.class_map) if facts.class_map else f"{facts.num_outputs:,}"


def _describe_texts(texts: ZeroShot) -> str:
    names = texts.class_names or "open_clip's class names"
    return (
        f"{escape(texts.templates)} ({texts.num_templates} templates), {escape(names)}"
        f"<small>sha256 of the templates <code>{texts.templates_sha256}</code></small>"
    )


def format_rerun(model: BoardEntry) -> str:
    """The command that makes the numbers again for each version, or the reason for its absence."""
    return "".join(_format_command(one, model.first) for one in model.versions)


def _format_command(version: VersionRows, row: Row) -> str:
    facts, name = version.facts, version.version.name
    if facts is not None and facts.rerun:
        note = f'<p class="mp-note">{escape(facts.rerun_note)}</p>' if facts.rerun_note else ""
        return f"<p>The rows of {escape(name)}:</p>{format_copy(quote_command(facts.rerun))}{note}"
    if facts is not None:
        return f"<p>No command for {escape(name)}: {escape(facts.rerun_note)}</p>"
    if row["spec"] and row["spec"].isprintable():
        words = ["imagenet-g", "evaluate", f"--model={row['spec']}"]
        words += [f"--split={one.split}" for one in version.splits if one.row is not None]
        return (
            f"<p>The rows of {escape(name)} are figures of their source. This runs the model here, which may "
            f"give others:</p>{format_copy(quote_command(words))}"
        )
    return f"<p>No command for {escape(name)}: its source names no weights, or the board is an older one.</p>"


def quote_command(words: Iterable[str]) -> str:
    """A command as it can be pasted into a POSIX shell: every word stays the word that it is.

    Example:
        >>> quote_command(["imagenet-g", "evaluate", "--model=timm:a; rm -rf ~"])
        "imagenet-g evaluate '--model=timm:a; rm -rf ~'"
    """
    return shlex.join(words)


def format_copy(text: str) -> str:
    """A text to copy, with a button that does so."""
    return (
        f'<div class="mp-copy"><pre tabindex="0">{escape(text)}</pre>'
        '<button type="button" data-copy>Copy</button></div>'
    )
