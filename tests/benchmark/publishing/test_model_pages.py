"""Values in a model's repository: written by the command, read by the Hub's own client."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from hub_clients import Client, Done
from hub_server import OWNER_TOKEN, READER_TOKEN, StandInHub, serve_hub
from hub_store import Repo
from huggingface_hub import parse_eval_result_entries
from image_sets import write_release

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.hub.sources import HubSource
from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.publishing import model_pages
from imagenet_g.benchmark.publishing.eval_results import (
    EvalDataset,
    EvalSource,
    choose_task_score,
    find_obstacle,
    format_eval_notes,
    format_eval_result,
)
from imagenet_g.benchmark.publishing.eval_tasks import make_eval_path
from imagenet_g.benchmark.publishing.model_pages import check_values
from imagenet_g.benchmark.results import EffectiveRobustness, Entry, Result
from imagenet_g.benchmark.splits.hub_releases import HubRelease
from imagenet_g.benchmark.splits.manifests import load_manifest

MODEL = "python:toy_models:make_colour_model"
SETS, PAGE = "org/imagenet-g", "org/colours"
DATASET = ("--dataset", f"v9={SETS}@v1.0.0")
PATH = ".eval_results/imagenet-g~v9~sd-l.yaml"
REQUIRED, OPTIONAL = {"dataset", "value"}, {"verifyToken", "date", "source", "notes"}
READ = """
import json, sys
from huggingface_hub import HfApi
for entry in HfApi().model_info(sys.argv[1], expand=["evalResults"]).eval_results:
    print(json.dumps(vars(entry)))
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[StandInHub]:
    """A Hub with a model."""
    with serve_hub() as running:
        running.repos[PAGE] = Repo()
        yield running


@pytest.fixture(scope="module")
def folder(hub: StandInHub, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release that is on the Hub, and a result on it with a measured gap."""
    folder = tmp_path_factory.mktemp("pages")
    for split in ("v9/sd-l", "v8/real"):
        version, _, name = split.partition("/")
        write_release(folder / version, [3, 7, 11, 13], version=version, split=name)
    hub.put_folder(SETS, folder / "v9", tag="v1.0.0")
    places = ["--data", f"v9={folder / 'v9'}", "--data", f"v8={folder / 'v8'}"]
    run = ["evaluate", "--model", MODEL, "--split", "v9/sd-l", "--reference", "v8/real", *places]
    assert main([*run, "--out", str(folder / "out"), "--cache", str(folder / "cache")]) == 0
    return folder


@pytest.fixture
def result(folder: Path) -> Result:
    """The result."""
    return load_result(next((folder / "out").iterdir()))


def find_entry(result: Result) -> Entry:
    """The entry of the generated split."""
    return next(entry for entry in result.entries if entry.split.name == "sd-l")


def send(hub: StandInHub, folder: Path, home: Path, *words: object, token: str | None = OWNER_TOKEN) -> Done:
    """Run the command."""
    client = Client(hub.url, home, token=token)
    return client.run("publish-results", folder / "out", "--model-repo", PAGE, *words)


def test_the_hubs_client_reads_the_value_that_was_sent(
    hub: StandInHub, folder: Path, result: Result, tmp_path: Path
) -> None:
    """Top-1 in percent of one task, pinned to the commit of the data set, with its notes and source."""
    done = send(hub, folder, tmp_path, *DATASET)
    assert done.code == 0, done.err
    (line,) = Client(hub.url, tmp_path).run_python(READ, PAGE).splitlines()
    read, entry = json.loads(line), find_entry(result)
    assert (read["dataset_id"], read["task_id"]) == (SETS, "v9/sd-l")
    assert read["dataset_revision"] == hub.repos[SETS].tags["v1.0.0"]
    assert read["value"] == pytest.approx(100 * choose_task_score(entry).top1.value, abs=1e-4)
    assert read["notes"] == format_eval_notes(entry, result)
    assert read["source_url"].startswith(f"https://huggingface.co/datasets/{SETS}/tree/")
    assert "v8/real is of a version that is not published" in done.err
    assert "their list of benchmarks" in done.err


def test_a_dry_run_shows_what_would_be_written_and_sends_nothing(
    hub: StandInHub, folder: Path, tmp_path: Path
) -> None:
    """It needs no token, and --dry is enough to type."""
    before = hub.count("POST", "/api/models/")
    done = send(hub, folder, tmp_path, *DATASET, "--dry", token=None)
    assert done.code == 0, done.err
    name, _, text = done.out.partition("\n\n")
    assert name == PATH
    (entry,) = yaml.safe_load(text[: text.rindex("\nfiles that")])
    assert entry["dataset"]["task_id"] == "v9/sd-l"
    assert hub.count("POST", "/api/models/") == before


def test_values_link_to_results_that_are_sent_along(hub: StandInHub, folder: Path, tmp_path: Path) -> None:
    """At the commit that holds them."""
    done = send(hub, folder, tmp_path, *DATASET, "--repo", "org/results")
    assert done.code == 0, done.err
    repo = hub.repos["org/results"]
    (entry,) = read_page(hub)
    commit = repo.branches["main"]
    assert entry["source"]["url"].startswith(
        f"https://huggingface.co/datasets/org/results/tree/{commit}/results/"
    )
    inside = entry["source"]["url"].partition(f"{commit}/")[2]
    assert any(path.startswith(f"{inside}/") for path in repo.commits[commit].tree)


def read_page(hub: StandInHub) -> list[dict[str, Any]]:
    """The values of the model."""
    repo = hub.repos[PAGE]
    return list(yaml.safe_load(repo.commits[repo.branches["main"]].tree[PATH].data))


def test_others_propose_their_values(hub: StandInHub, folder: Path, tmp_path: Path) -> None:
    """A reader may not commit, and may open a pull request."""
    words = ("publish-results", folder / "out", "--model-repo", PAGE, *DATASET)
    reader = Client(hub.url, tmp_path, token=READER_TOKEN)
    refused, proposed = reader.run_all(words, (*words, "--pull-request"))
    assert (refused.code, f"may not write to '{PAGE}'" in refused.err) == (2, True)
    assert "/discussions/1" in proposed.out, proposed.err


def copy_out(folder: Path, place: Path, name: str, old: str, new: str) -> Path:
    """A copy of the results in a folder of a name, with other words in its result file."""
    made = shutil.copytree(next((folder / "out").iterdir()), place / name) / "result.json"
    made.write_text(made.read_text().replace(old, new))
    return place


@pytest.fixture(scope="module")
def refusals(hub: StandInHub, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """What requests that are each wrong in one way end in; of one process, as each takes seconds."""
    place = tmp_path_factory.mktemp("refused")
    write_release(place / "other", [5, 6, 7, 8], version="v9")
    hub.put_folder("org/other", place / "other", tag="v1.0.0")
    hub.put_folder("org/clean", folder / "v8", tag="v1.0.0")
    two = copy_out(folder, copy_out(folder, place / "two", "a", "", ""), "b", MODEL, "timm:other")
    results = load_result(next((folder / "out").iterdir()))
    top1 = choose_task_score(find_entry(results)).top1.value
    edited = copy_out(folder, place / "edited", "a", f'"value": {top1},', '"value": 0.5,')
    page = ("--model-repo", PAGE)
    asked: dict[str, tuple[object, ...]] = {
        "no model": (folder / "out", "--model-repo", "org/absent", *DATASET),
        "other images": (folder / "out", *page, "--dataset", "v9=org/other@v1.0.0"),
        "other version": (folder / "out", *page, "--dataset", "v9=org/clean@v1.0.0"),
        "no tag": (folder / "out", *page, "--dataset", f"v9={SETS}@v7"),
        "two models": (two, *page, *DATASET),
        "edited": (edited, *page, *DATASET),
    }
    done = Client(hub.url, place / "home").run_all(*(("publish-results", *words) for words in asked.values()))
    return dict(zip(asked, done, strict=True))


@pytest.mark.parametrize(
    ("case", "said"),
    [
        # It is the model's own, and is not made.
        ("no model", "There is no model 'org/absent' on the Hub"),
        ("other images", "other images than v9/sd-l"),
        ("other version", "is version 'v8' with real"),
        ("no tag", "Unknown revision 'v7'"),
        ("two models", "results of 2 models"),
        # A value stands beside those of other models.
        ("edited", "its predictions give 25.00"),
    ],
)
def test_a_request_that_is_wrong_sends_nothing(case: str, said: str, refusals: dict[str, Done]) -> None:
    """Each has one message that names what is wrong."""
    assert refusals[case].code == 2
    assert said in refusals[case].err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Give a destination"),
        (("--repo", "a/b", "--source", "https://x.org"), "go with --model-repo"),
        (("--model-repo", "a"), "Malformed repository 'a'"),
        (("--model-repo", "a/b", "--source", "javascript:alert(1)"), "no address of a page"),
        (("--model-repo", "a/b", "--dataset", "v9"), "Malformed --dataset 'v9'"),
        (("--model-repo", "a/b", "--dataset", "v9=org/x"), "names no revision"),
        (("--model-repo", "a/b", *DATASET, *DATASET), "twice"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(
    words: tuple[str, ...], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the Hub is asked."""
    assert main(["publish-results", str(folder / "out"), *words]) == 2
    assert said in capsys.readouterr().err


def test_an_unpublished_version_has_no_value(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message says how to name one."""
    assert main(["publish-results", str(folder / "out"), "--model-repo", PAGE, "--dry-run"]) == 2
    assert "--dataset VERSION=ORG/NAME@TAG" in capsys.readouterr().err


def test_the_text_is_of_the_documented_schema(result: Result) -> None:
    """Keys of hub-docs' eval_results.yaml, and the client's parser gives the same entry."""
    dataset, source = EvalDataset("org/sets", "a" * 40), EvalSource("https://x.org/r", "Result")
    content = yaml.safe_load(format_eval_result(find_entry(result), result, dataset, source))
    (raw,) = content
    assert REQUIRED <= set(raw) <= REQUIRED | OPTIONAL
    assert set(raw["dataset"]) == {"id", "task_id", "revision"}
    assert set(raw["source"]) <= {"url", "name", "user", "org"}
    # A date without quotes would come back as no string.
    assert isinstance(raw["date"], str)
    (entry,) = parse_eval_result_entries(content)
    assert (entry.dataset_id, entry.value, entry.source_url) == ("org/sets", raw["value"], "https://x.org/r")


def test_notes_hold_gap_reference_and_outputs(result: Result) -> None:
    """The value is one number; the rest of the result is here."""
    notes = format_eval_notes(find_entry(result), result)
    assert "top-1 in percent (4.6 to 69.9, 95 %) of 4 images, among the split's 4 classes" in notes
    assert "AG 0.00" in notes
    assert "from 25.00 on v8/real" in notes
    assert MODEL in notes


@pytest.mark.parametrize(("weak", "marks"), [(False, ""), (True, ", weak line")])
def test_notes_hold_effective_robustness_with_its_line_and_cautions(
    weak: bool, marks: str, result: Result
) -> None:
    """In points, like the value; what is weak about the line stands beside it."""
    record = EffectiveRobustness.model_validate({
        "baseline": "drawn", "baseline_sha256": "0" * 64, "link": "logit", "value": -0.125, "low": -0.25,
        "high": 0.05, "clustered": True, "expected_top1": 0.375, "band_low": 0.2, "band_high": 0.5,
        "axis": "v8/real", "slope": 1.0, "intercept": 0.0, "r2": 0.9, "num_models": 8, "num_families": 6,
        "reference_low": 0.1, "reference_high": 0.9, "extrapolated": False, "weak": weak,
        "num_resamples": 10, "seed": 0,
    })  # fmt: skip
    entry = find_entry(result).model_copy(update={"effective_robustness": (record,)})
    assert f"; ER −12.50 (−25.0 to +5.0) against drawn (logit{marks}); " in format_eval_notes(entry, result)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"limit": 2}, "--limit"),
        ({"unscored_count_as": "left-out", "n_unscored": 1}, "leaves out 1 unreadable images"),
        ({"label_rule": "pairs"}, "other labels"),
    ],
)
def test_a_value_that_is_not_comparable_is_none(change: dict[str, Any], said: str, result: Result) -> None:
    """Each reason is said."""
    entry = find_entry(result)
    assert find_obstacle(entry) is None
    assert said in str(find_obstacle(entry.model_copy(update=change)))
    view = entry.split.model_copy(update={"view": "clip-filtered"})
    assert "one task a split" in str(find_obstacle(entry.model_copy(update={"split": view})))
    real = entry.split.model_copy(update={"version": None})
    assert "no split of a version" in str(find_obstacle(entry.model_copy(update={"split": real})))


def test_the_value_is_over_the_classes_of_the_split_whatever_the_gap_is_over(result: Result) -> None:
    """A published reference has all 1000 outputs; values of one task must be comparable."""
    entry = find_entry(result)
    gap = entry.gaps[0]
    published = gap.reference.model_copy(update={"outputs": "all", "num_outputs": 1000})
    changed = entry.model_copy(update={"gaps": (gap.model_copy(update={"reference": published}),)})
    assert choose_headline(changed).outputs == "all"
    assert choose_task_score(changed) == choose_task_score(entry)
    assert choose_task_score(entry).outputs == "split-classes"
    assert "from 25.00 on v8/real, over 1000 outputs" in format_eval_notes(changed, result)


def test_a_result_of_earlier_statistics_is_brought_up_first(folder: Path, result: Result) -> None:
    """Its gap went by other rules."""
    old = result.model_copy(update={"statistics": 1})
    with pytest.raises(DataError, match="score --upgrade RESULT"):
        check_values(old, folder, {})


def test_a_data_set_is_read_once_however_many_of_its_splits_were_scored(
    folder: Path, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each value is of the commit that was read."""
    opened: list[HubSource] = []

    def open_local(place: HubSource) -> HubRelease:
        opened.append(place)
        commit = HubSource(SETS, "a" * 40)
        return HubRelease(
            folder=folder / "v9", source=commit, manifest=load_manifest(folder / "v9"), origin="hub"
        )

    monkeypatch.setattr(model_pages, "open_hub_release", open_local)
    twice = result.model_copy(update={"entries": (*result.entries, find_entry(result))})
    place = HubSource(SETS, "v1.0.0")
    values = check_values(twice, next((folder / "out").iterdir()), {"v9": place})
    assert opened == [place]
    assert [dataset.commit for _, dataset in values.entries] == ["a" * 40] * 2


def test_files_of_tasks_never_meet() -> None:
    """Names of versions and splits have dashes of their own."""
    assert make_eval_path("mini", "v2-real") != make_eval_path("mini-v2", "real")
    assert make_eval_path("../up", "x").count("/") == 1
