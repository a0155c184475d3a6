"""Distances from images to report, under tiny CLIPs of open_clip's real class."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from image_sets import write_class_folders, write_release
from PIL import Image
from pydantic import ValidationError
from rich.console import Console
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from tiny_clip import build_tiny_clip
from toy_models import make_toy_split

from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.distances.embeddings import embed_rows
from imagenet_g.benchmark.distances.measures import compute_mean
from imagenet_g.benchmark.distances.report import make_report
from imagenet_g.benchmark.distances.results import DistanceReport
from imagenet_g.benchmark.models.clip_encoders import load_clip_encoder
from imagenet_g.benchmark.splits.manifests import ThresholdView, load_manifest, write_manifest

WNIDS = [info.wnid for info in load_classes()[:4]]
SETTINGS = InferenceSettings(device="cpu", dtype="float32", batch_size=4, workers=2)


def write_noise(root: Path, wnids: list[str], *, per_class: int, seed: int) -> Path:
    """A folder of classes, each with noise about a colour of its own."""
    rng = np.random.default_rng(seed)
    for wnid in wnids:
        colour = np.random.default_rng(load_index_by_wnid()[wnid]).integers(40, 216, 3)
        (root / wnid).mkdir(parents=True)
        for number in range(per_class):
            pixels = np.clip(colour + rng.normal(0, 40, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / wnid / f"{number:03d}.png")
    return root


def load_report(path: Path) -> DistanceReport:
    """The file that the command wrote."""
    return DistanceReport.model_validate_json(path.read_bytes())


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two CLIPs of other weights."""
    root = tmp_path_factory.mktemp("clips")
    folders = (build_tiny_clip(root / "one", seed=1), build_tiny_clip(root / "two", seed=2))
    return f"open_clip:local-dir:{folders[0]}", f"open_clip:local-dir:{folders[1]}"


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A split of three classes and a reference of those and a fourth."""
    root = tmp_path_factory.mktemp("sets")
    split = write_noise(root / "split", WNIDS[:3], per_class=5, seed=1)
    reference = write_noise(root / "reference", WNIDS, per_class=9, seed=2)
    return split, reference


def run(out: Path, split: object, reference: object, clips: tuple[str, ...], *words: str) -> tuple[int, Path]:
    """The command; its exit code and where its report is."""
    named = [word for clip in clips for word in ("--clip", clip)]
    options = ["--cache", str(out / "cache"), "--out", str(out / "d.json"), "--device", "cpu", *words]
    return main(["distance", "--split", str(split), "--reference", str(reference), *named, *options]), (
        out / "d.json"
    )


@pytest.fixture(scope="module")
def report(
    sets: tuple[Path, Path], clips: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> DistanceReport:
    """Both CLIPs on both folders, in 6 dimensions."""
    out = tmp_path_factory.mktemp("report")
    words = ("--components", "6", "--csv", str(out / "d.csv"))
    code, path = run(out, f"folder:{sets[0]}", f"folder:{sets[1]}", clips, *words)
    assert code == 0
    rows = list(csv.DictReader(io.StringIO((out / "d.csv").read_text())))
    assert len(rows) == 6
    assert rows[0]["wnid"] == WNIDS[0]
    return load_report(path)


def encode(folder: Path, clip: str) -> np.ndarray:
    """open_clip's own embeddings of a class folder, float64."""
    model, _, transform = open_clip.create_model_and_transforms(clip.removeprefix("open_clip:"))
    images = torch.stack([transform(Image.open(path)) for path in sorted(folder.glob("*.png"))])
    with torch.no_grad():
        return np.asarray(model.eval().encode_image(images, normalize=True).double())


def test_embeddings_in_bfloat16_have_length_1_and_a_float32_projection(clips: tuple[str, str]) -> None:
    """A cosine of vectors that were normalised in bfloat16 would be off by up to 0.004 each."""
    encoder, settings = load_clip_encoder(clips[0]), replace(SETTINGS, dtype="bfloat16")
    split = make_toy_split([1, 2, 3])
    vectors = embed_rows(encoder, split, [0, 1, 2], settings=settings, cache=None).vectors
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    assert encoder.model.visual.proj.dtype == torch.float32
    exact = embed_rows(load_clip_encoder(clips[0]), split, [0, 1, 2], settings=SETTINGS, cache=None).vectors
    assert (vectors * exact).sum(axis=1) == pytest.approx(1, abs=1e-3)


def test_the_numbers_are_those_of_scipy_and_scikit_learn(
    report: DistanceReport, sets: tuple[Path, Path], clips: tuple[str, str]
) -> None:
    """open_clip's embeddings, scipy's cosine, scikit-learn's PCA and LedoitWolf, class by class."""
    for measure, clip in zip(report.measures, clips, strict=True):
        known = {wnid: encode(sets[1] / wnid, clip) for wnid in WNIDS[:3]}
        pca = PCA(6, svd_solver="full").fit(np.concatenate(list(known.values())))
        for row in measure.classes:
            new, reference = encode(sets[0] / row.wnid, clip), known[row.wnid]
            cosine = 1 - cdist(new, reference.mean(axis=0)[None], "cosine").mean()
            others = [
                1 - cdist(reference[i : i + 1], np.delete(reference, i, 0).mean(axis=0)[None], "cosine")[0, 0]
                for i in range(len(reference))
            ]
            shape = LedoitWolf().fit(pca.transform(reference))
            assert row.cosine_split == pytest.approx(cosine, abs=1e-5)
            assert row.cosine_reference == pytest.approx(np.mean(others), abs=1e-5)
            assert row.reduction == pytest.approx(1 - cosine / np.mean(others), abs=1e-4)
            far = np.sqrt(shape.mahalanobis(pca.transform(new))).mean()
            assert row.mahalanobis_split == pytest.approx(far, rel=1e-2)
            assert row.shrinkage == pytest.approx(shape.shrinkage_, abs=1e-2)


def test_means_weigh_classes_alike_and_have_an_interval(report: DistanceReport) -> None:
    """The mean of the class values, inside its bounds."""
    for measure in report.measures:
        values = [row.cosine_split for row in measure.classes]
        mean = measure.cosine_split
        assert mean.value == pytest.approx(np.mean(values))
        assert mean.low is not None and mean.high is not None
        assert mean.low <= mean.value <= mean.high


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says() -> None:
    """Over normal class values, within three standard errors of 95 %."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        mean = compute_mean(rng.normal(2.0, 1.0, 12).tolist())
        hits += (mean.low or 0.0) <= 2.0 <= (mean.high or 0.0)
    assert abs(hits / 400 - 0.95) < 3 * (0.95 * 0.05 / 400) ** 0.5 + 0.01


def test_two_clips_are_compared_by_rank(report: DistanceReport) -> None:
    """Against scipy, over the reductions."""
    first, second = ([row.reduction or 0.0 for row in m.classes] for m in report.measures)
    assert report.agreements[0].spearman == pytest.approx(spearmanr(first, second).statistic)


def test_the_report_says_which_clip_and_which_images(report: DistanceReport) -> None:
    """Names, weights, counts and what was left out; no path of this machine in the spec."""
    assert [measure.clip.spec for measure in report.measures] == [
        "open_clip:local-dir:one", "open_clip:local-dir:two",
    ]  # fmt: skip
    assert report.measures[0].clip.weights_sha256 != report.measures[1].clip.weights_sha256
    assert (report.split.n, report.reference.n) == (15, 27)
    assert report.split.missing_wnids == (WNIDS[3],)
    assert all(measure.independent for measure in report.measures)
    assert not any("One CLIP only" in warning for warning in report.warnings)


def test_a_poor_covariance_is_shrunk(report: DistanceReport) -> None:
    """Nine images in six dimensions have a poor covariance of their own: it is mixed with a round one."""
    assert all(row.mahalanobis_split is not None for row in report.measures[0].classes)
    assert all(0 < (row.shrinkage or 0) < 1 for row in report.measures[0].classes)


def test_fewer_images_than_dimensions_are_measured_and_reported(
    sets: tuple[Path, Path], clips: tuple[str, str], tmp_path: Path
) -> None:
    """Nine images a class in 26 dimensions, all that 27 images span of the 64 asked for."""
    code, path = run(tmp_path, f"folder:{sets[0]}", f"folder:{sets[1]}", clips[:1])
    report = load_report(path)
    assert code == 0
    assert all(np.isfinite(row.mahalanobis_split or np.nan) for row in report.measures[0].classes)
    assert any("no more reference images than the 26 dimensions" in line for line in report.warnings)
    assert any("span 26 dimensions, not the 64" in line for line in report.warnings)


def test_few_images_are_reported(sets: tuple[Path, Path], clips: tuple[str, str], tmp_path: Path) -> None:
    """Two reference images have no Mahalanobis distance, one has no reduction either; one CLIP is too few."""
    words = ("--per-class", "2")
    code, path = run(tmp_path, f"folder:{sets[0]}", f"folder:{sets[1]}", clips[:1], *words)
    two = load_report(path)
    assert code == 0
    assert all(row.mahalanobis_split is None and row.reduction is not None for row in two.measures[0].classes)
    code, path = run(tmp_path, f"folder:{sets[0]}", f"folder:{sets[1]}", clips[:1], "--per-class", "1")
    one = load_report(path)
    assert all(row.reduction is None for row in one.measures[0].classes)
    for found in ("3 of 3 classes have no Mahalanobis", "single reference image", "One CLIP only"):
        assert any(found in warning for warning in one.warnings)


def test_equal_images_are_reported_and_not_divided_by(clips: tuple[str, str], tmp_path: Path) -> None:
    """A reference of copies has a cosine of 1 and no shape."""
    for wnid in WNIDS[:2]:
        (tmp_path / "copies" / wnid).mkdir(parents=True)
        for number in range(5):
            Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "copies" / wnid / f"{number}.png")
    ref = f"folder:{tmp_path / 'copies'}"
    code, path = run(tmp_path, ref, ref, clips[:1])
    measure = load_report(path).measures[0]
    assert code == 0
    assert measure.pca is None
    assert measure.mahalanobis_split is None
    assert measure.reduction is not None and measure.reduction.value == pytest.approx(0.0, abs=1e-6)


def refuse(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a command that exits with 2 says."""
    capsys.readouterr()
    assert main(["distance", *map(str, arguments)]) == 2
    return capsys.readouterr().err


def test_bad_inputs_are_refused_by_name(
    sets: tuple[Path, Path], clips: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Classes that do not overlap, a class without images on one side, an unknown CLIP, class or split."""
    other = write_class_folders(tmp_path / "other", [load_classes()[500].wnid], per_class=2)
    split, reference = f"folder:{sets[0]}", f"folder:{sets[1]}"
    common = ("--cache", tmp_path / "c", "--out", tmp_path / "d.json", "--clip", clips[0])
    pair = ("--split", split, "--reference", reference)
    assert "share no class" in refuse(capsys, "--split", split, "--reference", f"folder:{other}", *common)
    message = refuse(capsys, *pair, *common, "--class", WNIDS[3])
    assert WNIDS[3] in message and "has no image in" in message and str(sets[0]) in message
    assert "Unknown wnid" in refuse(capsys, *pair, *common, "--class", "n00000000")
    named = refuse(capsys, *pair, "--clip", "open_clip:ViT-B-32/opnai", *common[:4])
    assert "Did you mean" in named and "openai" in named
    assert "another model" in refuse(capsys, *pair, "--clip", "timm:resnet50", *common[:4])
    assert "No CLIP is on this machine" in refuse(capsys, *pair, *common[:4])
    missing = refuse(capsys, *pair, *common[:4], "--clip", f"open_clip:local-dir:{tmp_path / 'none'}")
    assert "not a folder that open_clip saved a model to" in missing
    assert not (tmp_path / "d.json").exists()


def test_unreadable_images_are_left_out_and_named(clips: tuple[str, str], tmp_path: Path) -> None:
    """One broken file costs one image."""
    folder = write_noise(tmp_path / "some", WNIDS[:2], per_class=4, seed=3)
    (folder / WNIDS[0] / "001.png").write_bytes(b"not an image")
    code, path = run(tmp_path, f"folder:{folder}", f"folder:{folder}", clips[:1])
    report = load_report(path)
    assert code == 0
    assert [image.image_id for image in report.split.unreadable] == [f"{WNIDS[0]}/001.png"]
    assert report.split.n == 7
    assert report.measures[0].classes[0].n_split == 3


def test_embeddings_are_computed_once(clips: tuple[str, str], tmp_path: Path) -> None:
    """What was kept is not read again; what is missing or damaged is."""
    encoder, split = load_clip_encoder(clips[0]), make_toy_split(list(range(20)))
    first = embed_rows(encoder, split, range(8), settings=SETTINGS, cache=tmp_path)
    second = embed_rows(encoder, split, range(20), settings=SETTINGS, cache=tmp_path)
    assert (first.num_computed, second.num_computed) == (8, 12)
    assert np.array_equal(second.vectors[:8], first.vectors)
    fresh = embed_rows(encoder, split, range(20), settings=SETTINGS, cache=None)
    np.testing.assert_allclose(second.vectors, fresh.vectors, atol=1e-6)
    for path in (tmp_path / "embeddings").rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:40])
    assert embed_rows(encoder, split, range(20), settings=SETTINGS, cache=tmp_path).num_computed == 20


def test_an_interrupted_run_goes_on(clips: tuple[str, str], tmp_path: Path) -> None:
    """Chunks that were done are kept."""
    encoder, split = load_clip_encoder(clips[0]), make_toy_split([n % 500 for n in range(300)])

    def stop(done: int, total: int) -> None:
        if done >= 128:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_rows(encoder, split, range(300), settings=SETTINGS, cache=tmp_path, on_progress=stop)
    rest = embed_rows(encoder, split, range(300), settings=SETTINGS, cache=tmp_path)
    assert rest.num_computed == 300 - 128
    assert len(rest.vectors) == 300


def test_other_weights_and_other_images_have_other_embeddings(clips: tuple[str, str], tmp_path: Path) -> None:
    """The key tells them apart."""
    split = make_toy_split([1, 2, 3])
    made = [
        embed_rows(load_clip_encoder(clip), split, range(3), settings=SETTINGS, cache=tmp_path)
        for clip in clips
    ]
    assert [part.num_computed for part in made] == [3, 3]
    assert not np.allclose(made[0].vectors, made[1].vectors)


def test_a_setting_of_a_local_folder_makes_other_embeddings(tmp_path: Path) -> None:
    """The weights are the same, and so are the layers as they print: only the pooling differs."""
    folder, split = build_tiny_clip(tmp_path / "clip"), make_toy_split([1, 2, 3])
    clip = f"open_clip:local-dir:{folder}"
    embed_rows(load_clip_encoder(clip), split, range(3), settings=SETTINGS, cache=tmp_path)
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["vision_cfg"]["pool_type"] = "avg"
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    encoder = load_clip_encoder(clip)
    again = embed_rows(encoder, split, range(3), settings=SETTINGS, cache=tmp_path)
    fresh = embed_rows(encoder, split, range(3), settings=SETTINGS, cache=None)
    assert again.num_computed == 3
    np.testing.assert_array_equal(again.vectors, fresh.vectors)


@pytest.fixture(scope="module")
def filtered(clips: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release filtered by the first CLIP, whose prompts were optimised by the second."""
    folder = tmp_path_factory.mktemp("filtered")
    view = ThresholdView(column="clip_score.one", minimum=0.2)
    from datasets import Value

    write_release(
        folder, [0] * 4 + [1] * 4, views={"clip-filtered": view},
        extra={"clip_score.one": Value("float32")}, columns={"clip_score.one": [0.1, 0.3] * 4},
    )  # fmt: skip
    hashes = [load_clip_encoder(clip).record.weights_sha256 for clip in clips]
    recipe = {
        "scorers": {"one": {"model": "open_clip:local-dir:one", "weights_sha256": hashes[0]}},
        "recipe": {"prompts": {"clip": {"spec": "open_clip:local-dir:two", "weights_sha256": hashes[1]}}},
    }
    manifest = load_manifest(folder)
    split = manifest.splits["sd-l"].model_copy(update={"recipe": recipe})
    write_manifest(folder, manifest.model_copy(update={"splits": {"sd-l": split}}))
    return folder


def test_a_clip_that_chose_or_made_the_images_is_called_so(
    filtered: Path, sets: tuple[Path, Path], clips: tuple[str, str], tmp_path: Path
) -> None:
    """The filter's CLIP under a filtered view only, the prompts' CLIP always; then none is independent."""
    words = ("--data", f"v9={filtered}")
    _, path = run(tmp_path, "v9/sd-l", f"folder:{sets[1]}", clips, *words)
    whole = load_report(path)
    assert [measure.independent for measure in whole.measures] == [True, False]
    assert any("was made to be far by open_clip:local-dir:two" in warning for warning in whole.warnings)
    _, path = run(tmp_path, "v9/sd-l:clip-filtered", f"folder:{sets[1]}", clips, *words)
    seen = load_report(path)
    assert [measure.independent for measure in seen.measures] == [False, False]
    assert any("was filtered by open_clip:local-dir:one" in warning for warning in seen.warnings)
    assert any("No CLIP here is independent" in warning for warning in seen.warnings)
    assert seen.split.n == 4
    assert {(use.part, use.role) for use in seen.clip_uses} == {("split", "filter"), ("split", "recipe")}


def test_a_filter_by_a_clip_nobody_names_is_called_unknown(
    sets: tuple[Path, Path], clips: tuple[str, str], tmp_path: Path
) -> None:
    """A release without a recipe."""
    from datasets import Value

    view = ThresholdView(column="clip_score.x", minimum=0.2)
    folder = write_release(
        tmp_path / "release", [0, 0, 1, 1], views={"kept": view},
        extra={"clip_score.x": Value("float32")}, columns={"clip_score.x": [0.3] * 4},
    )  # fmt: skip
    _, path = run(tmp_path, "v9/sd-l:kept", f"folder:{sets[1]}", clips[:1], "--data", f"v9={folder}")
    assert any("that its release does not name" in warning for warning in load_report(path).warnings)


def test_the_table_names_clips_classes_and_warnings(report: DistanceReport) -> None:
    """What a person reads."""
    console = Console(width=160, file=io.StringIO())
    console.print(make_report(report, num_shown=1))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for expected in ("open_clip:local-dir:one", "reduction %", WNIDS[3], "Spearman", "15 images", "to"):
        assert expected in text


def test_images_on_both_sides_are_counted(
    sets: tuple[Path, Path], clips: tuple[str, str], tmp_path: Path, report: DistanceReport
) -> None:
    """By the images, not by the names of the sets."""
    code, path = run(tmp_path, f"folder:{sets[0]}", f"folder:{sets[0]}", clips[:1])
    assert code == 0
    assert any("15 images are on both sides" in warning for warning in load_report(path).warnings)
    assert not any("on both sides" in warning for warning in report.warnings)


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_figures_are_written(
    sets: tuple[Path, Path], clips: tuple[str, str], tmp_path: Path, kind: str
) -> None:
    """A bar chart a CLIP and a plot a class, not empty."""
    words = ("--plots", str(tmp_path / "plots"), "--plot-format", kind, "--plot-class", WNIDS[1])
    code, _ = run(tmp_path, f"folder:{sets[0]}", f"folder:{sets[1]}", clips, *words)
    assert code == 0
    names = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert names == sorted(
        f"{stem}.{kind}"
        for clip in ("one", "two")
        for stem in (f"reduction-open_clip-local-dir-{clip}", f"pca-open_clip-local-dir-{clip}-{WNIDS[1]}")
    )
    assert all(path.stat().st_size > 2000 for path in (tmp_path / "plots").iterdir())


def test_a_mistyped_class_of_a_plot_is_reported_before_anything_is_measured(
    sets: tuple[Path, Path], clips: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not behind hours of features."""
    words = ("--plots", str(tmp_path / "plots"), "--plot-class", "n99999999")
    code, path = run(tmp_path, f"folder:{sets[0]}", f"folder:{sets[1]}", clips, *words)
    assert code == 2
    assert "n99999999" in capsys.readouterr().err
    assert not path.exists()
    assert not (tmp_path / "cache").exists()


def test_a_report_with_an_unknown_key_is_refused(report: DistanceReport) -> None:
    """As every file."""
    with pytest.raises(ValidationError, match="extra"):
        DistanceReport.model_validate_json(json.dumps({**json.loads(report.model_dump_json()), "extra": 1}))
