"""The same answers as timm's own validation, image by image, with the same weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from timm.data.config import resolve_data_config
from timm.data.dataset import ImageDataset
from timm.data.loader import create_loader

from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.models.wheel_models import find_wheel_weights
from imagenet_g.benchmark.predictions.predictions import load_predictions
from imagenet_g.benchmark.splits.references import parse_split_ref


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 images of the embedded edition as a folder by wnid, in three sizes so that resizing matters."""
    from io import BytesIO

    from PIL import Image

    folder = tmp_path_factory.mktemp("photos")
    split = load_split(parse_split_ref("mini/renditions"), data={}, cache=None)
    for number, row in enumerate(range(0, len(split.rows), 26)):
        wnid = load_classes()[int(split.rows.labels[row, 0])].wnid
        image = Image.open(BytesIO(split.reader.read_image(row))).convert("RGB")
        size = [(256, 256), (320, 240), (500, 375)][number % 3]
        (folder / wnid).mkdir(exist_ok=True)
        image.resize(size).save(folder / wnid / f"{number}.jpeg", quality=90)
    return folder


def validate_with_timm(folder: Path, class_map: Path) -> dict[str, list[int]]:
    """Top-5 by file as timm's validate.py computes it: its dataset, its loader, its test-time settings."""
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    weights = torch.load(find_wheel_weights("efficientnet-lite0"), weights_only=True)
    model.load_state_dict(dict(zip(model.state_dict(), weights.values(), strict=True)))
    config = resolve_data_config({}, model=model, use_test_size=True)
    dataset = ImageDataset(str(folder), class_map=str(class_map))
    loader = create_loader(
        dataset,
        input_size=config["input_size"],
        batch_size=32,
        use_prefetcher=False,
        interpolation=config["interpolation"],
        mean=config["mean"],
        std=config["std"],
        num_workers=0,
        crop_pct=config["crop_pct"],
        crop_mode=config["crop_mode"],
    )
    with torch.inference_mode():
        top5 = torch.cat([model.eval()(images).topk(5).indices for images, _ in loader]).tolist()
    return dict(zip(dataset.filenames(basename=False), top5, strict=True))


# timm's dataset leaves the files it opened to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_every_top_five_equals_timms(photos: Path, tmp_path: Path) -> None:
    """`evaluate --split folder:DIR` and timm's validation agree on every image's five classes in order."""
    class_map = tmp_path / "wnids.txt"
    class_map.write_text("".join(f"{info.wnid}\n" for info in load_classes()))
    theirs = {
        Path(name).relative_to(photos).as_posix() if Path(name).is_absolute() else name: top
        for name, top in validate_with_timm(photos, class_map).items()
    }
    words = ["--model", "wheel:efficientnet-lite0", "--split", f"folder:{photos}"]
    assert main(["evaluate", *words, "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "c")]) == 0
    predictions, _ = load_predictions(next((tmp_path / "out").glob("*/predictions/*.parquet")))
    ours = dict(zip(predictions.image_ids, predictions.top5.indices.tolist(), strict=True))
    assert len(ours) == 48
    assert ours == theirs
