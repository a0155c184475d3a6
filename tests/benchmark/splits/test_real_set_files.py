"""Tables of real sets from a user's file: what they may say, and everything that is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_sets import write_class_folders

from imagenet_g.benchmark.catalogue.catalogue import load_split, parse_data_pairs
from imagenet_g.benchmark.catalogue.listing import list_splits
from imagenet_g.benchmark.catalogue.newest import choose_newest_version
from imagenet_g.benchmark.errors import InputError, UnknownNameError, UntrustedFileError
from imagenet_g.benchmark.splits.real_set_files import load_real_sets, load_sets
from imagenet_g.benchmark.splits.references import parse_split_ref

TABLE = """
[[set]]
name = "my-cats"
title = "My cats"
num_images = 2
class_set = "cats"
outputs = "split-classes"
label = "wnid"
license = "CC0"
source = "me"
local_hint = "A folder of wnids."
"""
NAMED = TABLE.replace('label = "wnid"', 'label = "names"\nclass_names = "words"')
PARTS = TABLE + (
    'inner = ["{weather}"]\ninner_required = true\n[[set.parts]]\nname = "weather"\nvalues = ["fog", "sun"]\n'
)
HUB = TABLE + '[set.hub]\nrepo = "a/b"\nformat = "zip"\nfiles = ["*.zip"]\nlabel = "wnid"\ngated = false\n'
CATS = ("n02123045", "n02123159")


def write_set(
    folder: Path, table: str = TABLE, *, classes: str = "\n".join(CATS), words: str | None = None
) -> Path:
    """A table with its class-set file, and its class names where there are some."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cats.txt").write_text(classes)
    if words is not None:
        (folder / "words.csv").write_text(words)
    path = folder / "sets.toml"
    path.write_text(table)
    return path


def test_a_table_and_its_class_set_file_are_a_set(tmp_path: Path) -> None:
    """Nothing else is needed to load images by its name."""
    sets = load_sets([write_set(tmp_path)])
    copy = write_class_folders(tmp_path / "images", CATS)
    data = parse_data_pairs([f"my-cats={copy}"], sets)
    split = load_split(parse_split_ref("my-cats", sets), data=data, cache=None)
    assert (split.record.ref, split.rows.labels.ravel().tolist()) == ("my-cats", [281, 282])
    assert (split.outputs, split.record.notice) == ("split-classes", None)


def test_a_set_may_have_class_names_of_its_own(tmp_path: Path) -> None:
    """In any spelling, several classes a name, and other spellings beside."""
    table = NAMED + '[set.aliases]\nKitty = "tabby cat"\n'
    path = write_set(tmp_path, table, words=f"name,wnid\nTabby Cat,{CATS[0]}\nTabby Cat,{CATS[1]}\n")
    sets = load_sets([path])
    copy = write_class_folders(tmp_path / "images", ["kitty", "tabby-cat"])
    split = load_split(parse_split_ref("my-cats", sets), data={"my-cats": copy}, cache=None)
    assert split.rows.labels.tolist() == [[281, 282], [281, 282]]


def test_a_strange_folder_is_named_with_the_file_of_the_class_names(tmp_path: Path) -> None:
    """Which is where the user looks next."""
    sets = load_sets([write_set(tmp_path, NAMED, words=f"name,wnid\ntabby,{CATS[0]}\n")])
    copy = write_class_folders(tmp_path / "images", ["tabby", "zebra horse"])
    said = (
        r"The folder 'zebra horse' is not a class name of the set\. '.*words\.csv' lists them\. A folder of"
    )
    with pytest.raises(InputError, match=said):
        load_split(parse_split_ref("my-cats", sets), data={"my-cats": copy}, cache=None)


def test_a_set_may_have_parts(tmp_path: Path) -> None:
    """Each is a reference and a line of the listing."""
    sets = load_sets([write_set(tmp_path, PARTS)])
    write_class_folders(tmp_path / "images" / "fog", CATS)
    data = {"my-cats": tmp_path / "images"}
    split = load_split(parse_split_ref("my-cats/fog", sets), data=data, cache=None)
    listed = {listing.ref: listing for listing in list_splits(data, sets)}
    assert split.record.ref == "my-cats/fog"
    assert [listed[f"my-cats/{part}"].title for part in ("fog", "sun")] == ["My cats fog", "My cats sun"]


def test_a_shipped_class_set_needs_no_file(tmp_path: Path) -> None:
    """Its name means the shipped one even where a file of that name lies beside the table."""
    path = write_set(tmp_path, TABLE.replace('"cats"', '"imagenet-r"'))
    (tmp_path / "imagenet-r.txt").write_text(CATS[0])
    assert len(load_sets([path])["my-cats"].classes.indices) == 200


def test_the_shipped_sets_stay_what_they_are(tmp_path: Path) -> None:
    """A user's file adds to them and changes none, for this run alone."""
    sets = load_sets([write_set(tmp_path)])
    assert {name: sets[name] for name in load_real_sets()} == load_real_sets()
    assert "my-cats" not in load_real_sets()


def test_a_copy_of_a_set_of_ones_own_is_no_version(tmp_path: Path) -> None:
    """The default splits are still those of the newest release."""
    copy = write_class_folders(tmp_path / "images", CATS)
    assert choose_newest_version({"my-cats": copy}, cache=None) == choose_newest_version({}, cache=None)


def test_without_its_table_a_set_is_unknown() -> None:
    """Its name alone is no reference."""
    with pytest.raises(InputError, match="Malformed split 'my-cats'"):
        parse_split_ref("my-cats")


@pytest.mark.parametrize(
    "name",
    [
        "imagenet-r",
        "imagenet-c",
        "imagenet-c/new/1",
        "imagenet-v2/mine",
        "objectnet",
        "v1",
        "mini",
        "published",
    ],
)
def test_a_set_may_not_take_a_name_that_has_a_meaning(tmp_path: Path, name: str) -> None:
    """A result named after a shipped set is on that set."""
    path = write_set(tmp_path, TABLE.replace("my-cats", name))
    with pytest.raises(InputError, match="is taken already"):
        load_sets([path])


@pytest.mark.parametrize("tables", [TABLE * 2, PARTS + TABLE.replace("my-cats", "my-cats/fog")])
def test_two_tables_may_not_describe_one_name(tmp_path: Path, tables: str) -> None:
    """One of them would be ignored."""
    with pytest.raises(InputError, match="'my-cats' is taken already"):
        load_sets([write_set(tmp_path, tables)])


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("", "set: Field required"),
        ("[[set]]\nname = 3", r"set\.0\.name"),
        ("[[set", "is not TOML"),
        (TABLE + "colour = 1", r"set\.0\.colour"),
        (TABLE.replace("my-cats", "My Cats"), r"set\.0\.name"),
        (TABLE.replace("my-cats", "../cats"), r"set\.0\.name"),
        (TABLE.replace('"cats"', '"../cats"'), r"set\.0\.class_set"),
        (TABLE.replace('"cats"', '"/etc/passwd"'), r"set\.0\.class_set"),
        (NAMED.replace('"words"', '"../words"'), r"set\.0\.class_names"),
        (TABLE.replace('"wnid"', '"names"'), "class_names go together"),
        (TABLE.replace("My cats", r"\u001b[2J"), r"set\.0\.title"),
        (TABLE + 'inner = ["../elsewhere"]', "inside the set"),
        (TABLE + 'inner = ["/etc"]', "inside the set"),
        (TABLE + 'inner = ["a\\\\b"]', "inside the set"),
        (TABLE + 'inner = ["{weather}"]', "must have no placeholder"),
        (PARTS.replace('"{weather}"', '"{weather.__class__}"'), "must have {weather}"),
        (PARTS.replace('"{weather}"', '"same"'), "must have {weather}"),
        (PARTS.replace("inner_required = true", ""), "inner_required = true"),
        (PARTS.replace('"sun"', '".."'), r"set\.0\.parts\.0\.values\.1"),
        (HUB.replace('"*.zip"', '"../*.zip"'), "inside the set"),
        (HUB.replace('"a/b"', '"../b"'), r"set\.0\.hub\.repo"),
        (HUB.replace('"zip"', '"parquet"'), "image_column and label_column"),
        (TABLE + "border_px = 100000", r"set\.0\.border_px"),
        (TABLE + "num_images = -1", "is not TOML"),
        (TABLE.replace("num_images = 2", "num_images = -1"), r"set\.0\.num_images"),
    ],
)
def test_a_malformed_table_is_one_message_that_names_the_key(
    tmp_path: Path, table: str, problem: str
) -> None:
    """Nothing in it is used."""
    with pytest.raises(InputError, match=problem) as refused:
        load_sets([write_set(tmp_path, table)])
    assert "sets.toml" in str(refused.value)


@pytest.mark.parametrize(
    ("classes", "problem"),
    [("n99999999", "Unknown wnid 'n99999999'"), ("# none\n", "is empty"), ("root:x:0:0", "Unknown wnid")],
)
def test_a_class_set_file_holds_wnids_of_the_1000(tmp_path: Path, classes: str, problem: str) -> None:
    """The message names both files."""
    with pytest.raises(InputError, match=rf"cats\.txt', which 'sets\.toml' names.*{problem}"):
        load_sets([write_set(tmp_path, classes=classes)])


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("", "columns name,wnid"),
        ("class,index\na,1\n", "columns name,wnid"),
        ("name,wnid\n", "no class name"),
        ("name,wnid\ncat\n", "Unknown wnid ''"),
        (f"name,wnid\n,{CATS[0]}\n", "needs a name"),
        (f"name,wnid\ncat,{CATS[0]},more\n", "needs a name and a wnid"),
        ("name,wnid\ncat,n99999999\n", "Unknown wnid"),
    ],
)
def test_class_names_map_to_wnids(tmp_path: Path, words: str, problem: str) -> None:
    """Anything else is refused before an image is read."""
    with pytest.raises(InputError, match=rf"words\.csv', which 'sets\.toml' names.*{problem}"):
        load_sets([write_set(tmp_path, NAMED, words=words)])


def test_names_that_differ_by_signs_only_may_not_differ_in_meaning(tmp_path: Path) -> None:
    """Folders could not tell them apart."""
    words = f"name,wnid\nbig cat,{CATS[0]}\nBig-cat,{CATS[1]}\n"
    with pytest.raises(InputError, match="'Big-cat' differs from another by signs only"):
        load_sets([write_set(tmp_path, NAMED, words=words)])


def test_an_alias_stands_for_a_name_there_is(tmp_path: Path) -> None:
    """Did you mean."""
    path = write_set(
        tmp_path, NAMED + '[set.aliases]\nKitty = "tabbi"\n', words=f"name,wnid\ntabby,{CATS[0]}\n"
    )
    with pytest.raises(UnknownNameError, match="Did you mean 'tabby'"):
        load_sets([path])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The table, or what it names."""
    with pytest.raises(InputError, match=r"nowhere\.toml' cannot be read"):
        load_sets([tmp_path / "nowhere.toml"])
    path = write_set(tmp_path)
    (tmp_path / "cats.txt").unlink()
    with pytest.raises(InputError, match=r"no file '.*cats\.txt', which 'sets\.toml' names\.") as caught:
        load_sets([path])
    assert str(caught.value).count("cats.txt") == 1


def test_a_link_may_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    """A downloaded table could show the lines of another file in its message."""
    path = write_set(tmp_path / "set")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "set" / "cats.txt").unlink()
    (tmp_path / "set" / "cats.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(UntrustedFileError, match="leads out of the folder") as refused:
        load_sets([path])
    assert "'secret'" not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"#" * ((1 << 20) + 1), "more than 1,048,576 bytes"),
        (b"\xff\xfe", "not UTF-8"),
        (b"n02123045\n\x1b[2J", "control characters"),
        (b"n" * 5000, "more than 2000 characters"),
    ],
)
def test_a_file_that_is_no_short_text_is_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    """Before anything in it is used or shown."""
    path = write_set(tmp_path)
    (tmp_path / "cats.txt").write_bytes(data)
    with pytest.raises(UntrustedFileError, match=problem):
        load_sets([path])
