"""What `imagenet-g adopt` refuses: one clear message, exit code 2, and nothing written."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from adopted_sets import WNIDS, adopt, make_noise, make_set, write_files, write_folders
from image_sets import encode, make_image, write_tar

from imagenet_g.benchmark.classes import load_classes

Source = tuple[Path, tuple[str, ...]]


def order_with_a_repeat(root: Path) -> Source:
    """A class order that has a class twice."""
    (root / "order.txt").write_text("\n".join((WNIDS[0], WNIDS[1], WNIDS[0])))
    return write_folders(root / "set", ("0", "1", "2")), ("--order", str(root / "order.txt"))


def order_too_short(root: Path) -> Source:
    """A class order without a line for class 2."""
    (root / "order.txt").write_text("\n".join(WNIDS[:2]))
    return write_folders(root / "set", ("0", "1", "2")), ("--order", str(root / "order.txt"))


def order_of_other_words(root: Path) -> Source:
    """A class order with a synset outside the 1000."""
    (root / "order.txt").write_text("\n".join((*WNIDS[:2], "n00000001")))
    return write_folders(root / "set", ("0", "1", "2")), ("--order", str(root / "order.txt"))


def order_off_by_one(root: Path) -> Source:
    """Numbers from 1 to 1000 read as numbers from 0."""
    return write_folders(root / "set", ("1", "2", "1000")), ("--order", "sorted")


def numbers_without_an_order(root: Path) -> Source:
    """Nothing says what 0 is."""
    return write_folders(root / "set", ("0", "1", "2")), ()


def order_for_names(root: Path) -> Source:
    """An order, and folders that are no numbers."""
    return write_folders(root / "set"), ("--order", "sorted")


def empty_folder(root: Path) -> Source:
    """A class folder that lost its images."""
    write_folders(root / "set")
    (root / "set" / "n01491361").mkdir()
    (root / "set" / "n01491361" / "README.txt").write_text("gone")
    return root / "set", ()


def one_of_a_thousand_missing(root: Path) -> Source:
    """999 classes."""
    files = {f"{info.wnid}/0.png": b"\x89PNG\r\n\x1a\n" for info in load_classes() if info.index != 500}
    return write_files(root / "set", files), ()


def expected_classes_missing(root: Path) -> Source:
    """Three classes where a hundred were promised."""
    return write_folders(root / "set"), ("--expect", "imagenet-a")


def one_class_in_two_folders(root: Path) -> Source:
    """The same class by two of its names."""
    return write_folders(root / "set", ("tench", "Tinca_tinca", "goldfish")), ()


def one_number_in_two_folders(root: Path) -> Source:
    """7 and 007."""
    return write_folders(root / "set", ("7", "007", "1")), ("--order", "sorted")


def one_wnid_in_two_places(root: Path) -> Source:
    """train/ and val/ in one archive."""
    files = {f"{part}/{WNIDS[0]}/{part}.png": make_noise(k) for k, part in enumerate(("train", "val"))}
    return write_tar(root / "set.tar", files), ()


def two_cases(root: Path) -> Source:
    """Folders that differ in case alone."""
    return write_folders(root / "set", ("tench", "Tench", "goldfish")), ()


def two_cases_of_wnids(root: Path) -> Source:
    """The same of wnids."""
    return write_folders(root / "set", (WNIDS[0], WNIDS[0].upper(), WNIDS[1])), ()


def ambiguous_name(root: Path) -> Source:
    """A crane is a bird and a machine."""
    return write_folders(root / "set", ("crane", "tench", "goldfish")), ()


def unknown_name(root: Path) -> Source:
    """No class of ImageNet."""
    return write_folders(root / "set", ("tench", "goldfsh", "unicorn")), ()


def map_with_a_gap(root: Path) -> Source:
    """A map without one of the words."""
    (root / "map.csv").write_text(f"name,wnid\na,{WNIDS[0]}\nb,{WNIDS[1]}\n")
    return write_folders(root / "set", ("a", "b", "c")), ("--class-map", str(root / "map.csv"))


def label_lines(root: Path, lines: list[str], name: str = "labels.csv") -> Source:
    """Images in one folder, and a label file."""
    (root / name).write_text("\n".join(lines))
    files = {file: data for (_, file), data in make_set().items()}
    return write_files(root / "set", files), ("--label-file", str(root / name))


GOOD = [f"{file},{WNIDS[label]}" for label, file in make_set()]


def a_line_too_many(root: Path) -> Source:
    """An image that is not there."""
    return label_lines(root, ["file_name,wnid", *GOOD, f"7-0.png,{WNIDS[0]}"])


def a_line_twice(root: Path) -> Source:
    """An image that comes twice."""
    return label_lines(root, ["file_name,wnid", *GOOD, GOOD[0]])


def a_class_too_many(root: Path) -> Source:
    """A class a line, and one line more than images."""
    return label_lines(root, [*(WNIDS[label] for label, _ in make_set()), WNIDS[0]], "synsets.txt")


def a_line_too_few(root: Path) -> Source:
    """An image without a class."""
    return label_lines(root, ["file_name,wnid", *GOOD[1:]])


def a_line_of_gigabytes(root: Path) -> Source:
    """A line that never ends."""
    return label_lines(root, ["file_name,wnid", "x" * 100_000])


def a_path_out_of_the_source(root: Path) -> Source:
    """A label file that names a file elsewhere."""
    write_files(root, {"secret.png": make_noise(1)})
    return label_lines(root, ["file_name,wnid", f"../secret.png,{WNIDS[0]}"])


def no_columns(root: Path) -> Source:
    """Columns of other names."""
    return label_lines(root, ["a,b", *GOOD])


def broken_json(root: Path) -> Source:
    """JSON lines that are none."""
    return label_lines(root, ["{", *GOOD], "labels.jsonl")


def nested_json(root: Path) -> Source:
    """JSON of a thousand lists in each other."""
    return label_lines(root, ["[" * 100_000], "labels.json")


def image_bomb(root: Path) -> Source:
    """A small file of 10 gigapixels."""
    bomb = bytearray(encode(make_image()))
    bomb[16:24] = (100_000).to_bytes(4, "big") * 2
    import zlib

    bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4, "big")
    write_folders(root / "set")
    return write_files(root / "set", {f"{WNIDS[0]}/bomb.png": bytes(bomb)}), ()


def truncated_image(root: Path) -> Source:
    """Half an image."""
    write_folders(root / "set")
    return write_files(root / "set", {f"{WNIDS[0]}/half.png": make_noise(50)[:-100]}), ()


def climbing_tar(root: Path) -> Source:
    """A member that leads out of the archive."""
    return write_tar(root / "set.tar", {"../../evil/a.png": make_noise(1)}), ()


def broken_zip(root: Path) -> Source:
    """Half a zip."""
    with zipfile.ZipFile(root / "whole.zip", "w") as archive:
        archive.writestr(f"{WNIDS[0]}/a.png", make_noise(1))
    (root / "set.zip").write_bytes((root / "whole.zip").read_bytes()[:-30])
    return root / "set.zip", ()


def broken_parquet(root: Path) -> Source:
    """Bytes that are no table."""
    return write_files(root / "set", {"a.parquet": b"PAR1 and no more"}), ()


def link_in_a_circle(root: Path) -> Source:
    """A folder that holds itself."""
    write_folders(root / "set")
    (root / "set" / WNIDS[0] / "again").symlink_to(root / "set")
    return root / "set", ()


def loose_images(root: Path) -> Source:
    """Images without a class."""
    return write_files(root / "set", {"a.png": make_noise(1)}), ()


def nothing_there(root: Path) -> Source:
    """No such folder."""
    return root / "set", ()


def no_images(root: Path) -> Source:
    """A folder of texts."""
    return write_files(root / "set", {f"{WNIDS[0]}/a.txt": b"text"}), ()


BAD: list[tuple[Callable[[Path], Source], str]] = [
    (order_with_a_repeat, "has 'n01440764' twice, as class 0 and 2"),
    (order_too_short, "Class number '2' is outside 0..1 of the order 'order.txt'"),
    (order_of_other_words, "'n00000001' is not a wnid"),
    (order_off_by_one, "Class number '1000' is outside 0..999 of the order 'sorted'"),
    (numbers_without_an_order, "numbers need an order: --order sorted"),
    (order_for_names, "--order is for class numbers, and 'n01440764' is none"),
    (empty_folder, "The class folder 'n01491361' has no image"),
    (one_of_a_thousand_missing, "1 of the 1000 classes of 'all' have no image"),
    (expected_classes_missing, "200 classes of 'imagenet-a' have no image"),
    (one_class_in_two_folders, "are both class n01440764 (tench)"),
    (one_number_in_two_folders, "'007' and '7' are both class n01514668 (rooster)"),
    (one_wnid_in_two_places, "'n01440764' is there twice: 'train/n01440764' and 'val/n01440764'"),
    (two_cases, "'Tench' and 'tench' differ in upper and lower case alone"),
    (two_cases_of_wnids, "differ in upper and lower case alone"),
    (ambiguous_name, "'crane' could be n02012849 (crane bird) or n03126707 (construction crane)"),
    (unknown_name, "'goldfsh' is no name of one of ImageNet's 1000 classes. Did you mean 'goldfish'"),
    (map_with_a_gap, "The class map has no line for 'c'"),
    (a_line_too_many, "names '7-0.png', and the source has no such image"),
    (a_line_twice, "Lines 2 and 8 of"),
    (a_class_too_many, "in line 7, and the source has 6 images"),
    (a_line_too_few, "has no line for '"),
    (a_line_of_gigabytes, "has more than 65536 characters"),
    (a_path_out_of_the_source, "names '../secret.png', and the source has no such image"),
    (no_columns, "has no column file_name or filename or file, ...; it has: a, b"),
    (broken_json, "Line 1 of"),
    (nested_json, "is no JSON"),
    (image_bomb, "refused as a decompression bomb"),
    (truncated_image, "cannot be read: 'n01440764/half.png'"),
    (climbing_tar, "'../../evil/a.png' leads out of the source"),
    (broken_zip, "is not a whole zip file"),
    (broken_parquet, "is not a parquet file"),
    (link_in_a_circle, "is a link back to a folder around it"),
    (loose_images, "1 images lie in no class folder, first 'a.png'"),
    (nothing_there, "to adopt; give a folder"),
    (no_images, "There is no image in the source"),
]


@pytest.mark.parametrize(("make", "said"), BAD, ids=[make.__name__ for make, _ in BAD])
def test_a_set_that_does_not_fit_gets_one_clear_message_and_nothing_is_written(
    make: Callable[[Path], Source], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on stderr that says what and where; no release, no half of one."""
    source, words = make(tmp_path)
    before = {path for path in tmp_path.rglob("*") if "again" not in path.parts}
    adopt(source, tmp_path / "out", *words, code=2)
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("imagenet-g: ")]
    assert len(error) == 1
    assert said in error[0]
    after = {path for path in tmp_path.rglob("*") if "again" not in path.parts}
    assert {path for path in after - before if "cache" not in path.parts} == set()


def test_unreadable_images_are_left_out_where_that_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are counted."""
    source, _ = image_bomb(tmp_path)
    adopt(source, tmp_path / "out", "--leave-out-unreadable")
    assert "1 images cannot be read and are left out" in capsys.readouterr().out


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a folder nor its beginning."""
    from imagenet_g.benchmark.storage import translate_storage_errors
    from imagenet_g.generation.adopting import writing

    def fill(folder: Path, *_: object, **__: object) -> None:
        write_files(folder, {"data/drawn/half.parquet": b"PAR1"})
        with translate_storage_errors(folder):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "write_shard", fill)
    source = write_folders(tmp_path / "set")
    before = {*tmp_path.iterdir()}
    adopt(source, tmp_path / "out", code=2)
    assert "No space left to write" in capsys.readouterr().err
    assert {path for path in {*tmp_path.iterdir()} - before if path.name != "cache"} == set()


def test_what_a_killed_run_began_is_cleared(tmp_path: Path) -> None:
    """A run ends in the middle of its images; the next one of the same words leaves its release alone."""
    source = write_folders(tmp_path / "set")
    words = [str(source), "--version", "gen-1", "--split", "drawn", "--out", str(tmp_path / "out")]
    # As SIGKILL does it: nothing is run any more.
    program = (
        "import os, sys\n"
        "from imagenet_g.benchmark.cli import main\n"
        "from imagenet_g.generation.adopting import writing\n"
        "writing.write_shard = lambda *a, **k: os.kill(os.getpid(), 9)\n"
        "main(['adopt', *sys.argv[1:]])\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, *words, "--cache", str(tmp_path / "cache")], capture_output=True
    )
    assert killed.returncode == -9
    assert len([*tmp_path.glob(".out.*.tmp")]) == 1
    adopt(source, tmp_path / "out")
    assert [*tmp_path.rglob("*.tmp")] == []
    assert (tmp_path / "out" / "manifest.json").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--version", "imagenet-r"), "is the name of a real set"),
        (("--version", "mini"), "is a version of ImageNet-G"),
        (("--version", "../x"), "Malformed --version '../x'"),
        (("--split", "A b"), "Malformed --split 'A b'"),
    ],
)
def test_a_name_that_no_reference_could_mean_is_refused(
    words: tuple[str, str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the images are looked at."""
    adopt(tmp_path / "absent", tmp_path / "out", *words, code=2)
    assert said in capsys.readouterr().err


def test_a_folder_with_other_files_is_no_place_for_a_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They stay as they were."""
    source = write_folders(tmp_path / "set")
    shutil.copytree(source, tmp_path / "out")
    adopt(source, tmp_path / "out", code=2)
    assert "has files and is no release" in capsys.readouterr().err
    assert len([*(tmp_path / "out").rglob("*.png")]) == 6
