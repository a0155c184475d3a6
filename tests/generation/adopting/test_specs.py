"""Adoption specs of published sets, each on a synthetic tree of the same shape."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from adopted_sets import WNIDS, make_noise, read_columns, read_recipe, write_files

from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.generation.adopting.class_files import load_class_map
from imagenet_g.generation.adopting.paths import PathTemplate
from imagenet_g.generation.adopting.specs import find_spec, list_specs

GENIMAGE = {
    "adm": "imagenet_ai_0508_adm/{part}/ai/{number}_adm_174.PNG",
    "biggan": "imagenet_ai_0419_biggan/{part}/ai/{padded}_biggan_00094.png",
    "glide": "imagenet_glide/{part}/ai/GLIDE_1000_200_0{hundreds}_{padded}_glide_00008.png",
    "midjourney": "imagenet_midjourney/{part}/ai/{number}_midjourney_92.png",
    "sdv4": "imagenet_ai_0419_sdv4/{part}/ai/{padded}_sdv4_00020.png",
    "sdv5": "imagenet_ai_0424_sdv5/{part}/ai/{padded}_sdv5_00195.png",
    "vqdm": "imagenet_ai_0419_vqdm/{part}/ai/VQDM_1000_200_0{hundreds}_{padded}_vqdm_00036.png",
    "wukong": "imagenet_ai_0424_wukong/{part}/ai/{number}_wukong_image188.png",
}
"""Names of files as projects that use GenImage quote them."""


def adopt_by(spec: str, source: Path, out: Path, split: str, *words: str, code: int = 0) -> Path:
    """Run the command with a spec."""
    typed = ["adopt", str(source), "--spec", spec, "--split", split, "--out", str(out)]
    assert main([*typed, "--cache", str(out.parent / "cache"), *words]) == code
    return out


def number(names: list[str], first: int = 0) -> dict[str, bytes]:
    """Images by name, each of its own pixels."""
    return {name: make_noise(first + k, 8) for k, name in enumerate(names)}


@pytest.mark.parametrize("split", ["base-val", "base-train", "finetuned-val", "finetuned-train"])
def test_the_sets_of_the_imagenet_g_paper(split: str, tmp_path: Path) -> None:
    """train/ and val/ by wnid; a part of a set says so."""
    names = [f"{part}/{wnid}/image{k}.jpeg" for part in ("train", "val") for wnid in WNIDS for k in (1, 2)]
    out = adopt_by(
        "imagenet-g-paper", write_files(tmp_path / "set", number(names)), tmp_path / "out", split,
        "--expect", "found",
    )  # fmt: skip
    part = split.split("-")[1]
    found = read_columns(out, "wnid", "source_file", split=split)
    assert len(found) == 6
    assert all(str(name) == f"{part}/{wnid}/{str(name)[-11:]}" for wnid, name in found)
    manifest = load_manifest(out)
    assert manifest.version == "imagenet-g-paper"
    whole = "50,000" if part == "val" else "1,300,000"
    assert f"{split}: not the whole set, 6 of {whole} images." in str(manifest.notice)
    assert main(["verify", str(out)]) == 0


def test_a_class_that_the_spec_promises_is_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unless the user says that the rest is not wanted."""
    source = write_files(tmp_path / "set", number([f"val/{wnid}/1.jpeg" for wnid in WNIDS]))
    adopt_by("imagenet-g-paper", source, tmp_path / "out", "base-val", code=2)
    assert "997 of the 1000 classes of 'all' have no image" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("split", ["background", "texture", "material"])
def test_imagenet_d_by_attribute(split: str, tmp_path: Path) -> None:
    """By its own names, some of which stand for several classes: any of them is right."""
    names = [f"ImageNet-D/{part}/{name}/{k}.png" for part in ("background", "texture", "material")
             for name in ("banana", "alarm_clock", "pen") for k in range(2)]  # fmt: skip
    files: dict[str, bytes] = {**number(names), "ImageNet-D/questions/background.csv": b"a,b"}
    out = adopt_by("imagenet-d", write_files(tmp_path / "set", files), tmp_path / "out", split)
    rows = read_columns(out, "label", "also", split=split)
    assert {(label, tuple(also) if isinstance(also, list) else None) for label, also in rows} == {
        (954, ()),
        (409, (530,)),
        (418, (749, 563)),
    }
    assert load_manifest(out).version == "imagenet-d-2024"
    assert main(["verify", str(out)]) == 0


def test_the_class_map_of_imagenet_d_has_its_113_names() -> None:
    """Nine of them have several classes; those that are names of ours are the same classes."""
    found = find_spec("imagenet-d")
    mapped = load_class_map(found.folder / "imagenet-d.csv")
    assert mapped is not None
    assert (len(mapped), sum(len(classes) > 1 for classes in mapped.values())) == (113, 9)
    by_name = {info.name: info.index for info in load_classes()}
    same = {name: by_name[name.replace("_", " ")] for name in mapped if name.replace("_", " ") in by_name}
    assert len(same) > 50
    assert all(mapped[name][0] == index for name, index in same.items())


@pytest.mark.parametrize("split", sorted(GENIMAGE))
def test_genimage_by_generator(split: str, tmp_path: Path) -> None:
    """The class is the number in the file's name; photographs and training images are left out."""
    names = [
        GENIMAGE[split].format(part=part, number=k, padded=f"{k:03d}", hundreds=k // 100)
        for part in ("train", "val") for k in (0, 5, 281, 510, 999)
    ]  # fmt: skip
    folder = names[0].split("/")[0]
    files = number([*names, f"{folder}/val/nature/ILSVRC2012_val_00000001.JPEG"])
    words = ("--expect", "found")
    out = adopt_by("genimage", write_files(tmp_path / "set", files), tmp_path / "out", split, *words)
    labels = sorted(int(str(label)) for (label,) in read_columns(out, "label", split=split))
    assert labels == [0, 5, 281, 510, 999]
    assert "images of another part" in str(read_recipe(out, split)["left_out"])


def test_genimage_from_the_folder_of_one_generator(tmp_path: Path) -> None:
    """The unpacked archive is the folder that the path begins in."""
    files = number(["imagenet_ai_0424_sdv5/val/ai/281_sdv5_00195.png"])
    source = write_files(tmp_path / "set", files)
    out = adopt_by("genimage", source, tmp_path / "out", "sdv5", "--expect", "found")
    assert read_columns(out, "wnid", split="sdv5") == [(load_classes()[281].wnid,)]


def make_shift() -> Mapping[str, bytes]:
    """Two classes, two seeds, three scales, of two shifts."""
    names = [
        f"{shift}/{folder}/seed_{seed:04d}_scale_{scale:04d}.jpg"
        for shift in ("painting_style", "snow")
        for folder in ("022_bald eagle", "002_great white shark")
        for seed in (3, 34)
        for scale in (0, 700, 1000)
    ]
    return number(names)


@pytest.mark.parametrize("packed", [False, True])
def test_cns_bench_by_shift_with_its_scales_as_strengths(packed: bool, tmp_path: Path) -> None:
    """700 is the scale 0.7; a seed is one scene at every scale."""
    source = tmp_path / "set"
    if packed:
        source = tmp_path / "cns_bench.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for name, data in make_shift().items():
                archive.writestr(f"cns_bench/{name}", data)
    else:
        write_files(source, make_shift())
    out = adopt_by("cns-bench", source, tmp_path / "out", "painting_style")
    rows = read_columns(out, "label", "strength", "series", split="painting_style")
    assert sorted(set(rows)) == [
        (label, strength, seed)
        for label in (2, 22)
        for strength in (0.0, 0.7, 1.0)
        for seed in ("0003", "0034")
    ]
    assert main(["verify", str(out)]) == 0


def test_a_ladder_of_strengths_is_evaluated_as_one(tmp_path: Path) -> None:
    """The result has accuracy by strength."""
    import json

    out = adopt_by("cns-bench", write_files(tmp_path / "set", make_shift()), tmp_path / "out", "snow")
    words = ["--split", "cns-bench/snow", "--data", f"cns-bench={out}", "--out", str(tmp_path / "results")]
    model = ["--model", "timm:packaged:mini-resnet-s", "--cache", str(tmp_path / "cache")]
    assert main(["evaluate", *model, *words]) == 0
    (file,) = (tmp_path / "results").rglob("result.json")
    (entry,) = json.loads(file.read_text())["entries"]
    strengths = [row["strength"] for row in entry["scores"][0]["strength"]["points"]]
    assert strengths == [0.0, 0.7, 1.0]


@pytest.mark.parametrize("spec", [spec.name for spec in list_specs()])
def test_every_spec_says_how_to_get_the_files_and_what_was_not_checked(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`imagenet-g adopt` alone prints it."""
    assert main(["adopt"]) == 0
    printed = capsys.readouterr().out
    found = find_spec(spec).spec
    assert f"{spec}: {found.title}" in printed
    assert "not" in found.checked
    assert " ".join(found.get.split()) in printed
    assert found.citation.startswith("@")


def test_a_published_file_that_is_damaged_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the md5 that its authors state."""
    damaged = tmp_path / "imagenet_glide.zip"
    damaged.write_bytes(b"PK\x05\x06" + bytes(18))
    adopt_by("genimage", damaged, tmp_path / "out", "glide", code=2)
    found = hashlib.md5(damaged.read_bytes(), usedforsecurity=False).hexdigest()
    assert f"has md5 {found}, its authors state 3479bc2e" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--spec", "genimage", "--split", "dalle"), "Unknown split 'dalle' of adoption spec 'genimage'"),
        (
            ("--spec", "genimage", "--split", "adm", "--order", "sorted"),
            "--order is what the spec 'genimage'",
        ),
        (("--spec", "imagenet-e", "--split", "adm"), "Unknown adoption spec 'imagenet-e'. Did you mean"),
        (("--spec", "genimage"), "Give the release a name: --split NAME. The spec has: adm,"),
        (("--split", "adm"), "Give the release a name: --version NAME"),
        (
            ("--spec", "genimage", "--split", "adm"),
            "No image lies as 'imagenet_ai_0508_adm/val/ai/{class}_adm_*'",
        ),
        (("--version", "x", "--split", "y", "--path", "{klass}/*"), "Malformed path template '{klass}/*'"),
        (("--version", "x", "--split", "y", "--path", "*{class}*_*/a"), "has more than 3 of *"),
        (("--version", "x", "--split", "y", "--license", "ask us!"), "is no SPDX expression"),
    ],
)
def test_what_no_spec_says_gets_one_clear_message(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written."""
    source = write_files(tmp_path / "set", number(["val/0_x.png"]))
    assert main(["adopt", str(source), "--out", str(tmp_path / "out"), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "change",
    [
        'path = "../up/{class}/*"', 'path = "/etc/{class}/*"', 'path = "{class}/{class}/*"', 'path = "a/*"',
        'path = "{split}/{class}/*"', 'order = "sorted"', 'class_map = "../../x"', 'title = "a\\u001bb"',
    ],
)  # fmt: skip
def test_a_hostile_spec_is_refused(change: str, tmp_path: Path) -> None:
    """Paths stay inside the source, and texts have no control characters."""
    lines = [
        'name = "mine"', 'title = "Mine"', 'version = "mine"', 'paper = "p"', 'home = "h"',
        'citation = "@misc{}"',
        'get = "Ask."', 'checked = "Not checked."', 'classes = "wnid"', "[[split]]", 'name = "a"',
        'path = "val/{class}/*"',
    ]  # fmt: skip
    place = tmp_path / "mine.toml"
    place.write_text("\n".join(lines))
    assert find_spec(str(place)).spec.name == "mine"
    key = change.split(" ")[0]
    kept = [line for line in lines if not line.startswith(f"{key} =")]
    at = len(kept) if key == "path" else 0
    place.write_text("\n".join([*kept[:at], change, *kept[at:]]))
    with pytest.raises(InputError):
        find_spec(str(place))


def test_a_path_is_matched_from_its_end() -> None:
    """Any folders may lie in front; fields never cross a slash."""
    template = PathTemplate("{class}_*/seed_{series}_scale_{strength}*")
    match = template.match("data/cns/snow/022_bald eagle/seed_0034_scale_1000.jpg")
    assert match is not None
    assert (match.place, match.fields) == (
        "data/cns/snow", {"class": "022", "series": "0034", "strength": "1000"},
    )  # fmt: skip
    assert PathTemplate("a/{class}/*").match("b/n01440764/x.png") is None
    assert load_index_by_wnid()["n01440764"] == 0
