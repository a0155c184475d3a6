"""ReaL labels: read as untrusted, applied by the images' numbers, fetched once, and recorded."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from factories import make_evidence, make_meta, make_predictions
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError, FetchError, InputError
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.predictions.class_counts import load_stored_evidence
from imagenet_g.benchmark.predictions.predictions import Predictions, write_predictions
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.relabels import label_files
from imagenet_g.benchmark.relabels.label_files import load_real_labels
from imagenet_g.benchmark.relabels.real_labels import NUM_IMAGES, read_number, read_real_labels
from imagenet_g.leaderboard.validation.claim_checks import check_entry

LABELS: list[list[int]] = [[] for _ in range(NUM_IMAGES)]
LABELS[:4] = [[1], [2, 3], [], [4]]
FILE = json.dumps(LABELS).encode()


def make_val_predictions() -> Predictions:
    """Four images: right by both, right by ReaL alone, without a label, wrong by ReaL alone."""
    predictions = make_predictions([1, 3, 5, 7], [1, 2, 5, 7])
    ids = tuple(f"n0000000{n}/ILSVRC2012_val_{n:08}.JPEG" for n in range(1, 5))
    return replace(predictions, image_ids=ids)


def write_file(folder: Path) -> Path:
    """Predictions of a model on imagenet-val."""
    predictions = make_val_predictions()
    write_predictions(folder / "val.parquet", predictions, make_meta(predictions, "imagenet-val"))
    return folder / "val.parquet"


@pytest.fixture
def server() -> Iterator[tuple[str, list[bytes]]]:
    """A loopback stand-in for the authors' repository: its address, and what it sends."""
    answers = [FILE]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answers[0])

        def log_message(self, *words: object) -> None:
            pass

    found = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{found.server_port}/real.json", answers
    found.shutdown()
    found.server_close()
    thread.join()


def test_images_without_a_label_are_left_out_and_any_of_several_is_right() -> None:
    """Of four images one has no label, and of the other three two are right."""
    evidence, record = read_real_labels(FILE, "real.json").relabel(
        make_evidence(make_val_predictions(), ref="imagenet-val")
    )
    predictions = evidence.predictions
    assert predictions.labels.tolist() == [[1, -1], [2, 3], [4, -1]]
    right = (predictions.top5.indices[:, :1] == predictions.labels).any(axis=1)
    assert right.tolist() == [True, True, False]
    assert (record.n_without, record.sha256, record.source) == (1, hash_bytes(FILE), "real.json")


def test_labels_go_by_the_number_in_the_name_and_not_by_the_row() -> None:
    """Rows in another order have the same labels."""
    predictions = make_val_predictions().take(np.array([3, 1, 0]))
    evidence, _ = read_real_labels(FILE, "x").relabel(make_evidence(predictions, ref="imagenet-val"))
    assert evidence.predictions.labels.tolist() == [[4, -1], [2, 3], [1, -1]]


@pytest.mark.parametrize("name", ["ILSVRC2012_val_00000000.JPEG", "ILSVRC2012_val_00050001.JPEG",
                                  "ILSVRC2012_val_000000011.JPEG", "cat.jpg", "validation/1"])  # fmt: skip
def test_a_name_without_a_number_of_the_set_is_refused(name: str) -> None:
    """With the way to get a copy that has them."""
    with pytest.raises(InputError, match="does not say which image"):
        read_number(name)


def test_labels_of_another_set_are_refused() -> None:
    """ImageNet-C has the same file names, and other images."""
    with pytest.raises(InputError, match="those of 'imagenet-val', not of 'imagenet-c/fog/3'"):
        read_real_labels(FILE, "x").relabel(make_evidence(make_val_predictions(), ref="imagenet-c/fog/3"))


def change(position: int, labels: object) -> bytes:
    """The file with other labels of one image."""
    return json.dumps([*LABELS[:position], labels, *LABELS[position + 1 :]]).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"version https://git-lfs.github.com/spec/v1", "is not JSON"),
        (b"{}", "is no list"),
        (b"[[1]]", "has 1 images"),
        (json.dumps([*LABELS, []]).encode(), "has 50001 images"),
        (change(6, 3), "gives image 7 no list"),
        (change(6, [1000]), "gives image 7 no list"),
        (change(6, [-1]), "gives image 7 no list"),
        (change(6, [1.0]), "gives image 7 no list"),
        (change(6, [True]), "gives image 7 no list"),
        (change(6, ["1"]), "gives image 7 no list"),
        (change(6, [[1]]), "gives image 7 no list"),
        (change(6, [1, 1]), "gives image 7 no list"),
        (change(6, None), "gives image 7 no list"),
        (change(6, [10**30]), "gives image 7 no list"),
        (b" " * 10_000_001, "has 10000001 bytes"),
    ],
)
def test_a_file_that_is_not_the_list_is_refused_with_the_place(data: bytes, message: str) -> None:
    """Length, types and range are those of the authors' file."""
    with pytest.raises(DataError, match=message):
        read_real_labels(data, "real.json")


def test_the_authors_file_is_fetched_once_and_kept(
    server: tuple[str, list[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time nothing is asked."""
    address, answers = server
    monkeypatch.setattr(label_files, "URL", address)
    first = load_real_labels("fetch", tmp_path)
    assert (first.source, first.sha256) == (address, hash_bytes(FILE))
    answers[0] = b"another"
    assert load_real_labels("fetch", tmp_path) == first


@pytest.mark.parametrize("sent", [b"<html>404</html>", b"[[1]]", b" " * 10_000_001])
def test_what_is_not_the_list_is_not_kept(
    server: tuple[str, list[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """Else it would be read again each time."""
    address, answers = server
    monkeypatch.setattr(label_files, "URL", address)
    answers[0] = sent
    with pytest.raises(DataError):
        load_real_labels("fetch", tmp_path)
    assert not list(tmp_path.rglob("real.json"))


def test_without_a_network_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Give a file, or bring one."""
    monkeypatch.setattr(label_files, "URL", "http://127.0.0.1:9/real.json")
    with pytest.raises(FetchError, match="give your own file with --real-labels FILE"):
        load_real_labels("fetch", tmp_path)


def test_score_prints_and_records_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two of three, without a gap, with the hash of the file."""
    (tmp_path / "real.json").write_bytes(FILE)
    words = ["score", str(write_file(tmp_path)), "--real-labels", str(tmp_path / "real.json")]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    (entry,) = load_result(tmp_path / "out").entries
    assert entry.n == 3
    assert entry.scores[0].top1.value == pytest.approx(2 / 3)
    assert entry.gaps == ()
    assert entry.relabelled is not None
    assert (entry.relabelled.sha256, entry.relabelled.n_without) == (hash_bytes(FILE), 1)
    printed = " ".join(capsys.readouterr().out.split())
    assert "ReaL labels: 1 images without one are left out" in printed


def test_a_relabelled_result_is_not_read_back_with_the_labels_of_the_set(tmp_path: Path) -> None:
    """It would contradict itself; neither is it a submission."""
    (tmp_path / "real.json").write_bytes(FILE)
    path = write_file(tmp_path)
    main(["score", str(path), "--real-labels", str(tmp_path / "real.json"), "--out", str(tmp_path)])
    (entry,) = load_result(tmp_path).entries
    with pytest.raises(InputError, match="was scored with ReaL labels"):
        load_stored_evidence(entry, None, tmp_path, data={})
    assert "relabelled" in {problem.code for problem in check_entry(entry, "x")}


@pytest.mark.parametrize("words", [("--view", "imagenet-100"), ("--reference", "x.parquet"), ("--pairs",)])
def test_a_part_of_the_set_is_refused(
    tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its classes are those of the set's own labels."""
    assert main(["score", str(write_file(tmp_path)), "--real-labels", "real.json", *words]) == 2
    assert "leave out --view, --pairs and --reference" in " ".join(capsys.readouterr().err.split())
