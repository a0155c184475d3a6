"""`imagenet-g filter`: a release's filtered views for images that are not the release's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filter_cases import VIEW, make_answers, open_split
from image_sets import write_class_folders
from tiny_clip import build_tiny_clip

from factories import make_meta
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.filters.kept import KeptMeta, KeptScores, attach_kept, load_kept, write_kept
from imagenet_g.benchmark.filters.quality import find_quality_filter
from imagenet_g.benchmark.filters.twins import choose_reference_view
from imagenet_g.benchmark.predictions.evidence import Evidence, restrict_to_view
from imagenet_g.benchmark.predictions.predictions import write_predictions
from imagenet_g.benchmark.splits.folders import load_folder
from imagenet_g.benchmark.splits.manifests import (
    Manifest,
    ScorerRecord,
    SplitManifest,
    ThresholdView,
)
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.splits.views import apply_view
from imagenet_g.generation.filtering import scoring
from imagenet_g.generation.filtering.like import list_filters
from imagenet_g.generation.filtering.scoring import score_set
from imagenet_g.generation.rendering.scorer import ImageModel

COLUMN = "clip_score.mini-clip"
ROWS = range(0, 1040, 26)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of kept scores of the test's own."""
    monkeypatch.setenv("IMAGENET_G_SCORES", str(tmp_path / "scores"))
    return tmp_path / "scores"


def write_real(folder: Path) -> Path:
    """Forty images of mini/real as a folder of classes, named by their row."""
    split = open_split("mini/real")
    for row in ROWS:
        place = folder / load_classes()[int(split.rows.labels[row, 0])].wnid
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{row:05d}.jpg").write_bytes(split.reader.read_image(row))
    return folder


def filter_folder(folder: Path, tmp_path: Path, *words: str, like: str = "mini-v2", code: int = 0) -> None:
    """Run the command."""
    cache = str(tmp_path / "cache")
    words = ("filter", f"folder:{folder}", "--like", like, "--cache", cache, "--workers", "1", *words)
    assert main(list(words)) == code


def open_folder(folder: Path) -> Split:
    """The folder as every command opens it."""
    return load_split(parse_split_ref(f"folder:{folder}"), data={}, cache=None)


def test_images_that_are_not_the_releases_get_its_scores_and_its_views(
    tmp_path: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same images in a folder score as in the release, to the rounding of another batch."""
    folder = write_real(tmp_path / "real")
    before = sorted(folder.rglob("*"))
    filter_folder(folder, tmp_path)
    split = open_folder(folder)
    rows = [int(Path(name).stem) for name in split.rows.image_ids]
    theirs = np.array(open_split("mini/real").reader.read_column(COLUMN), dtype=np.float64)[rows]
    found = np.array(split.reader.read_column(f"{COLUMN}-like-mini-v2"), dtype=np.float64)
    assert np.allclose(found, theirs, atol=1e-5)
    kept = apply_view(split, VIEW)[0]
    assert kept.tolist() == np.flatnonzero(theirs >= 0.6).tolist()
    printed = capsys.readouterr().out
    assert f"folder:{folder}:{VIEW}: {len(kept)} of 40 images" in printed
    assert f"scores kept in {store / split.record.content_sha256 / 'mini-v2.parquet'}" in printed
    assert sorted(folder.rglob("*")) == before

    # A filtered split takes it for its reference, and the word by which it is asked for is known.
    assert choose_reference_view(open_split("mini-v2/sd-l"), VIEW, split) == VIEW
    assert parse_split_ref(f"folder:{folder}:{VIEW}").view == VIEW
    # Another image under the same name is another set, and has no score.
    next(folder.rglob("*.jpg")).write_bytes(open_split("mini/real").reader.read_image(1))
    with pytest.raises(UnknownNameError, match=f"Unknown view '{VIEW}'"):
        apply_view(open_folder(folder), VIEW)


def test_stored_predictions_are_restricted_without_the_images(tmp_path: Path, store: Path) -> None:
    """As `score --view` and a filtered reference do."""
    folder = write_real(tmp_path / "real")
    filter_folder(folder, tmp_path)
    split = open_folder(folder)
    whole = make_answers("mini/real")
    predictions = whole.predictions.take(np.array([int(Path(n).stem) for n in split.rows.image_ids]))
    predictions = replace(predictions, image_ids=split.rows.image_ids, restricted={})
    meta = make_meta(predictions).model_copy(update={"split": split.record})
    write_predictions(tmp_path / "p.parquet", predictions, meta)
    seen = restrict_to_view(Evidence.from_file(tmp_path / "p.parquet"), VIEW, data={})
    assert len(seen.predictions) == len(apply_view(split, VIEW)[0])
    assert seen.quality_filter == find_quality_filter(split, VIEW)


def test_a_release_that_has_the_scores_is_not_scored(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own columns decide, and nothing is written."""
    assert main(["filter", "mini/real", "--like", "mini-v2/sd-l"]) == 0
    assert "mini/real:clip-filtered: 1,004 of 1,040 images" in capsys.readouterr().out
    assert not store.exists()


def test_a_scorer_of_other_weights_is_refused(
    tmp_path: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any image is scored, with both hashes."""
    folder = write_class_folders(tmp_path / "few", ["n01440764"])
    clip = build_tiny_clip(tmp_path / "clip")
    filter_folder(folder, tmp_path, "--scorer", f"mini-clip=open_clip:local-dir:{clip}", code=2)
    told = capsys.readouterr().err
    assert "was scored by f8241b65be32c764" in " ".join(told.split())
    assert not store.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["folder:{0}", "--like", "v1"], "has not been published yet"),
        (["folder:{0}", "--like", "mini/nothing"], "Unknown split 'mini/nothing'"),
        (["folder:{0}", "--like", "mini/renditions"], "no view that a scorer's column decides"),
        (["mini/real:clip-filtered", "--like", "mini"], "Filter the whole set"),
        (["folder:{0}", "--like", "mini", "--scorer", "x"], "Malformed --scorer 'x'"),
        (["folder:{0}", "--like", "a/b/c"], "Malformed release 'a/b/c'"),
    ],
)
def test_what_cannot_be_filtered_is_said_in_one_message(
    tmp_path: Path, store: Path, capsys: pytest.CaptureFixture[str], words: Sequence[str], message: str
) -> None:
    """And no traceback."""
    folder = write_class_folders(tmp_path / "few", ["n01440764"])
    assert main(["filter", *(word.format(folder) for word in words)]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert message in told
    assert told.startswith("imagenet-g: ")


class CountingScorer:
    """Scores an image by the red of its first pixel and its label, and counts."""

    compares_sources = False

    def __init__(self) -> None:
        self.seen = 0
        self.stop_after = 10**9
        self.model = ImageModel(lambda image: torch.tensor(image.getpixel((0, 0))), torch.Tensor.float, "cpu")

    def describe(self) -> dict[str, Any]:
        """Nothing that matters here."""
        return {}

    def identify(self) -> str:
        """Its only version."""
        return "one"

    def rate(
        self, outputs: torch.Tensor, labels: Sequence[int], sources: Sequence[torch.Tensor] = ()
    ) -> dict[str, list[float]]:
        """Red and label."""
        if self.seen + len(labels) > self.stop_after:
            raise KeyboardInterrupt
        self.seen += len(labels)
        reds = [red + label / 1000 for red, label in zip(outputs[:, 0].tolist(), labels, strict=True)]
        return {"clip_score.c": reds, "label_rank.c": [float(label) for label in labels]}


def score_all(split: Split, scorer: CountingScorer, folder: Path) -> scoring.ScoredSet:
    """Score with one thread and no progress."""
    return score_set(split, scorer, folder=folder, workers=1, on_progress=lambda done, total: None)


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is scored twice, and the columns are those of one run."""
    monkeypatch.setattr(scoring, "PART_ROWS", 4)
    names = [info.wnid for info in load_classes()[:10]]
    split = load_folder(write_class_folders(tmp_path / "set", names), cache=None)
    whole = score_all(split, CountingScorer(), tmp_path / "whole")
    scorer = CountingScorer()
    scorer.stop_after = 9
    with pytest.raises(KeyboardInterrupt):
        score_all(split, scorer, tmp_path / "parts")
    assert scorer.seen == 8
    scorer.stop_after = 10**9
    again = score_all(split, scorer, tmp_path / "parts")
    assert scorer.seen == 10
    assert {name: values.tolist() for name, values in again.columns.items()} == {
        name: values.tolist() for name, values in whole.columns.items()
    }


def test_an_unreadable_image_is_in_no_filtered_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its score is below every bound; a part of such images alone is none the less whole."""
    monkeypatch.setattr(scoring, "PART_ROWS", 2)
    names = [info.wnid for info in load_classes()[:6]]
    folder = write_class_folders(tmp_path / "set", names)
    for name in names[2:4]:
        (folder / name / "img_0.png").write_bytes(b"no image")
    scored = score_all(load_folder(folder, cache=None), CountingScorer(), tmp_path / "parts")
    assert scored.num_unreadable == 2
    lowest = [value == float("-inf") for value in scored.columns["clip_score.c"].tolist()]
    assert lowest == [False, False, True, True, False, False]
    assert scored.columns["label_rank.c"][2:4].tolist() == [1000, 1000]


def test_the_best_of_several_labels_counts(tmp_path: Path) -> None:
    """A real image may be called several classes; an image of a release is of its first."""
    split = load_folder(write_class_folders(tmp_path / "set", [load_classes()[5].wnid]), cache=None)
    rows = replace(split.rows, labels=np.array([[5, 700]], dtype=np.int16))
    found = score_all(replace(split, rows=rows), CountingScorer(), tmp_path / "real").columns
    assert found["clip_score.c"].tolist()[0] % 1 == pytest.approx(0.7, abs=1e-4)
    assert found["label_rank.c"].tolist() == [5]
    release = split.record.model_copy(update={"version": "v9"})
    split = replace(split, rows=rows, record=release)
    found = score_all(split, CountingScorer(), tmp_path / "release").columns
    assert found["clip_score.c"].tolist()[0] % 1 == pytest.approx(0.005, abs=1e-4)


def make_release(views: dict[str, ThresholdView], weights: str = "a") -> Manifest:
    """A release of two splits; the second has the views too, at another bound or by other weights."""
    first = {"scorers": {"b": {"model": "open_clip:x", "weights_sha256": "a" * 64}}}
    other = {"scorers": {"b": {"model": "open_clip:x", "weights_sha256": weights * 64}}}
    one, two = (
        SplitManifest(files=(), num_images=0, class_indices=(), views=dict(found), recipe=recipe)
        for found, recipe in (
            ({VIEW: ThresholdView(column="clip_score.b", minimum=0.3)}, first),
            (views, other),
        )
    )
    return Manifest(
        version="v9",
        title="A test",
        license="MIT",
        released=None,
        superseded_by=None,
        notice=None,
        made_with={},
        splits={"sd-l": one, "sd-i": two},
    )


@pytest.mark.parametrize(("minimum", "weights"), [(0.2, "a"), (0.3, "b")])
def test_splits_that_mean_different_filters_are_named_apart(minimum: float, weights: str) -> None:
    """Another bound, or other weights under the same name."""
    views = {VIEW: ThresholdView(column="clip_score.b", minimum=minimum)}
    with pytest.raises(InputError, match=f"different filters by '{VIEW}'.*--like v9/sd-i"):
        list_filters(make_release(views, weights), None)
    assert list_filters(make_release(views, weights), "sd-i").views == views


def test_views_by_other_columns_are_not_taken() -> None:
    """Neither what no scorer measured nor what needs a source image."""
    views = {
        VIEW: ThresholdView(column="clip_score.b", minimum=0.3),
        "near": ThresholdView(column="source_similarity.b", minimum=0.5),
        "fine": ThresholdView(column="beauty", minimum=5.0),
    }
    assert set(list_filters(make_release(views), "sd-i").views) == {VIEW}


def test_two_releases_that_mean_different_filters_share_no_plain_name(tmp_path: Path, store: Path) -> None:
    """Each has its own name; the plain one would be either."""
    split = load_folder(write_class_folders(tmp_path / "set", ["n01440764", "n01443537"]), cache=None)
    scorer = ScorerRecord(model="open_clip:x", weights_sha256="a" * 64)
    for like, minimum in (("v1", 0.3), ("v2", 0.5), ("v3/sd-l", 0.3)):
        meta = KeptMeta(
            content_sha256=split.record.content_sha256,
            ref=split.record.ref,
            like=like,
            manifest_sha256="0" * 64,
            scorers={"b": scorer},
            views={VIEW: ThresholdView(column="clip_score.b", minimum=minimum)},
            num_images=2,
            num_unreadable=0,
        )
        columns = {"clip_score.b": np.array([0.4, 0.6], dtype=np.float32)}
        write_kept(store, KeptScores(meta=meta, image_ids=split.rows.image_ids, columns=columns))
    found = attach_kept(split, load_kept(store, split.record.content_sha256))
    assert sorted(found.views) == [f"{VIEW}-like-{like}" for like in ("v1", "v2", "v3-sd-l")]
    assert len(apply_view(found, f"{VIEW}-like-v1")[0]) == 2
    assert len(apply_view(found, f"{VIEW}-like-v2")[0]) == 1
    alike = tuple(one for one in load_kept(store, split.record.content_sha256) if one.meta.like != "v2")
    assert VIEW in attach_kept(split, alike).views
