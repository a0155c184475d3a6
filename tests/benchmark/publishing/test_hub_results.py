"""Results and predictions to a Hub and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_clients import Client
from hub_server import OWNER_TOKEN, READER_TOKEN, StandInHub, serve_hub
from image_sets import write_release

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.publishing.hub_results import list_result_files

REPO = "org/results"
FETCH = """
from huggingface_hub import snapshot_download
print(snapshot_download("org/results", repo_type="dataset"))
"""


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    """A Hub."""
    with serve_hub() as running:
        yield running


def evaluate(release: Path, out: Path, *words: str) -> Path:
    """Results to send; making them asks no Hub."""
    model = ["--model", "python:toy_models:make_colour_model", "--split", "v9/sd-l"]
    places = ["--data", f"v9={release}", "--out", str(out), "--cache", str(out.parent / "cache")]
    assert main(["evaluate", *model, *places, *words]) == 0
    return out


def test_results_come_back_as_they_went_and_others_may_propose(hub: StandInHub, tmp_path: Path) -> None:
    """The owner commits, a reader opens a pull request, nobody's token is in a file."""
    release = write_release(tmp_path / "release", [3, 7])
    results = evaluate(release, tmp_path / "out")
    owner = Client(hub.url, tmp_path / "owner", token=OWNER_TOKEN)
    sent = owner.run("publish-results", results, "--repo", REPO)
    assert sent.code == 0, sent.err
    reader = Client(hub.url, tmp_path / "reader", token=READER_TOKEN)
    fetched = Path(reader.run_python(FETCH).strip())
    names = list_result_files(results)
    for name, path in names.items():
        assert (fetched / name).read_bytes() == path.read_bytes()
        assert OWNER_TOKEN.encode() not in path.read_bytes()
    own = evaluate(release, tmp_path / "own", "--limit", "1")
    refused, proposed, shown = reader.run_all(
        ("publish-results", own, "--repo", REPO),
        ("publish-results", own, "--repo", REPO, "--pull-request"),
        ("show", fetched / Path(next(iter(names))).parent),
    )
    assert f"Your token may not write to '{REPO}'" in refused.err
    assert "/discussions/1" in proposed.out, proposed.err
    assert shown.code == 0, shown.err


def test_predictions_that_are_not_the_results_own_are_refused(tmp_path: Path) -> None:
    """And an empty folder is no result."""
    with pytest.raises(InputError, match=r"There is no result\.json"):
        list_result_files(tmp_path)
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(DataError, match="not a valid result"):
        list_result_files(tmp_path)
