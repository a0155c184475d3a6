"""References: every form that is promised, and a clear word on every other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import CLASS_SET_NAMES
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.splits.real_set_files import load_real_sets
from imagenet_g.benchmark.splits.references import SplitRef, parse_split_ref

NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,12}", fullmatch=True)
OLD_SETS = (
    "imagenet-val",
    "imagenet-v2",
    "imagenet-v2/threshold-0.7",
    "imagenet-v2/top-images",
    "imagenet-sketch",
    "imagenet-r",
    "imagenet-a",
    "objectnet",
)
# Spelled out, not read from the table: results with these names are sealed.
OLD_CORRUPTIONS = (
    "brightness", "contrast", "defocus_blur", "elastic_transform", "fog", "frost", "gaussian_blur",
    "gaussian_noise", "glass_blur", "impulse_noise", "jpeg_compression", "motion_blur", "pixelate",
    "saturate", "shot_noise", "snow", "spatter", "speckle_noise", "zoom_blur",
)  # fmt: skip
ALL_REFERENCES = [ref for real_set in load_real_sets().values() for ref in real_set.spec.list_references()]
FAMILIES = {name.split("/")[0] for name in ALL_REFERENCES}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v1/sd-l", SplitRef("version", "v1/sd-l", None)),
        ("v1/sd-li:clip-filtered", SplitRef("version", "v1/sd-li", "clip-filtered")),
        ("mini/sd-l:imagenet-100", SplitRef("version", "mini/sd-l", "imagenet-100")),
        ("imagenet-val", SplitRef("real", "imagenet-val", None)),
        ("imagenet-v2/threshold-0.7", SplitRef("real", "imagenet-v2/threshold-0.7", None)),
        ("imagenet-r:imagenet-r-a", SplitRef("real", "imagenet-r", "imagenet-r-a")),
        ("imagenet-c/gaussian_noise/3", SplitRef("real", "imagenet-c/gaussian_noise/3", None)),
        ("folder:a/b:c", SplitRef("folder", "folder:a/b:c", None)),
    ],
)
def test_promised_forms_are_parsed(text: str, expected: SplitRef) -> None:
    """The forms of the documentation."""
    assert parse_split_ref(text) == expected


@given(version=NAMES, split=NAMES, view=st.none() | NAMES)
def test_version_references_round_trip(version: str, split: str, view: str | None) -> None:
    """What is printed is what was parsed."""
    if version in FAMILIES:
        return
    text = f"{version}/{split}" + (f":{view}" if view else "")
    ref = parse_split_ref(text)
    assert (str(ref), ref.version, ref.name, ref.view) == (text, version, split, view)


@given(
    name=st.sampled_from(OLD_SETS)
    | st.builds("imagenet-c/{}/{}".format, st.sampled_from(OLD_CORRUPTIONS), st.integers(1, 5))
    | st.sampled_from(ALL_REFERENCES),
    view=st.none() | st.sampled_from(CLASS_SET_NAMES),
)
def test_real_references_round_trip(name: str, view: str | None) -> None:
    """The 8 + 95 that sealed results may name, and whatever else a table describes, with every view."""
    text = name + (f":{view}" if view else "")
    ref = parse_split_ref(text)
    assert (str(ref), ref.kind, ref.base, ref.version, ref.name) == (text, "real", name, None, name)


def test_an_unknown_view_of_a_real_set_is_refused_before_the_set_is_fetched() -> None:
    """Class sets are all there are, and what `imagenet-g filter` gave it."""
    ref = parse_split_ref("imagenet-sketch:imagenet-10")
    with pytest.raises(
        UnknownNameError, match=r"'imagenet-10' of 'imagenet-sketch'\. Did you mean 'imagenet-100'.* filter "
    ):
        load_split(ref, data={}, cache=None)


def test_a_folder_may_have_a_view_and_its_path_a_colon(tmp_path: Path) -> None:
    """The disk decides which of the two is meant."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b:noto").mkdir()
    found = [parse_split_ref(f"folder:{tmp_path}/{name}") for name in ("a:noto", "b:noto", "a", "c:noto")]
    assert [ref.view for ref in found] == ["noto", None, None, None]
    assert str(found[0]) == f"folder:{tmp_path}/a:noto"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("imagenet-rr", "imagenet-r"),
        ("imagenetv2", "imagenet-v2"),
        ("object-net", "objectnet"),
        ("ImageNet-R", "imagenet-r"),
    ],
)
def test_a_misspelt_real_set_is_suggested(text: str, meant: str) -> None:
    """Though it is no reference at all."""
    with pytest.raises(InputError, match=f"Malformed split '{text}'. Did you mean .*'{meant}'"):
        parse_split_ref(text)


@given(path=st.text(min_size=1))
def test_a_folder_keeps_its_path_as_it_is(path: str) -> None:
    """Colons, spaces and all: a path has no view."""
    ref = parse_split_ref(f"folder:{path}")
    assert (ref.kind, ref.name, ref.view, str(ref)) == ("folder", path, None, f"folder:{path}")


@given(text=st.text())
def test_any_text_is_parsed_or_refused_with_a_word(text: str) -> None:
    """Nothing but InputError escapes, and it names the value."""
    try:
        ref = parse_split_ref(text)
    except InputError as error:
        assert str(error)
    else:
        assert str(ref) == text


def test_there_are_nineteen_corruptions_at_five_severities() -> None:
    """15 of the benchmark and 4 extra ones (Hendrycks and Dietterich 2019)."""
    refs = list(load_real_sets()["imagenet-c"].spec.list_references())
    expected = [f"imagenet-c/{name}/{severity}" for name in OLD_CORRUPTIONS for severity in range(1, 6)]
    assert refs == expected
    assert len(set(OLD_CORRUPTIONS)) == 19


@pytest.mark.parametrize(
    "text",
    ["", "v1", "v1/", "/sd-l", "v1/sd-l/x", "V1/sd-l", "v1/sd-l:", "v1/sd-l:A", "v1/../x", "v1/sd l"],
)
def test_malformed_references_are_refused(text: str) -> None:
    """None of these is silently something else."""
    with pytest.raises(InputError, match=r"Malformed (split|view)"):
        parse_split_ref(text)


def test_an_empty_folder_path_is_refused() -> None:
    """It would be the current folder."""
    with pytest.raises(InputError, match="needs a path"):
        parse_split_ref("folder:")


def test_a_misspelt_corruption_is_suggested() -> None:
    """Did you mean."""
    with pytest.raises(UnknownNameError, match="Did you mean 'fog'"):
        parse_split_ref("imagenet-c/fogg/3")


def test_imagenet_c_needs_its_corruption() -> None:
    """95 sets are not one."""
    with pytest.raises(InputError, match="corruption and a severity"):
        parse_split_ref("imagenet-c")


@pytest.mark.parametrize("severity", ["0", "6", "x", "03"])
def test_severities_are_one_to_five(severity: str) -> None:
    """As published."""
    with pytest.raises(InputError, match=r"Unknown severity '.*' of imagenet-c\..*Known: 1, 2, 3, 4, 5\."):
        parse_split_ref(f"imagenet-c/fog/{severity}")


def test_an_unknown_variant_of_a_real_set_lists_the_known() -> None:
    """imagenet-v2 has three."""
    with pytest.raises(UnknownNameError, match=r"imagenet-v2/threshold-0\.7"):
        parse_split_ref("imagenet-v2/threshold")


@pytest.mark.parametrize("part", ["background", "texture", "material"])
def test_a_part_of_a_set_is_no_split_of_a_version(part: str) -> None:
    """Its first word is looked up in the tables of the real sets before anything else."""
    ref = parse_split_ref(f"imagenet-d-diffusion/{part}")
    assert (ref.kind, ref.version) == ("real", None)


@pytest.mark.parametrize("base", ["imagenet-d-diffusion", "imagenet-d-diffusion/background/1"])
def test_a_set_with_parts_says_which_it_needs(base: str) -> None:
    """With an example."""
    with pytest.raises(InputError, match=r"needs a part: .*, such as imagenet-d-diffusion/background"):
        parse_split_ref(base)


def test_a_shortened_name_is_suggested() -> None:
    """Two sets are called ImageNet-D, so that none bears the bare name."""
    with pytest.raises(InputError, match=r"Did you mean .*imagenet-d-diffusion"):
        parse_split_ref("imagenet-d")
