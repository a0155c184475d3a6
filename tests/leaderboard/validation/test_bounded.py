"""Validation in a process of its own: a file costs its own report, and no more."""

from __future__ import annotations

import os
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from submission_cases import ROOT, STEM, list_codes, validate_case, write_case

from imagenet_g.leaderboard.submissions.problems import ValidationReport
from imagenet_g.leaderboard.validation import bounded, worker
from imagenet_g.leaderboard.validation.bounded import validate_bounded
from imagenet_g.leaderboard.validation.validate import (
    ValidationContext,
    list_submission_files,
    make_report,
)

STAND_IN = """
import json, sys, time
request = json.load(sys.stdin)
# A process that is started again compares with the files before the crash as well.
assert request["beside"] == ["first", "deadly", "second", "slow", "third"]
for file in request["files"]:
    if file == "slow":
        time.sleep(600)
    if file == "deadly":
        sys.exit(9)
    print(REPORT.replace("NAME", file), flush=True)
"""
"""Reports on everything but two files; it starts without our libraries, in no time."""


def test_a_file_that_kills_or_holds_the_process_costs_its_own_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes behind it is checked by a new process."""
    report = make_report(Path("NAME"), None, None, []).model_dump_json()
    script = tmp_path / "stand_in.py"
    script.write_text(f"REPORT = {report!r}\n{STAND_IN}")
    monkeypatch.setattr(bounded, "WORKER", (sys.executable, "-S", str(script)))
    files = [Path(name) for name in ("first", "deadly", "second", "slow", "third")]
    found = list(validate_bounded(files, tmp_path, seconds=3))
    assert [report.file for report in found] == ["first", "deadly", "second", "slow", "third"]
    assert [[problem.code for problem in report.problems] for report in found] == [
        [], ["crashed"], [], ["too-slow"], [],
    ]  # fmt: skip


def test_honest_files_take_a_quarter_of_what_they_may() -> None:
    """The libraries are loaded before the limit, and few threads reserve addresses."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from imagenet_g.leaderboard.validation import worker\n"
        "def read(key):\n"
        "    lines = Path('/proc/self/status').read_text().splitlines()\n"
        "    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(key))\n"
        "before = []\n"
        "worker.limit_more_memory = lambda: before.append(read('VmSize'))\n"
        "worker.main()\n"
        "print(read('VmPeak') - before[0], file=sys.stderr)\n"
    )
    # Those of the largest predictions; nine take as much, one after the other, and half a minute.
    sizes = {path: sum(one.stat().st_size for one in path.with_suffix("").iterdir())
             for path in list_submission_files(ROOT)}  # fmt: skip
    files = tuple(sorted(sizes, key=sizes.__getitem__)[-2:])
    request = worker.Request(files=files, beside=files, against=ROOT)
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        input=request.model_dump_json(), capture_output=True, text=True, check=True,
        env=os.environ | bounded.ENVIRONMENT,
    )  # fmt: skip
    assert done.stdout.count("\n") == 2
    assert int(done.stderr) < worker.MAX_MORE_BYTES / 4


def test_no_file_of_a_stranger_is_opened_before_memory_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor to compare another one with it."""
    path = write_case(tmp_path)
    done: list[str] = []

    def load(file: Path) -> tuple[()]:
        done.append(file.name)
        return ()

    def validate(file: Path, context: ValidationContext) -> ValidationReport:
        done.append("validated")
        return make_report(file, None, None, [])

    request = worker.Request(files=(path,), beside=(path,), against=tmp_path / "nowhere")
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(request.model_dump_json().encode())))
    monkeypatch.setattr(worker, "limit_more_memory", lambda: done.append("limited"))
    monkeypatch.setattr(worker, "load_known", load)
    monkeypatch.setattr(worker, "validate_submission", validate)
    assert worker.main() == 0
    assert done == ["limited", path.name, "validated"]


def test_memory_ends_in_that_process_alone() -> None:
    """So much more than the libraries take, and an allocation fails."""
    code = (
        "from imagenet_g.leaderboard.validation.worker import limit_more_memory\n"
        "limit_more_memory(50_000_000)\n"
        "bytearray(20_000_000)\n"
        "try:\n    bytearray(100_000_000)\n"
        "except MemoryError:\n    print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


def test_a_small_file_of_gigabytes_is_refused(tmp_path: Path) -> None:
    """A text of 4 MB that stands once in the file, and in 1244 rows."""
    path = write_case(tmp_path)
    file = path.parent / STEM / "mini-renditions.parquet"
    table = pq.read_table(file)
    once = pa.DictionaryArray.from_arrays(pa.array([0] * len(table), pa.int32()), ["x" * 4_000_000])
    number = table.column_names.index("source_image_id")
    bomb = table.set_column(number, "source_image_id", once)
    # Without Arrow's own schema the column reads as text.
    with pq.ParquetWriter(file, bomb.schema, compression="zstd", store_schema=False) as writer:
        writer.write_table(bomb)
        writer.add_key_value_metadata(table.schema.metadata)
    assert file.stat().st_size < 500_000
    report = validate_case(path)
    assert "bad-predictions" in list_codes(report)
    assert "text of 4000000 bytes" in next(p.message for p in report.problems if p.code == "bad-predictions")
