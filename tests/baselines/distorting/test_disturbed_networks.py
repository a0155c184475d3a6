"""EDSR and the autoencoder against plain functions of PyTorch, and their disturbances against plain loops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from imagenet_g.baselines.distorting import cae_weights, edsr_weights
from imagenet_g.baselines.distorting.cae import CAE, build_cae, disturb_code
from imagenet_g.baselines.distorting.edsr import EDSR, build_edsr, disturb_head, run_disturbed
from imagenet_g.baselines.distorting.networks import DisturbedNetwork, find_kind, resize_to
from imagenet_g.benchmark.checkpoints.contents import Weights
from imagenet_g.benchmark.errors import ModelError

State = dict[str, torch.Tensor]
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def edsr() -> EDSR:
    """Of the original's depth, so that every disturbance finds its blocks, and narrow."""
    torch.manual_seed(0)
    return EDSR(blocks=16, width=6).eval()


@pytest.fixture(scope="module")
def cae() -> CAE:
    """Narrow."""
    torch.manual_seed(0)
    return CAE(width=8).eval()


def pick(draw: Callable[[int], bool]) -> np.random.Generator:
    """A source of chance of which something is known."""
    return next(np.random.default_rng(seed) for seed in range(500) if draw(seed))


def test_a_plain_edsr_is_its_layers_one_after_the_other(edsr: EDSR) -> None:
    """By convolutions alone, with the published names of weights."""
    state = edsr.state_dict()
    pixels = torch.from_numpy(RNG.uniform(0, 255, (1, 3, 5, 7)).astype(np.float32))
    mean = 255 * torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1)

    def convolve(given: torch.Tensor, name: str) -> torch.Tensor:
        return functional.conv2d(given, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)

    first = inner = convolve(pixels - mean, "head.0")
    for block in range(16):
        middle = torch.relu(convolve(inner, f"body.{block}.body.0"))
        inner = inner + convolve(middle, f"body.{block}.body.2")
    made = first + convolve(inner, "body.16")
    for up in ("tail.0.0", "tail.0.2"):
        made = functional.pixel_shuffle(convolve(made, up), 2)
    with torch.no_grad():
        torch.testing.assert_close(edsr(pixels), convolve(made, "tail.1") + mean, rtol=1e-4, atol=1e-2)


def test_weights_of_the_published_size_have_the_published_names() -> None:
    """1,517,571 of them at scale 4, with 16 blocks of 64 channels (arXiv 1707.02921 says 1.5 M)."""
    state = EDSR().state_dict()
    assert {"sub_mean.weight", "add_mean.bias", "head.0.weight", "body.15.body.2.bias"} <= set(state)
    assert {"body.16.weight", "tail.0.0.weight", "tail.0.2.bias", "tail.1.weight"} <= set(state)
    assert state["tail.0.2.weight"].shape == (256, 64, 3, 3)
    trained = sum(value.numel() for name, value in state.items() if "mean" not in name)
    assert trained == 3 * 64 * 9 + 64 + 33 * (64 * 64 * 9 + 64) + 2 * (64 * 256 * 9 + 256) + 64 * 3 * 9 + 3
    rebuilt = build_edsr(state)
    assert {name: value.shape for name, value in rebuilt.state_dict().items()} == {
        name: value.shape for name, value in state.items()
    }


def test_the_autoencoders_weights_have_the_names_of_the_originals_script() -> None:
    """All 42, in its order."""
    state = CAE().state_dict()
    assert list(state) == [f"{layer}.{kind}" for layer in cae_weights.LAYERS for kind in ("weight", "bias")]
    assert state["d_up_conv_2.3.weight"].shape == (32, 256, 2, 2)
    assert state["d_up_conv_3.3.weight"].shape == (3, 16, 3, 3)
    assert state["e_conv_3.0.weight"].shape == (32, 128, 5, 5)
    assert list(build_cae(state).state_dict()) == list(state)


def test_the_autoencoder_keeps_the_size_and_quarters_it_in_between(cae: CAE) -> None:
    """Of sides that are multiples of 4; of others the next lower one."""
    with torch.no_grad():
        assert cae.encode(torch.rand(1, 3, 24, 32)).shape == (1, 4, 6, 8)
        assert cae(torch.rand(1, 3, 24, 32)).shape == (1, 3, 24, 32)
        assert cae(torch.rand(1, 3, 27, 33)).shape == (1, 3, 24, 32)


@pytest.mark.parametrize("number", range(17))
def test_every_disturbance_of_an_edsr_changes_some_weights_and_none_that_were_given(
    edsr: EDSR, number: int
) -> None:
    """Shapes stay, and all values are numbers."""
    given = edsr.state_dict()
    before = {name: value.clone() for name, value in given.items()}
    changed = dict(given)
    edsr_weights.DISTURBANCES[number](changed, np.random.default_rng(number))
    assert all(torch.equal(given[name], value) for name, value in before.items())
    moved = [name for name in given if not torch.equal(changed[name], given[name])]
    assert moved
    assert all(name.startswith("body.") for name in moved)
    assert all(changed[name].shape == given[name].shape for name in given)
    assert all(bool(torch.isfinite(value).all()) for value in changed.values())


@pytest.mark.parametrize("number", range(8))
def test_every_disturbance_of_the_autoencoder_stays_in_its_layers(cae: CAE, number: int) -> None:
    """As the script's ranges have them, and the given weights stay."""
    given = cae.state_dict()
    before = {name: value.clone() for name, value in given.items()}
    disturb, numbers = cae_weights.DISTURBANCES[number]
    layer, other = cae_weights.LAYERS[numbers[0]], cae_weights.LAYERS[numbers[-1]]
    changed = dict(given)
    disturb(changed, layer, other, np.random.default_rng(0))
    assert all(torch.equal(given[name], value) for name, value in before.items())
    moved = {name.rpartition(".")[0] for name in given if not torch.equal(changed[name], given[name])}
    assert layer in moved
    assert moved <= {layer, other}


def find_moved(given: State, changed: State) -> list[str]:
    """Names of what differs."""
    return [name for name in given if not torch.equal(changed[name], given[name])]


def test_kernels_by_a_stencil_are_multiplied_place_by_place(edsr: EDSR) -> None:
    """The four-neighbour one: corners vanish, the middle is -4 times as large."""
    given = edsr.state_dict()
    changed = dict(given)
    edsr_weights.DISTURBANCES[4](changed, np.random.default_rng(0))
    (name,) = find_moved(given, changed)
    for place in np.ndindex(given[name].shape):
        off = abs(place[2] - 1) + abs(place[3] - 1)
        factor = {0: -4.0, 1: 1.0, 2: 0.0}[off]
        assert float(changed[name][place]) == pytest.approx(factor * float(given[name][place]))


def test_only_the_largest_weight_of_each_kernel_is_kept(edsr: EDSR) -> None:
    """By a plain loop over kernels."""
    given = edsr.state_dict()
    changed = dict(given)
    edsr_weights.keep_largest(changed, np.random.default_rng(0))
    for name in find_moved(given, changed):
        for first, second in np.ndindex(given[name].shape[:2]):
            kernel, kept = given[name][first, second].flatten(), changed[name][first, second].flatten()
            wanted = torch.zeros(9)
            wanted[int(kernel.argmax())] = kernel.max()
            assert torch.equal(kept, wanted)


def test_shifted_kernels_are_signed_sums_over_inputs(edsr: EDSR) -> None:
    """Each output is the same sum of shifted kernels, by a plain loop."""
    given = edsr.state_dict()
    changed = dict(given)
    edsr_weights.convolve_with_shifts(changed, np.random.default_rng(3))
    (name,) = find_moved(given, changed)
    chance = np.random.default_rng(3)
    chance.integers(3)  # which block
    width = given[name].shape[0]
    moves = []
    for _ in range(width):
        down, right = chance.integers(3, size=2)
        moves.append((int(down) - 1, int(right) - 1, float(chance.choice([1.0, -1.0]))))
    kernels = given[name].numpy()
    for first in range(width):
        wanted = np.zeros((3, 3))
        for channel, (down, right, sign) in enumerate(moves):
            for y, x in np.ndindex(3, 3):
                if 0 <= y + down < 3 and 0 <= x + right < 3:
                    wanted[y, x] += sign * kernels[first, channel, y + down, x + right]
        for second in range(width):
            np.testing.assert_allclose(changed[name][first, second].numpy(), wanted, atol=1e-5)


def test_three_of_seventeen_are_drawn_with_replacement(edsr: EDSR, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each equally often."""
    counts = np.zeros(17, np.int64)

    def count(number: int) -> Callable[[State, np.random.Generator], None]:
        def add(state: State, chance: np.random.Generator) -> None:
            counts[number] += 1

        return add

    monkeypatch.setattr(edsr_weights, "DISTURBANCES", tuple(count(number) for number in range(17)))
    for seed in range(1000):
        edsr_weights.disturb_edsr({}, np.random.default_rng(seed))
    assert counts.sum() == 3000
    assert counts.min() > 120


def test_states_of_the_head_are_copied_dropped_or_negated_in_the_originals_shares() -> None:
    """Over many draws: one of four things, with 5 % of states at 0 or 2.5 % of the other sign."""
    states = torch.ones(1, 8, 40, 40) * torch.arange(1, 9).view(1, 8, 1, 1)
    kinds = {"copied": 0, "dropped": 0, "negated": 0, "same": 0}
    for seed in range(200):
        found = disturb_head(states, np.random.default_rng(seed))
        ratio = found / states
        if (found == 0).any():
            kinds["dropped"] += 1
            assert 0.04 < float((found == 0).float().mean()) < 0.06
        elif (ratio == -1).any():
            kinds["negated"] += 1
            assert 0.017 < float((ratio == -1).float().mean()) < 0.034
        else:
            kinds["same" if torch.equal(found, states) else "copied"] += 1
            assert set(found.flatten().tolist()) <= set(range(1, 9))
    assert min(kinds.values()) > 25


def test_states_of_the_body_have_five_fates(edsr: EDSR) -> None:
    """Negated, bent, mirrored or cut short behind the fifth block, or left; each by the layers themselves."""
    states = torch.from_numpy(RNG.normal(size=(1, 6, 4, 4)).astype(np.float32))
    with torch.no_grad():
        front = edsr.body[:5](states)
        wanted = {
            "negated": edsr.body[5:](-front),
            "relu": edsr.body[5:](functional.relu(front)),
            "gelu": edsr.body[5:](functional.gelu(front)),
            "flipped channels and rows": edsr.body[5:](front.flip((1, 2))),
            "flipped channels and columns": edsr.body[5:](front.flip((1, 3))),
            "left": edsr.body(states),
            **{f"only {number}": edsr.body[number](states) for number in range(13, 17)},
        }
        counts = dict.fromkeys(wanted, 0)
        for seed in range(300):
            found = run_disturbed(edsr.body, states, np.random.default_rng(seed))
            (name,) = [name for name, value in wanted.items() if torch.allclose(found, value, atol=1e-5)]
            counts[name] += 1
    assert 40 < counts["negated"] < 80
    assert 40 < counts["left"] < 80
    assert counts["gelu"] > counts["relu"] > 5
    assert counts["flipped channels and columns"] > counts["flipped channels and rows"] > 5
    assert counts["only 16"] > counts["only 15"] > 0


@pytest.mark.parametrize("option", range(9))
def test_a_disturbed_code_is_what_the_option_says(option: int) -> None:
    """By plain comparisons with the code."""
    code = torch.from_numpy(RNG.uniform(-1, 1, (1, 12, 20, 20)).astype(np.float32))
    before = code.clone()
    found = disturb_code(code, option, np.random.default_rng(5))
    assert torch.equal(code, before)
    assert found.shape == code.shape
    ratio = found / code
    match option:
        case 0:
            assert torch.equal(found, code)
        case 1:
            assert 0.15 < float((ratio == 0).float().mean()) < 0.25
            assert torch.equal(ratio, ratio[:, :1].expand_as(ratio)), "all channels share a mask"
        case 2:
            assert 0.06 < float((ratio == -1).float().mean()) < 0.14
        case 3:
            assert torch.equal(found[:, 10:], code[:, 10:])
            assert torch.equal(found[:, :10].sum(dim=1), found[:, :10].sum(dim=1))
            assert sorted(found[0, :10, 0, 0].tolist()) == sorted(code[0, :10, 0, 0].tolist())
        case 4 | 5:
            flips = {
                axes: [torch.equal(found[0, c], code[0, c].flip(axes)) for c in range(12)]
                for axes in ((0,), (1,), (0, 1))
            }
            kept = [torch.equal(found[0, c], code[0, c]) for c in range(12)]
            assert any(all(own) or option == 4 for own in flips.values())
            assert any(all(a or b for a, b in zip(own, kept, strict=True)) for own in flips.values())
            assert option == 5 or any(kept)
        case 6:
            assert 0 < float((found - code).abs().mean()) < 1
        case 7:
            alike = [float((found[0, c] - code[0, c]).abs().max()) < 1e-6 for c in range(12)]
            assert any(alike)
            assert not all(alike)
        case 8:
            inner = code[0, :, 2:-2, 2:-2]
            shifted = [
                any(
                    torch.allclose(found[0, c, 2:-2, 2:-2], code[0, c, 2 + y : 18 + y, 2 + x : 18 + x])
                    for y in (-1, 0, 1)
                    for x in (-1, 0, 1)
                )
                for c in range(len(inner))
            ]
            assert all(shifted)


def test_the_same_chance_gives_the_same_image_and_another_another(edsr: EDSR, cae: CAE) -> None:
    """For both networks, after other weights were used in between."""
    image = Image.fromarray(RNG.integers(0, 256, (24, 28, 3), dtype=np.uint8))
    for name, module, short_px in (("edsr", edsr, 8), ("cae", cae, 24)):
        weights = Weights(state=dict(module.state_dict()), source="a test")
        network = DisturbedNetwork(find_kind(name), weights, device="cpu")

        def draw(number: int, seed: int, network: DisturbedNetwork = network, short: int = short_px) -> bytes:
            network.disturb(np.random.default_rng(number))
            return network.run(image, np.random.default_rng(seed), short_px=short).tobytes()

        first = draw(1, 1)
        assert len({first, draw(2, 1), draw(1, 2)}) == 3
        assert draw(1, 1) == first


def test_weights_of_another_network_are_one_message(edsr: EDSR) -> None:
    """It says what was looked for."""
    for name in ("edsr", "cae"):
        with pytest.raises(ModelError, match="no weights of"):
            DisturbedNetwork(
                find_kind(name), Weights(state={"fc.weight": torch.zeros(2, 2)}, source="x.pt"), device="cpu"
            )
    state = dict(edsr.state_dict()) | {"body.0.body.0.weight": torch.zeros(1, 1, 3, 3)}
    with pytest.raises(ModelError, match=r"body\.0\.body\.0\.weight"):
        DisturbedNetwork(find_kind("edsr"), Weights(state=state, source="x.pt"), device="cpu")


def test_small_images_are_enlarged_to_the_short_side() -> None:
    """As torchvision's `Resize` does."""
    from torchvision.transforms import Resize

    for size in ((30, 20), (20, 30), (333, 500)):
        image = Image.fromarray(RNG.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
        assert np.array_equal(np.asarray(resize_to(image, 64)), np.asarray(Resize(64)(image)))
