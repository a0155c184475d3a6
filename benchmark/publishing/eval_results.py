"""A result in the Hub's own format: the text of one `.eval_results/*.yaml` for each split. Pure.

The format is that of https://huggingface.co/docs/hub/eval-results and of `eval_results.yaml` in
huggingface/hub-docs. It has one value a task, here top-1 in percent; the notes hold the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import yaml  # type: ignore[import-untyped]

from imagenet_g.benchmark.publishing.eval_tasks import make_task_id
from imagenet_g.benchmark.reports.notes import name_unscored
from imagenet_g.benchmark.reports.numbers import (
    format_change,
    format_gap_interval,
    format_interval,
    format_percent,
)
from imagenet_g.benchmark.results import EffectiveRobustness, Entry, Result, Score

_VALUE_DIGITS = 4
"""Of percent: one image in a million still shows."""


@dataclass(frozen=True, slots=True)
class EvalSource:
    """What a value links to.

    Attributes:
        url: A page that is there to read.
        name: What the link is called.
    """

    url: str
    name: str


@dataclass(frozen=True, slots=True)
class EvalDataset:
    """The published data set that a value belongs to.

    Attributes:
        repo: "org/name" on the Hub.
        commit: The commit whose images were scored.
    """

    repo: str
    commit: str


def find_obstacle(entry: Entry) -> str | None:
    """Why an entry's top-1 is not the value of a task, as the end of a sentence; None where it is.

    A value on the Hub stands beside those of other models, so all must be of the same images and labels.
    """
    split = entry.split
    if split.version is None:
        return "is no split of a version"
    if split.view is not None:
        return f"is the view '{split.view}' of a split, and the Hub has one task a split"
    if entry.partial:
        return f"was run on {entry.n} images only (--limit)"
    if entry.unscored_count_as == "left-out" and entry.n_unscored:
        return f"leaves out {entry.n_unscored} {name_unscored(entry)} images"
    if entry.relabelled is not None or entry.label_rule is not None:
        return "has other labels than the set's own"
    return None


def choose_task_score(entry: Entry) -> Score:
    """The score whose top-1 is the value: over the classes of the split, always.

    A table shows the outputs that the gap is over, which differ with the reference. Values of one task stand
    beside one another and must be over the same outputs.
    """
    own = [score for score in entry.scores if score.outputs == "split-classes"]
    return own[0] if own else entry.scores[0]


def format_eval_result(entry: Entry, result: Result, dataset: EvalDataset, source: EvalSource) -> str:
    """The YAML of one split's value: a list of one entry, as the Hub's client writes and reads it.

    Args:
        entry: Of a whole split of a version; see `find_obstacle`.
        result: The result that it is in.
        dataset: Where that version is published.
        source: What the value links to.
    """
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    made = EvalResultEntry(
        dataset_id=dataset.repo,
        task_id=make_task_id(entry.split.version or "", entry.split.name),
        value=round(100 * choose_task_score(entry).top1.value, _VALUE_DIGITS),
        dataset_revision=dataset.commit,
        date=entry.predictions.run.started_utc,
        source_url=source.url,
        source_name=source.name,
        notes=format_eval_notes(entry, result),
    )
    # Of strings that look like dates or numbers the quotes are kept.
    return str(yaml.safe_dump(eval_result_entries_to_yaml([made]), sort_keys=False, allow_unicode=True))


def format_eval_notes(entry: Entry, result: Result) -> str:
    """What the value alone does not say: interval, outputs, gap, effective robustness, and cautions."""
    score = choose_task_score(entry)
    parts = [
        f"top-1 in percent ({format_interval(score.top1)}, 95 %) of {entry.n} images, {_name_outputs(score)}",
        _format_gap(entry, score),
        *(_format_robustness(record) for record in entry.effective_robustness),
        *_list_cautions(entry),
        f"{result.model.spec}, imagenet-g {result.environment.imagenet_g}",
    ]
    return "; ".join(part for part in parts if part)


def _name_outputs(score: Score) -> str:
    among = "all" if score.outputs == "all" else "the split's"
    return f"among {among} {score.num_outputs} classes"


def _format_gap(entry: Entry, score: Score) -> str:
    if not entry.gaps:
        return ""
    gap = entry.gaps[0]
    clean = f"{format_percent(gap.reference.top1.value)} on {gap.reference.set}"
    alike = gap.reference.same_classes and gap.reference.filtered_alike
    cautions = [] if alike else [", which has other classes or another filter"]
    if gap.reference.outputs != score.outputs:
        cautions.append(f", over {gap.reference.num_outputs} outputs")
    return f"AG {format_change(gap.value, 2)} ({format_gap_interval(gap)}) from {clean}{''.join(cautions)}"


def _format_robustness(record: EffectiveRobustness) -> str:
    bounds = "no interval"
    if record.low is not None and record.high is not None:
        bounds = f"{format_change(record.low)} to {format_change(record.high)}"
    flags = [("line drawn on", record.extrapolated), ("weak line", record.weak)]
    marks = "".join(f", {word}" for word, holds in flags if holds)
    return f"ER {format_change(record.value, 2)} ({bounds}) against {record.baseline} ({record.link}{marks})"


def _list_cautions(entry: Entry) -> list[str]:
    unread = f"{entry.n_unscored} {name_unscored(entry)} images count as wrong" if entry.n_unscored else ""
    tainted = "possible contamination, see the result" if entry.contamination else ""
    return [unread, tainted]
