"""The class tables, against timm's and open_clip's own."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.classes import (
    CLASS_SET_NAMES,
    ClassSet,
    load_class_names,
    load_class_set,
    load_classes,
    load_index_by_wnid,
    make_class_set,
    name_class_set,
)
from imagenet_g.benchmark.errors import InputError, UnknownNameError


def read_timm_list(name: str) -> list[str]:
    """Lines of one of timm's class files."""
    return (files("timm.data") / "_info" / name).read_text().split()


def test_wnids_are_timms_in_order() -> None:
    """The order is the contract of every head of 1000."""
    assert [info.wnid for info in load_classes()] == read_timm_list("imagenet_synsets.txt")


def test_indices_are_ranks_of_sorted_wnids() -> None:
    """The definition of the class index."""
    wnids = [info.wnid for info in load_classes()]
    assert wnids == sorted(wnids)
    assert [info.index for info in load_classes()] == list(range(1000))
    assert load_index_by_wnid() == {wnid: index for index, wnid in enumerate(wnids)}


def test_names_are_open_clips() -> None:
    """The names zero-shot heads are made of."""
    from open_clip import IMAGENET_CLASSNAMES

    assert [info.name for info in load_classes()] == list(IMAGENET_CLASSNAMES)


def test_definitions_and_lemmas_are_wordnets() -> None:
    """As timm ships them."""
    tables = {}
    for name in ("lemma", "definition"):
        text = (files("timm.data") / "_info" / f"imagenet_synset_to_{name}.txt").read_text()
        tables[name] = dict(line.split("\t", 1) for line in text.splitlines())
    for info in load_classes():
        assert info.lemmas == tables["lemma"][info.wnid]
        assert info.definition == tables["definition"][info.wnid]


@pytest.mark.parametrize("letter", ["a", "r"])
def test_sets_r_and_a_are_timms(letter: str) -> None:
    """By timm's synsets and, independently, by its indices."""
    class_set = load_class_set(f"imagenet-{letter}")
    wnids = read_timm_list(f"imagenet_{letter}_synsets.txt")
    assert class_set.indices == tuple(sorted(load_index_by_wnid()[wnid] for wnid in wnids))
    assert class_set.indices == tuple(sorted(map(int, read_timm_list(f"imagenet_{letter}_indices.txt"))))
    assert len(class_set.indices) == 200


def test_r_and_a_share_86_classes() -> None:
    """As the caption paper counts them."""
    r, a = (set(load_class_set(f"imagenet-{letter}").indices) for letter in "ra")
    assert load_class_set("imagenet-r-a").indices == tuple(sorted(r & a))
    assert len(r & a) == 86


def test_imagenet_100_has_100_classes() -> None:
    """Tian et al. 2020."""
    assert len(load_class_set("imagenet-100").indices) == 100


def test_objectnet_has_113_names_on_its_own_class_set() -> None:
    """125 rows of Barbu et al.'s table, no index twice."""
    labels = load_class_names("objectnet")
    indices = [index for row in labels.values() for index in row]
    assert (len(labels), len(indices)) == (113, 125)
    assert load_class_set("objectnet").indices == tuple(sorted(set(indices)))


@pytest.mark.parametrize(
    ("name", "indices"),
    [
        ("Alarm clock", {409, 530}),
        ("Chair", {423, 559, 765}),
        ("Helmet", {560, 518}),
        ("Still Camera", {732, 759}),
        ("Skirt", {601, 655, 689}),
        ("Watch", {531}),
        ("T-shirt", {610}),
    ],
)
def test_objectnet_labels_are_the_published_ones(name: str, indices: set[int]) -> None:
    """Spot checks by hand against ObjectNet's mapping file."""
    assert set(load_class_names("objectnet")[name]) == indices


def test_all_covers_all() -> None:
    """And no other registered set does."""
    assert load_class_set("all").covers_all
    assert not any(load_class_set(name).covers_all for name in CLASS_SET_NAMES)


def test_an_unknown_set_is_suggested() -> None:
    """Did you mean."""
    with pytest.raises(UnknownNameError, match="Did you mean 'imagenet-100'"):
        load_class_set("imagenet100")


@given(indices=st.lists(st.integers(0, 999), min_size=1))
def test_a_set_is_sorted_and_without_repeats(indices: list[int]) -> None:
    """Whatever order it was given in."""
    class_set = make_class_set("x", indices)
    assert class_set.indices == tuple(sorted(set(indices)))
    assert class_set.sha256 == hashlib.sha256(",".join(map(str, class_set.indices)).encode()).hexdigest()


@given(indices=st.sets(st.integers(0, 999), min_size=1))
def test_equal_classes_share_one_stored_name(indices: set[int]) -> None:
    """Whatever they are called."""
    assert name_class_set(make_class_set("a", indices)) == name_class_set(make_class_set("b", indices))


def test_registered_classes_are_stored_under_their_registered_name() -> None:
    """Even when they come from a split."""
    for name in (*CLASS_SET_NAMES, "all"):
        assert name_class_set(make_class_set("split-classes", load_class_set(name).indices)) == name


@pytest.mark.parametrize(
    ("indices", "reason"),
    [((), "empty"), ((2, 1), "ascending"), ((1, 1), "repeats"), ((-1,), "outside"), ((1000,), "outside")],
)
def test_malformed_sets_are_refused(indices: tuple[int, ...], reason: str) -> None:
    """Empty, unsorted, repeated, out of range."""
    with pytest.raises(InputError, match=rf"'x' .*{reason}"):
        ClassSet("x", indices)
