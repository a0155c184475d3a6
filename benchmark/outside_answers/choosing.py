"""Wrong options by a model: the classes that it takes an image for, first of all a CLIP."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from imagenet_g.benchmark.feeding.batches import Batch
from imagenet_g.benchmark.feeding.feeder import open_feeder
from imagenet_g.benchmark.feeding.normalising import normalise
from imagenet_g.benchmark.feeding.splitting import choose_preparation
from imagenet_g.benchmark.models.classifiers import Classifier
from imagenet_g.benchmark.outside_answers.export import Ranking, Unreadable, list_allowed
from imagenet_g.benchmark.outside_answers.questions import rank_by_logits
from imagenet_g.benchmark.splits.splits import Split

BATCH_SIZE = 64


def rank_by_model(
    classifier: Classifier,
    split: Split,
    rows: Sequence[int],
    *,
    device: str,
    workers: int,
    on_unreadable: Unreadable,
) -> Ranking:
    """The allowed classes of every image that can be read, likeliest first.

    Args:
        classifier: A model of the 1000 classes; moved to the device.
        split: The images.
        rows: Which of them.
        device: Where the model runs.
        workers: How many images are prepared at a time.
        on_unreadable: Called with the id of each image that is left out, and the reason.

    Raises:
        ModelError: The transform fails.
    """
    allowed = list_allowed(split)
    preparation = choose_preparation(classifier, split)
    module = classifier.module.to(device)
    with open_feeder(split, preparation, workers=workers, device=device) as feeder:
        for batch in feeder.feed(rows, BATCH_SIZE):
            readable = _list_readable(batch, split, on_unreadable)
            if batch.inputs is None:
                continue
            with torch.inference_mode():
                inputs = normalise(batch.inputs.to(device), preparation.normalisation)
                logits = module(inputs).float().cpu().numpy()
            for row, one in zip(readable, logits, strict=True):
                yield row, rank_by_logits(one, allowed)


def _list_readable(batch: Batch, split: Split, on_unreadable: Unreadable) -> list[int]:
    readable = []
    for row, error in zip(batch.rows, batch.errors, strict=True):
        if error is None:
            readable.append(row)
        else:
            on_unreadable(split.rows.image_ids[row], error)
    return readable
