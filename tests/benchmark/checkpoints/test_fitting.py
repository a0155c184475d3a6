"""Every tensor of the model comes from the file, and every tensor of the file is accounted for."""

from collections import OrderedDict

import pytest
import torch

from imagenet_g.benchmark.checkpoints.contents import StateDict, Weights, choose_weights
from imagenet_g.benchmark.checkpoints.fitting import find_mismatch, load_into
from imagenet_g.benchmark.checkpoints.tracing import trace_usage
from imagenet_g.benchmark.errors import ModelError


def make_module(first: str = "stem") -> torch.nn.Module:
    """Two layers with known names."""
    layers = {first: torch.nn.Linear(3, 4), "norm": torch.nn.BatchNorm1d(4), "fc": torch.nn.Linear(4, 1000)}
    return torch.nn.Sequential(OrderedDict(layers))


def make_state(first: str = "stem") -> StateDict:
    """Weights of another such module."""
    torch.manual_seed(1)
    return make_module(first).state_dict()


def load(module: torch.nn.Module, state: StateDict, **options: object) -> str:
    """What is said after loading."""
    return " ".join(load_into(module, Weights(state=state, source="f"), **options))  # type: ignore[arg-type]


def holds(module: torch.nn.Module, state: StateDict) -> bool:
    """Whether a module has these tensors to the bit."""
    own = module.state_dict()
    return own.keys() == state.keys() and all(torch.equal(own[name], state[name]) for name in own)


def test_names_that_fit_load_without_a_word() -> None:
    """The usual case."""
    module = make_module()
    assert load(module, make_state()) == ""
    assert holds(module, make_state())


@pytest.mark.parametrize(
    "prefix",
    [
        "module.",
        "model.",
        "net.",
        "_orig_mod.",
        "module._orig_mod.",
        "_orig_mod.module.",
        "model.model.",
        "model.module.",
        "encoder.",
        "lit_thing.network.",
    ],
)
def test_a_prefix_of_all_names_is_taken_away_and_said(prefix: str) -> None:
    """Data-parallel, compiled and training modules, one in another."""
    module = make_module()
    said = load(module, {prefix + name: value for name, value in make_state().items()})
    assert said == f"'{prefix}' taken away from its names"
    assert holds(module, make_state())


def test_names_that_begin_so_in_the_network_itself_are_kept() -> None:
    """A network may have a part called model, and nothing else."""
    module = torch.nn.Sequential(OrderedDict(model=make_module()))
    state = {f"model.{name}": value for name, value in make_state().items()}
    assert load(module, state) == ""
    assert holds(module, state)


def test_a_wrapped_network_with_a_part_called_model_loses_only_the_wrapper() -> None:
    """As many parts as needed, no more."""
    module = torch.nn.Sequential(OrderedDict(model=make_module()))
    state = {f"model.{name}": value for name, value in make_state().items()}
    assert "'model.' taken away" in load(module, {f"model.{name}": value for name, value in state.items()})
    assert holds(module, state)


def test_losses_and_metrics_of_a_training_module_are_left_out_and_said() -> None:
    """No network runs them."""
    module = make_module()
    state = {f"net.{name}": value for name, value in make_state().items()}
    said = load(module, {"criterion.weight": torch.ones(9), **state, "train_acc.tp": torch.ones(1)})
    assert "left out 2 that are no part of the network: criterion.weight, train_acc.tp" in said
    assert holds(module, make_state())


def test_anything_else_beside_the_network_is_refused_by_name() -> None:
    """It may change what comes out: a temperature, a normalisation, a second head."""
    state = {f"net.{name}": value for name, value in make_state().items()}
    with pytest.raises(ModelError, match="'temperature' of shape"):
        load(make_module(), {**state, "temperature": torch.ones(1)})


def test_of_a_plain_and_an_averaged_network_the_plain_is_taken_and_the_other_offered() -> None:
    """Both stand in one state dict."""
    module = make_module()
    plain = {f"net.{name}": value for name, value in make_state().items()}
    averaged = {f"ema_net.{name}": value + 1 for name, value in make_state().items()}
    said = load(module, {**averaged, **plain})
    assert "--checkpoint-key ema_net" in said
    assert holds(module, make_state())


def test_an_averaged_model_of_torch_loads_and_is_said_to_be_one() -> None:
    """Its counter is no part of the network."""
    module = make_module()
    averaged = torch.optim.swa_utils.AveragedModel(make_module())
    assert "averaged copy" in load(module, dict(averaged.state_dict()))


def test_a_head_beside_a_backbone_loads() -> None:
    """The prefix stands before all names but the head's."""
    module = make_module()
    state = {n if n.startswith("fc.") else f"backbone.{n}": v for n, v in make_state().items()}
    assert "'backbone.' taken away from some of the names" in load(module, state)
    assert holds(module, make_state())


def test_the_first_mismatching_key_is_named_with_both_shapes() -> None:
    """In the model's own order."""
    state = make_state()
    state["fc.weight"], state["stem.bias"] = torch.ones(7, 4), torch.ones(9)
    with pytest.raises(
        ModelError, match=r"'stem\.bias' has shape \(9,\) in the file and \(4,\) in the model"
    ):
        load(make_module(), state)


def test_a_head_of_another_size_points_to_the_class_map() -> None:
    """When all else fits."""
    state = {**make_state(), "fc.weight": torch.ones(10, 4), "fc.bias": torch.ones(10)}
    mismatch = find_mismatch(make_state(), state)
    assert mismatch is not None
    assert "10" in mismatch and "--class-map" in mismatch


def test_a_number_in_place_of_a_vector_is_named_with_both_shapes() -> None:
    """It has no first dimension that could be the number of classes."""
    with pytest.raises(ModelError, match=r"'fc.bias' has shape \(\) in the file and \(1000,\) in the model"):
        load(make_module(), make_state() | {"fc.bias": torch.tensor(1.0)})


def test_a_missing_key_is_named() -> None:
    """With the shape it should have."""
    state = make_state()
    del state["stem.bias"]
    with pytest.raises(ModelError, match=r"no 'stem\.bias', which has shape \(4,\)"):
        load(make_module(), state)


def test_an_extra_key_is_named() -> None:
    """Nothing in the file is dropped in silence."""
    with pytest.raises(ModelError, match=r"it has 'more' of shape \(1,\)"):
        load(make_module(), {**make_state(), "more": torch.ones(1)})


def test_a_file_from_before_the_counter_of_batches_loads() -> None:
    """PyTorch itself fills in 0."""
    state = make_state()
    del state["norm.num_batches_tracked"]
    module = make_module()
    load(module, state)
    assert holds(module, make_state())


def test_quantized_weights_are_refused() -> None:
    """Copied as numbers they would be another network."""
    state = {**make_state(), "stem.weight": torch.ones(4, 3, dtype=torch.int8)}
    with pytest.raises(ModelError, match=r"'stem\.weight' is int8 in the file"):
        load(make_module(), state)


def test_half_precision_loads() -> None:
    """Rounded when saved, not when loaded."""
    module = make_module()
    state = {
        name: value.half() if value.is_floating_point() else value for name, value in make_state().items()
    }
    load(module, state)
    assert torch.equal(module.state_dict()["fc.weight"], state["fc.weight"].float())


class Tied(torch.nn.Module):
    """One tensor under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
        self.second.weight = self.first.weight


def test_a_tied_tensor_may_stand_in_the_file_once() -> None:
    """As safetensors saves it."""
    module, state = Tied(), Tied().state_dict()
    del state["second.weight"]
    load(module, state)
    assert torch.equal(module.second.weight, state["first.weight"])


def test_two_values_for_one_tied_tensor_are_refused() -> None:
    """The model can hold only one of them."""
    with pytest.raises(ModelError, match=r"'first\.weight' has other values"):
        load(Tied(), {**Tied().state_dict(), "second.weight": torch.full((2, 2), 9.0)})


def rename(state: StateDict) -> StateDict:
    """A library's conversion of its authors' name for the first layer."""
    return {name.replace("embed.", "stem."): value for name, value in state.items()}


def test_a_conversion_of_the_library_is_used_where_names_differ() -> None:
    """And said."""
    module = make_module()
    assert "converted by the library" in load(module, make_state("embed"), convert=rename)
    assert holds(module, make_state())


def test_a_conversion_works_behind_a_prefix() -> None:
    """The authors' names in a training module."""
    module = make_module()
    state = {f"net.{name}": value for name, value in make_state("embed").items()}
    assert "'net.' taken away" in load(module, state, convert=rename)
    assert holds(module, make_state())


def test_a_wrong_shape_under_right_names_is_not_converted() -> None:
    """It is an error, not something to resize."""
    fitting = make_state()
    with pytest.raises(ModelError, match=r"'stem\.bias' has shape"):
        load(make_module(), {**fitting, "stem.bias": torch.ones(5)}, convert=lambda state: fitting)


def test_a_conversion_that_drops_a_tensor_is_refused_by_its_name() -> None:
    """Whatever the library thinks of it."""
    state = {**make_state("embed"), "extra.weight": torch.ones(2)}

    def drop(state: StateDict) -> StateDict:
        return rename({name: value for name, value in state.items() if not name.startswith("extra")})

    with pytest.raises(ModelError, match=r"it has 'extra\.weight' of shape \(2,\)"):
        load(make_module(), state, convert=drop)


def test_a_conversion_that_fills_in_from_the_model_is_refused() -> None:
    """Initial values are not the file's."""
    module, state = make_module(), make_state("embed")
    del state["fc.weight"]
    with pytest.raises(ModelError, match=r"no 'fc\.weight'"):
        load(module, state, convert=lambda state: {**module.state_dict(), **rename(state)})


def test_a_conversion_that_resizes_is_refused_by_the_name_of_the_tensor() -> None:
    """Those are weights for another input size."""
    state = make_state("embed")
    state["embed.bias"] = torch.ones(2)

    def resize(state: StateDict) -> StateDict:
        return rename({**state, "embed.bias": state["embed.bias"].repeat(2)})

    with pytest.raises(ModelError, match=r"'embed\.bias' of shape \(2,\) would be resized"):
        load(make_module(), state, convert=resize)


def match_by_order(state: StateDict) -> StateDict:
    """As timm does for the authors' files of NeXt-ViT."""
    return dict(zip(make_state(), state.values(), strict=True))


def test_a_conversion_by_order_is_used_and_said() -> None:
    """Where kinds of tensors agree."""
    module = make_module()
    assert "matched by their order" in load(module, make_state("embed"), convert=match_by_order)
    assert holds(module, make_state())


def test_a_conversion_by_order_is_refused_for_sorted_names() -> None:
    """Tensors of one shape would change places without a sign."""
    state = {f"{number}{name[4:]}": value for number, (name, value) in enumerate(make_state().items())}
    with pytest.raises(ModelError, match="by the order of the file alone"):
        load(make_module(), dict(sorted(state.items())), convert=match_by_order)


def test_a_conversion_by_order_that_makes_a_weight_of_a_bias_is_refused() -> None:
    """Both have one shape."""
    names = list(make_state("embed"))
    state = dict(zip([names[1], *names[2:3], names[0], *names[3:]], make_state().values(), strict=True))
    with pytest.raises(ModelError, match="by order alone"):
        load(make_module(), state, convert=match_by_order)


def test_tensors_that_go_into_sums_and_joins_count_as_used() -> None:
    """Conversions fold one layer into another."""
    state = {name: torch.ones(2) for name in ("a", "b", "scale", "unused")}
    usage = trace_usage(state, lambda s: {"ab": torch.cat([s["a"], s["b"]]), "d": s["b"] - s["scale"]})
    assert usage.unused == ("unused",)


def test_an_averaged_network_inside_of_a_training_module_loads_and_is_said_to_be_one() -> None:
    """Its counter stands behind the same part as its names."""
    module = make_module()
    averaged = {"ema_model.n_averaged": torch.tensor(3)}
    averaged |= {f"ema_model.module.{name}": value for name, value in make_state().items()}
    assert "averaged copy" in load(module, averaged)
    assert holds(module, make_state())


def test_a_training_module_under_a_wrapper_is_read_like_one_without() -> None:
    """The copy that is offered has the wrapper in its address."""
    module = make_module()
    plain = {f"module.net.{name}": value for name, value in make_state().items()}
    averaged = {f"module.ema_net.{name}": value + 1 for name, value in make_state().items()}
    said = load(module, {**averaged, **plain, "module.criterion.weight": torch.ones(1000)})
    assert "--checkpoint-key module.ema_net" in said
    assert holds(module, make_state())
    chosen = choose_weights({**averaged, **plain}, source="f", key="module.ema_net")
    load_into(module, chosen)
    assert holds(module, {name: value + 1 for name, value in make_state().items()})


def test_two_parts_that_share_out_all_names_are_taken_away_together() -> None:
    """A trunk under `backbone.` and its classifier under `head.`."""
    module = make_module()
    state = {("head." if n.startswith("fc.") else "backbone.") + n: v for n, v in make_state().items()}
    assert "'backbone.' and 'head.' taken away" in load(module, state)
    assert holds(module, make_state())


def test_two_halves_of_two_copies_are_refused() -> None:
    """Half of the student and the other half of its teacher are no network."""
    state = {("teacher." if n.startswith("fc.") else "student.") + n: v for n, v in make_state().items()}
    with pytest.raises(ModelError, match="does not fit"):
        load(make_module(), state)


@pytest.mark.parametrize("name", ["positional_embedding", "rel_pos.relative_position_bias_table"])
def test_a_table_of_positions_is_not_taken_for_a_classifier(name: str) -> None:
    """A class map would not help."""
    said = find_mismatch({name: torch.zeros(16, 8)}, {name: torch.zeros(32, 8)})
    assert said is not None and "--class-map" not in said
