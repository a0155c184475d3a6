"""The text of the about page."""

from __future__ import annotations

from importlib.resources import files

from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.submissions.problems import TRUST_LEVELS
from imagenet_g.leaderboard.validation.lines import DATA

COMMANDS = """
    imagenet-g evaluate --model timm:resnet50 --split mini/renditions --out results
    imagenet-g submit results/timm-resnet50.a1_in1k
    imagenet-g validate submissions/mini/<org>__<model>.json
"""
CITATION = """
    @article{bansal2023leaving,
      title   = {Leaving Reality to Imagination: Robust Classification via Generated Datasets},
      author  = {Bansal, Hritik and Grover, Aditya},
      journal = {arXiv preprint arXiv:2302.02503},
      year    = {2023}
    }
"""
DEFINITIONS = """\
* **Top-1**: share of images whose first answer is an acceptable label; Wilson interval, 95 %.
* **AG**, accuracy gap: top-1 on the split minus top-1 on the clean reference. A drop is negative. The
  reference has the split's own classes. Where it has other classes, the row is flagged.
* **ER**, effective robustness: top-1 minus the accuracy that the baseline's line predicts from the clean
  accuracy. Choose the baseline and the link (the scale of the axes) above the table.
* **Equated**: top-1 as it would be on the split of that name in the version before, where enough models were
  run on both: their mean shift in difficulty, on the logit scale, is taken from the score. With it "the new
  version is harder" and "the model is worse" can be distinguished.
* **Rank**: a range, such as 3–7. Its best rank is one more than the number of models that are better beyond
  chance, its worst the number of ranked models less those that are worse beyond chance. Models are compared
  in pairs on the same images, with classes as the independent units and Holm's correction over all pairs of
  one trust level: the chance of a wrong order among them is at most 5 %. Verified rows are ranked first,
  recomputed ones behind them. Published rows have an interval and no rank. Self-reported rows are listed
  last and never ranked. Ranks hold within one split of one version; filters do
  not change them. AG and ER have intervals and no ranks.
"""


def format_about(board: Board) -> str:
    """Commands, definitions, trust levels, citation and what this board was built from, as markdown."""
    levels = "\n".join(f"* **{name}**: {meaning}." for name, meaning in TRUST_LEVELS.items())
    return f"""
### Evaluate your own model
{COMMANDS}
### Definitions
{DEFINITIONS}
### Trust
{levels}

### On this board
{_format_contents(board)}

### Citation
{_format_citation(board)}

### Changes
Changes of the numbers or their order on this board, newest first.

{load_changes()}
"""


def _format_contents(board: Board) -> str:
    versions = "\n".join(
        f"* **{escape(v.label)}**: {escape(v.title)}; {v.num_models} models, {len(v.splits)} splits."
        for v in board.info.versions
    )
    left_out = "\n".join(f"* `{escape(one.file)}`: {escape(one.reason)}." for one in board.info.left_out)
    return f"""{versions}

Built {escape(board.info.built_utc)} by imagenet-g {escape(board.info.imagenet_g)}.
{f"Left out:{chr(10)}{chr(10)}{left_out}" if left_out else "No submission was left out."}"""


def _format_citation(board: Board) -> str:
    first, built = board.info.versions[0], board.info.built_utc[:10]
    return f"""The data sets and both measures are from this paper:
{CITATION}
Cite a row by version, split and model, with the date. The address of this page contains all three and opens
the row again. For example:

    ImageNet-G leaderboard, {escape(first.name)}, {escape(first.splits[0])}, board of {escape(built)}.

Cite a figure marked *published* from its own source, which the column *Source* names."""


def load_changes() -> str:
    """The board's changelog, as markdown: a data file that is edited whenever a rule changes numbers."""
    return (files(DATA) / "changes.md").read_text(encoding="utf-8")
