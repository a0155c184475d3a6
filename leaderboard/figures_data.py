"""The board's own data files, made again by the public command line of the baselines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.storage import replace_file, write_text
from imagenet_g.leaderboard.published_rows import SOURCES, load_table

if TYPE_CHECKING:
    import pandas as pd

BASELINES = ("testbed", "timm-in1k")
LINKS = ("logit", "linear")


def write_figures(out: Path) -> None:
    """Write `lines.json` and `robustness.parquet` into a folder; takes some minutes.

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
        write_lines(out / "lines.json", _run_fits(folder))


def write_robustness(path: Path, tables: Iterable[tuple[str, Path]]) -> None:
    """Pack the CSV files of `baselines table` into one parquet file; each comes with its table's id."""
    import pandas as pd

    frames = [pd.read_csv(file).assign(table=table) for table, file in tables]
    packed = pd.concat(frames, ignore_index=True)
    for name in ("table", "model", "split", "axis", "link", "baseline", "baseline_sha256"):
        packed[name] = packed[name].astype("category")
    with replace_file(path) as temporary:
        _shrink(packed).to_parquet(temporary, index=False, compression="zstd")


def write_lines(path: Path, files: Iterable[Path]) -> None:
    """Join the JSON files of `baselines fit --out`, each line once."""
    found: list[object] = []
    for file in files:
        found += [line for line in json.loads(file.read_text(encoding="utf-8")) if line not in found]
    write_text(path, json.dumps(found, indent=1) + "\n")


def _shrink(frame: pd.DataFrame) -> pd.DataFrame:
    # Six digits are all the CSV has; float32 would round them, so the width stays and zstd does the rest.
    return frame.sort_values(["table", "split", "baseline", "link", "model"], ignore_index=True)


def _run_table(folder: Path, table: str, baseline: str, link: str) -> tuple[str, Path]:
    out = folder / f"{table}-{baseline}-{link}.csv"
    words = ["baselines", "table", "--baseline", baseline, "--figures", table, "--link", link]
    _run([*words, "--out", str(out)])
    return table, out


def _run_fits(folder: Path) -> list[Path]:
    written = []
    for baseline in BASELINES:
        targets = load_table(baseline)[0]["targets"]
        for number, (target, spec) in enumerate(targets.items()):
            # OpenCLIP publishes the full clean accuracy only: its models need the line on that axis too.
            for axis in dict.fromkeys((spec["reference"], "imagenet_val")):
                out = folder / f"{baseline}-{number}-{axis}.json"
                own = [] if axis == spec["reference"] else ["--id", axis]
                _run(["baselines", "fit", "--baseline", baseline, "--split", target, "--out", str(out), *own])
                written.append(out)
    return written


def _run(words: list[str]) -> None:
    if main(words) != 0:
        raise DataError(f"'imagenet-g {' '.join(words)}' failed; its message says why.")
