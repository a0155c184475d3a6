"""The board's own data file, rebuilt by the public command line of the baselines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.storage import replace_file
from imagenet_g.leaderboard.board.published_rows import SOURCES
from imagenet_g.leaderboard.validation.lines import BASELINES

if TYPE_CHECKING:
    import pandas as pd

LINKS = ("logit", "linear")


def write_figures(out: Path) -> None:
    """Write `robustness.parquet` into a folder; takes some minutes.

    Raises:
        DataError: The baselines' command failed.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        tables = [
            _run_table(folder, table, baseline, link)
            for table in SOURCES
            for baseline in BASELINES
            for link in LINKS
        ]
        write_robustness(out / "robustness.parquet", tables)


def write_robustness(path: Path, tables: Iterable[tuple[str, Path]]) -> None:
    """Pack the CSV files of `baselines table` into one parquet file; each comes with its table's id."""
    import pandas as pd

    frames = [pd.read_csv(file).assign(table=table) for table, file in tables]
    packed = pd.concat(frames, ignore_index=True)
    for name in ("table", "model", "split", "axis", "link", "baseline", "baseline_sha256"):
        # The same texts repeat over thousands of rows; as categories each is stored once.
        packed[name] = packed[name].astype("category")
    with replace_file(path) as temporary:
        _shrink(packed).to_parquet(temporary, index=False, compression="zstd")


def _shrink(frame: pd.DataFrame) -> pd.DataFrame:
    # Six digits are all the CSV has; float32 would round them, so the width stays and zstd does the rest.
    return frame.sort_values(["table", "split", "baseline", "link", "model"], ignore_index=True)


def _run_table(folder: Path, table: str, baseline: str, link: str) -> tuple[str, Path]:
    out = folder / f"{table}-{baseline}-{link}.csv"
    words = ["baselines", "table", "--baseline", baseline, "--figures", table, "--link", link]
    _run([*words, "--out", str(out)])
    return table, out


def _run(words: list[str]) -> None:
    # By the command and not by import: the floors keep the board apart from the baselines' code.
    if main(words) != 0:
        raise DataError(f"'imagenet-g {' '.join(words)}' failed; see its message above.")
