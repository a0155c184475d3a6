"""Caption files and their reports as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imagenet_g.generation.caption_training.report import CaptionReport, ClassScore, FaultyCaption
from imagenet_g.generation.captions.files import CaptionSet
from imagenet_g.generation.captions.records import CaptionRecord

MAX_CLASSES = 10
MAX_FAULTY = 5


def format_report(report: CaptionReport) -> str:
    """A report as text: numbers first, then captions to read."""
    return "\n".join(
        [
            *_format_numbers(report),
            *_format_classes(report.classes),
            *_format_rows("best", report.best),
            *_format_rows("worst", report.worst),
            *_format_faulty("not valid", report.faulty),
            *_format_faulty("banned words", report.banned),
        ]
    )


def format_captions(captions: CaptionSet, wnids: Sequence[str], count: int) -> str:
    """The best captions of some classes."""
    lines: list[str] = []
    for wnid in wnids:
        lines += _format_rows(wnid, captions.rows_by_wnid[wnid][:count])
    return "\n".join(lines)


def format_card(captions: CaptionSet) -> Iterator[str]:
    """The header and card of a file, one line per fact."""
    header = captions.header
    yield f"{captions.title}: {header.num_captions} captions of {header.num_classes} classes"
    yield f"licence {header.license}"
    yield f"content sha256 {header.content_sha256}"
    if (card := header.card) is None:
        yield "origin unknown"
        return
    yield f"language model {card.language_model.spec} ({card.language_model.weights_sha256[:12]})"
    yield f"seeds {card.seeds.source}, {card.seeds.num_captions} captions"
    for stage in card.stages:
        yield f"{stage.method}: {stage.steps} steps, weights {stage.weights_sha256[:12]}"
    yield f"CLIP {card.clip.spec} ({card.clip.weights_sha256[:12]})"
    yield f"class means from {card.means.ref}, at most {card.means.images_per_class} images a class"
    if card.remark is not None:
        yield card.remark


def _format_numbers(report: CaptionReport) -> Iterator[str]:
    yield f"{report.title}: {report.num_captions} captions of {report.num_classes} classes"
    faults = ", ".join(f"{name} {count}" for name, count in report.faults.items())
    yield f"valid          {100 * report.valid:.1f} %" + (f"  ({faults})" if faults else "")
    yield f"duplicates     {report.duplicates}"
    yield f"banned words   {len(report.banned)}"
    yield f"reward         {_format_number(report.mean_reward)}  (minus the cosine to the class mean)"
    yield f"distinct-1, -2 {report.distinct_1:.3f}, {report.distinct_2:.3f}"
    yield f"self-BLEU      {report.self_bleu:.3f}  (mean over classes)"
    if (fluency := report.fluency) is None:
        yield "perplexity     unknown; give the run that wrote the captions with --run"
        return
    yield f"perplexity     median {fluency.median:.1f}, 95th percentile {fluency.percentile_95:.1f}"
    yield f"               highest {fluency.worst:.1f}: {fluency.worst_caption}"
    yield f"stored rewards are off by at most {_format_number(report.rewards_off_by)}"


def _format_classes(scores: Sequence[ClassScore]) -> Iterator[str]:
    ranked = sorted(scores, key=lambda score: (score.mean_reward is None, -(score.mean_reward or 0.0)))
    half = MAX_CLASSES // 2
    shown = ranked if len(ranked) <= MAX_CLASSES else [*ranked[:half], *ranked[-half:]]
    yield ""
    yield f"{'class':<32} {'n':>4} {'reward':>7} {'distinct-2':>10} {'self-BLEU':>9}"
    for score in shown:
        yield (
            f"{f'{score.wnid} {score.name}'[:32]:<32} {score.num_captions:>4} "
            f"{_format_number(score.mean_reward):>7} {score.distinct_2:>10.3f} {score.self_bleu:>9.3f}"
        )
    if len(shown) < len(ranked):
        yield f"({half} highest and {half} lowest of {len(ranked)})"


def _format_rows(title: str, rows: Sequence[CaptionRecord]) -> Iterator[str]:
    if rows:
        yield ""
        yield title
    for row in rows:
        yield f"  {_format_number(row.reward):>7}  {row.caption}"


def _format_faulty(title: str, rows: Sequence[FaultyCaption]) -> Iterator[str]:
    if rows:
        yield ""
        yield f"{title}: {len(rows)}"
    for row in rows[:MAX_FAULTY]:
        yield f"  {row.wnid} {', '.join(row.reasons)}: {row.caption}"


def _format_number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.3f}"
