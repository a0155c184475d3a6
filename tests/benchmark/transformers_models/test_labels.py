"""Which class each output is, by the labels of a checkpoint."""

from collections.abc import Callable

import pytest
from tiny_transformers import list_usual_labels

from imagenet_g.benchmark.classes import NUM_CLASSES, load_classes
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.transformers_models.labels import match_labels

USUAL = list_usual_labels()
WNIDS = [info.wnid for info in load_classes()]
CRANES = (134, 517)


@pytest.mark.parametrize(
    "labels",
    [
        USUAL,
        WNIDS,
        [info.name for info in load_classes()],
        # torchvision's categories: "crane" and "maillot" twice each.
        [label.partition(",")[0] for label in USUAL],
        [label.upper().replace(" ", "_") for label in USUAL],
    ],
    ids=["words", "wnids", "clip-names", "first-words", "upper-case"],
)
def test_the_usual_order_needs_no_map_however_classes_are_called(labels: list[str]) -> None:
    """Two classes of one name stand where the others say."""
    assert match_labels(labels, spec="m") is None


@pytest.mark.parametrize("name", ["background", "__background__"])
def test_a_background_in_front_is_left_out(name: str) -> None:
    """As in MobileNet's 1001 outputs."""
    found = match_labels([name, *USUAL], spec="m")
    assert found is not None and found.wnids == ("-", *WNIDS)


def test_labels_in_another_order_are_put_in_theirs() -> None:
    """By wnids, which no two classes share."""
    found = match_labels(WNIDS[::-1], spec="m")
    assert found is not None and found.wnids == tuple(WNIDS[::-1])


def test_a_name_of_two_classes_is_decided_by_elimination() -> None:
    """'maillot' may be either of two classes, but 'maillot, tank suit' is one of them."""
    labels = list(USUAL)
    for index in CRANES:
        labels[index] = load_classes()[index].name
    found = match_labels(labels[::-1], spec="m")
    assert found is not None and found.wnids == tuple(WNIDS[::-1])


def _swap(first: int, second: int) -> Callable[[list[str]], None]:
    def change(labels: list[str]) -> None:
        labels[first], labels[second] = labels[second], labels[first]

    return change


def _put(number: int, label: str) -> Callable[[list[str]], None]:
    def change(labels: list[str]) -> None:
        labels[number] = label

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_put(3, "LABEL_3"), "output 3 is 'LABEL_3', which names none of the 1000 classes; of its 1000"),
        (_put(3, ""), "output 3 is '', which names none"),
        (_put(3, USUAL[2]), r"\(output 2\) and .* \(output 3\) are one class, n01484850"),
        (_swap(0, 1), r"'crane' stands for 2 classes \(n02012849, n03126707\)"),
        (list.pop, "labels for 999 classes where 1000"),
        (lambda labels: labels.append(USUAL[0]), "labels for 1001 classes"),
        (list.clear, "labels for 0 classes"),
    ],
    ids=["unnamed", "empty", "twice", "two-cranes", "missing", "one-more", "none"],
)  # fmt: skip
def test_labels_that_do_not_fit_are_refused_with_the_next_step(
    change: Callable[[list[str]], None], message: str
) -> None:
    """One message each, and `--class-map` in all of them."""
    labels = list(USUAL)
    change(labels)
    with pytest.raises(ModelError, match=f"{message}.*--class-map"):
        match_labels(labels, spec="m")


def test_a_swap_of_two_named_classes_is_followed() -> None:
    """The order is read off the names and not assumed."""
    labels = list(WNIDS)
    _swap(0, 999)(labels)
    found = match_labels(labels, spec="m")
    assert found is not None and (found.wnids[0], found.wnids[999]) == (WNIDS[999], WNIDS[0])
    assert len(found.wnids) == NUM_CLASSES
