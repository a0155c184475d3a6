"""The shipped tables of costs: what they hold, where it is from, and when a row applies."""

from __future__ import annotations

import pytest

from imagenet_g.generation.costs.arithmetic import compute_elapsed, compute_gpu_hours
from imagenet_g.generation.costs.gpus import name_gpu
from imagenet_g.generation.costs.records import RenderCost
from imagenet_g.generation.costs.table import (
    find_render_rate,
    find_score_rate,
    list_gpus,
    load_core_work,
    load_gpu_speeds,
    load_model_work,
    load_render_costs,
)
from imagenet_g.generation.specs.stages import QuantizationSpec, StageWork
from imagenet_g.generation.specs.version import list_version_names, load_version_spec

SD = StageWork(
    pipeline="StableDiffusionPipeline", repo="stable-diffusion-v1-5/stable-diffusion-v1-5", steps=50, bits=16,
    is_guided=True, size_px=(512, 512),
)  # fmt: skip
# For estimates by the ratio of memory bandwidths.
A100_OVER_H100 = 3.35 / 2.04


def change(**values: object) -> StageWork:
    """Stable Diffusion 1.5 otherwise."""
    named = {name: getattr(SD, name) for name in SD.__slots__}
    return StageWork(**{**named, **values})


def test_the_first_papers_row_is_ten_days_on_five_gpus() -> None:
    """1.35 million images, five RTX A5000, batch 12, about 10 days: 3.2 s an image and GPU."""
    (row,) = (row for row in load_render_costs() if row.origin == "paper")
    assert (row.gpu, row.batch_size) == ("RTX A5000", 12)
    rate = find_render_rate([SD], "NVIDIA RTX A5000")
    assert rate.seconds_per_image == pytest.approx(10 * 86_400 * 5 / 1_350_000)
    assert compute_elapsed(1_350_000, 500, 3.2, workers=5) == pytest.approx(10 * 86_400)
    assert compute_gpu_hours(1_350_000, 3.2) == pytest.approx(10 * 24 * 5)


def test_every_row_names_its_source() -> None:
    """And an estimate says what it rests on."""
    sources = [row.source for row in load_render_costs()] + [row.source for row in load_gpu_speeds()]
    sources += [row.source for row in load_model_work()] + [row.source for row in load_core_work()]
    assert all(len(source) > 20 for source in sources)
    resting = ("A100's time over 1.64", "same network and steps", "TFLOP an image")
    for row in load_render_costs():
        if row.origin == "estimate":
            assert any(words in row.source for words in resting), row


def test_rates_of_the_diffusers_documentation_follow_from_steps_a_second() -> None:
    """50 steps of a batch of 16, divided by the steps a second that its tables print."""
    printed = {"A100": 3.04, "V100": 1.66, "RTX 3090": 1.7, "RTX 4090": 3.17, "T4": 1 / 2.34}
    for gpu, rate in printed.items():
        assert find_render_rate([SD], gpu).seconds_per_image == pytest.approx(50 / rate / 16, abs=1e-3)


def test_estimates_for_the_h100_follow_from_the_a100() -> None:
    """By the ratio of memory bandwidths, for every row but those in float32."""
    rows = {(row.pipeline, row.repos, row.bits, row.gpu): row for row in load_render_costs()}
    pairs = [(row, rows[*key[:3], "A100"]) for key, row in rows.items() if key[2:] == (16, "H100")]
    assert len(pairs) == 12
    for h100, a100 in pairs:
        assert h100.seconds_per_image == pytest.approx(a100.seconds_per_image / A100_OVER_H100, rel=0.01)


def test_a_row_holds_for_its_own_size_precision_guidance_and_weights_alone() -> None:
    """Anything else is unknown, and no row is stretched to it."""
    others = (
        {"size_px": (768, 768)}, {"bits": 32}, {"is_guided": False}, {"repo": "org/other"},
        {"pipeline": "StableDiffusionXLPipeline"},
    )  # fmt: skip
    for values in others:
        rate = find_render_rate([change(**values)], "A100")
        assert (rate.seconds_per_image, rate.origin) == (None, "unknown")
    assert find_render_rate([SD], "GPU of next year").seconds_per_image is None


def test_other_steps_are_taken_in_proportion_and_said() -> None:
    """20 of 50 steps cost two fifths."""
    whole, part = find_render_rate([SD], "A100"), find_render_rate([change(steps=20)], "A100")
    assert part.seconds_per_image == pytest.approx((whole.seconds_per_image or 0) * 0.4)
    assert "from 50 steps to 20 in proportion" in part.source


def test_a_cascade_with_one_unknown_pipeline_is_unknown() -> None:
    """A sum without one of its parts would be too low."""
    assert find_render_rate([SD, change(repo="org/upscaler")], "A100").seconds_per_image is None
    both = find_render_rate([SD, SD], "A100").seconds_per_image
    assert both == pytest.approx(2 * (find_render_rate([SD], "A100").seconds_per_image or 0))


def test_scoring_counts_the_operations_of_every_model() -> None:
    """Over half of the GPU's peak; a model that is not in the table makes it unknown."""
    rate = find_score_rate({"open_clip:ViT-B-32/openai": 3, "timm:resnet50.a1_in1k": 1}, "A100")
    assert rate.seconds_per_image == pytest.approx((3 * 8.82 + 8.18) / (0.5 * 19.5e3))
    assert rate.origin == "estimate"
    assert find_score_rate({"timm:resnet18": 1}, "A100").seconds_per_image is None
    assert find_score_rate({"timm:resnet50.a1_in1k": 1}, "H200").seconds_per_image is None


def test_cards_of_one_kind_have_one_name() -> None:
    """As drivers and as people write them; another connector is another card."""
    for name in ("NVIDIA A100-SXM4-80GB", "A100", "NVIDIA A100 40GB"):
        assert name_gpu(name) == "a100"
    assert name_gpu("A5000") == name_gpu("NVIDIA RTX A5000")
    assert name_gpu("NVIDIA A100-PCIE-40GB") == "a100 pcie"


def test_every_row_is_found_by_a_shipped_spec_or_names_a_pipeline_of_diffusers() -> None:
    """A misspelt class would never be found."""
    diffusers = pytest.importorskip("diffusers")
    assert all(hasattr(diffusers, row.pipeline) for row in load_render_costs())


def test_the_shipped_recipes_of_v1_are_known_on_the_papers_gpu() -> None:
    """All three strategies, and the drafts that the table is for."""
    for generator in load_version_spec("v1").generators.values():
        assert "RTX A5000" in list_gpus(generator.list_work())
    drafts = [name for name in list_version_names() if name in ("draft-flux", "draft-sdxl", "draft-sd3")]
    for name in drafts:
        (generator,) = load_version_spec(name).generators.values()
        assert list_gpus(generator.list_work()) == ["H100", "A100"]


def test_a_quantised_pipeline_takes_no_row_of_the_whole_one() -> None:
    """Its time is another one, and nobody published it."""
    (whole,) = load_version_spec("draft-flux").generators.values()
    few = QuantizationSpec(
        backend="torchao", parts=("transformer",), options={"quant_type": "Int8WeightOnlyConfig"}
    )
    assert list_gpus(whole.list_work())
    assert whole.model_copy(update={"quantization": few}).list_work() == ()


def test_no_two_rows_claim_the_same_case() -> None:
    """The first would win in silence."""

    def key(row: RenderCost) -> tuple[object, ...]:
        return (row.pipeline, row.repos, row.bits, row.guided, row.height_px, row.width_px, row.gpu)

    keys = [key(row) for row in load_render_costs()]
    assert len(keys) == len(set(keys))
