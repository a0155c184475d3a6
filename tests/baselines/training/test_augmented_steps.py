"""Steps whose augmentations are for some sources only, or change a whole step at once."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from recipe_cases import load_tiny, write_recipe

from imagenet_g.baselines.augmenting.batches import StepChance, StepImage
from imagenet_g.baselines.augmenting.noise2net import Noise2NetSpec, make_noise2net
from imagenet_g.baselines.augmenting.registry import StepSpec
from imagenet_g.baselines.commands.train_recipe import replace_sources
from imagenet_g.baselines.recipes.mixing import PlannedMix
from imagenet_g.baselines.recipes.resolutions import ResolutionSpec
from imagenet_g.baselines.recipes.specs import list_runs, load_recipe
from imagenet_g.baselines.training.feeding import StepImages, feed_steps
from imagenet_g.baselines.training.run import describe_recipe, prepare_run
from imagenet_g.baselines.training.task import RecipeTask
from imagenet_g.benchmark.errors import InputError

SIDE, BATCH, IMAGES = 8, 6, 9
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (IMAGES, SIDE, SIDE, 3), dtype=np.uint8)


class Shelf:
    """Images in memory, the same for each source."""

    def read(self, row: int) -> Image.Image:
        return Image.fromarray(PIXELS[row])


def make_images(*steps: StepSpec, share: tuple[int, int] = (0, 1), cache: Path | None = None) -> StepImages:
    """Every image as it is and changed, in steps of six."""
    sources = np.repeat([0, 1], IMAGES)
    rows = np.tile(np.arange(IMAGES), 2)
    return StepImages(
        PlannedMix(sources, rows, rows % 3, ("real", "changed")),
        (Shelf(), Shelf()),
        (StepSpec(name="centre-crop"), *steps),
        ResolutionSpec(size_px=SIDE),
        BATCH,
        0,
        share,
        cache,
    )


PIXMIX = StepSpec.model_validate(
    {"name": "pixmix", "only": ["changed"], "number": 4, "picture_px": 16, "rounds": 3}
)
NOISE = StepSpec.model_validate({"name": "noise2net", "only": ["changed"], "share": 1.0, "width": 4})


def list_originals(images: StepImages, step: int) -> torch.Tensor:
    """The pixels of a step before any change but the crop, which keeps all of them here."""
    plain = make_images()
    return plain[step].views[0]


def test_a_step_for_one_source_leaves_the_images_of_the_other() -> None:
    """Bit for bit, and changes those of its own."""
    images = make_images(PIXMIX)
    moved = {"real": 0, "changed": 0}
    for step in range(3):
        batch = images[step]
        differs = (batch.views[0] != list_originals(images, step)).flatten(1).any(dim=1)
        for source, changed in zip(batch.step_sources.tolist(), differs.tolist(), strict=True):
            moved[images.planned.names[source]] += changed
    assert moved["real"] == 0
    assert moved["changed"] >= IMAGES // 2


def test_pixmix_gives_the_same_pixels_on_any_number_of_workers_and_from_any_step(tmp_path: Path) -> None:
    """With a cache of fractals that workers fill at one time, in another process, and after a stop."""
    plain = [batch.views[0] for batch in feed_steps(make_images(PIXMIX), range(6), workers=1, device="cpu")]
    cached = make_images(PIXMIX, cache=tmp_path)
    several = [batch.views[0] for batch in feed_steps(cached, range(2, 6), workers=3, device="cpu")]
    assert all(torch.equal(one, two) for one, two in zip(plain[2:], several, strict=True))
    assert torch.equal(pickle.loads(pickle.dumps(cached))[4].views[0], plain[4])
    shares = [make_images(PIXMIX, share=(index, 2))[3].views[0] for index in range(2)]
    assert torch.equal(torch.stack(shares, dim=1).flatten(0, 1), plain[3])


class Recorder(torch.nn.Module):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[torch.Tensor] = []
        self.layer = torch.nn.Linear(1, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.given.append(images.detach().clone())
        made: torch.Tensor = self.layer(images.mean(dim=(1, 2, 3))[:, None])
        return made


def take_steps(folder: Path, first: int, share: tuple[int, int] = (0, 1)) -> list[torch.Tensor]:
    """What a model is given from a step on, until the fourth."""
    model = Recorder()
    images = make_images(NOISE, share=share)
    task = RecipeTask(
        model, model, images, load_tiny(folder), seed=0, steps=4, num_outputs=3, workers=1, device="cpu"
    )
    task.begin(first)
    for _ in range(first, 4):
        task.compute_loss(torch.Generator(), BATCH)
    task.close()
    return model.given


def test_a_model_is_given_the_images_of_one_source_through_noise2net(tmp_path: Path) -> None:
    """Those of the other as they are; compared with the step itself on what they were before."""
    images = make_images(NOISE)
    recipe = load_tiny(tmp_path)
    step = make_noise2net(Noise2NetSpec(share=1.0, width=4))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) * 255 for values in (recipe.mean, recipe.std))
    for number, given in enumerate(take_steps(tmp_path, 0)):
        before = (images[number].views[0].float() - mean) / std
        rows = [row for row, source in enumerate(images[number].step_sources.tolist()) if source == 1]
        chance = StepChance(0, number * BATCH // (2 * IMAGES), number, BATCH)
        wanted = before.clone()
        wanted[rows] = step(before[rows], [StepImage(row, 0, "changed") for row in rows], chance)
        torch.testing.assert_close(given, wanted, rtol=1e-4, atol=1e-4)
        assert 0 < len(rows) < BATCH


def test_a_resumed_task_gives_a_model_the_same_bits(tmp_path: Path) -> None:
    """From a step on, whatever was drawn before it."""
    whole, resumed = take_steps(tmp_path, 0), take_steps(tmp_path, 2)
    assert all(torch.equal(one, two) for one, two in zip(whole[2:], resumed, strict=True))


def test_two_processes_share_what_one_is_given(tmp_path: Path) -> None:
    """Up to rounding: a convolution of fewer groups adds in another order."""
    whole = take_steps(tmp_path, 0)
    shares = [take_steps(tmp_path, 0, share=(index, 2)) for index in range(2)]
    for one, *parts in zip(whole, *shares, strict=True):
        together = torch.stack(parts, dim=1).flatten(0, 1)
        torch.testing.assert_close(together, one, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("augment", "words"),
    [
        ('{ name = "flip", only = ["reel"] }', "augmentation 'flip' names 'reel'"),
        (
            '{ name = "noise2net" }, { name = "flip" }',
            "'noise2net' changes a whole step and must stand behind",
        ),
        ('{ name = "pixmix", pictures = "squares" }', "pictures"),
        ('{ name = "pixmix", rounds = -1 }', "rounds"),
    ],
)
def test_an_augmentation_that_cannot_be_is_one_message(tmp_path: Path, augment: str, words: str) -> None:
    """It names the key."""
    path = write_recipe(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert '{ name = "flip" }' in text
    path.write_text(text.replace('{ name = "flip" }', augment), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_recipe(str(path))
    assert words in str(caught.value)


def test_a_recipe_without_these_keys_is_described_as_before(tmp_path: Path) -> None:
    """Or no run that was begun before they existed could go on."""
    assert describe_recipe(load_tiny(tmp_path))["augment"] == [
        {"name": "inception-crop", "scale": [0.5, 1.0]},
        {"name": "flip"},
    ]


def write_copied(folder: Path, source: str) -> Path:
    """The recipe with another second source, and one image of each class from either."""
    path = write_recipe(folder)
    text = path.read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if 'name = "drawn", ref' in line]
    text = text.replace(line, f"  {source},")
    (line,) = [line for line in text.splitlines() if 'name = "half"' in line]
    text = text.replace(line, '  { name = "half", per_class = { real = 1, drawn = 1 } },')
    path.write_text(text, encoding="utf-8")
    return path


def test_a_copy_has_the_very_images_of_its_original(tmp_path: Path) -> None:
    """Of three images of a class, the one that is drawn is the same in both."""
    recipe = load_recipe(str(write_copied(tmp_path, '{ name = "drawn", copy_of = "real" }')))
    (run, _) = list_runs(recipe, mixes=["half"])
    planned = prepare_run(run, data={}, cache=None).planned
    rows = [planned.rows[planned.sources == number] for number in (0, 1)]
    assert np.array_equal(rows[0], rows[1])
    assert recipe.find_source("drawn").ref == recipe.find_source("real").ref
    replaced = replace_sources(recipe, ["real=folder:elsewhere"])
    assert [source.ref for source in replaced.sources] == ["folder:elsewhere"] * 2
    with pytest.raises(InputError, match="has the images of 'real'"):
        replace_sources(recipe, ["drawn=folder:elsewhere"])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('{ name = "drawn", copy_of = "reel" }', "copy of 'reel', which is no source"),
        ('{ name = "drawn", copy_of = "drawn" }', "copy of 'drawn', which is no source"),
        ('{ name = "drawn", copy_of = "real", ref = "v1/sd-l" }', "keys of its own: ref"),
    ],
)
def test_a_copy_that_cannot_be_is_one_message(tmp_path: Path, source: str, words: str) -> None:
    """It names both sources."""
    with pytest.raises(InputError) as caught:
        load_recipe(str(write_copied(tmp_path, source)))
    assert words in str(caught.value)
