"""What is typed for models, images, copies, views and dates: what it means, or one clear message."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

from door_words import mistyped
from doors import RULE, doors, open_place
from hypothesis import given
from image_sets import write_release

from imagenet_g.benchmark.catalogue.catalogue import load_split, parse_data_pairs
from imagenet_g.benchmark.catalogue.newest import choose_newest_version
from imagenet_g.benchmark.classes import CLASS_SET_NAMES
from imagenet_g.benchmark.hub.sources import parse_hub_source
from imagenet_g.benchmark.lineage.declarations import parse_last_day
from imagenet_g.benchmark.naming.resolve import resolve_model_spec
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.splits.real_set_files import load_real_sets
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.registry import load_versions
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.splits.views import apply_view

MODELS = (
    "timm:resnet50.a1_in1k",
    "timm:resnet50",
    "timm:vit",
    "timm:hf-hub:org/name",
    "timm:local-dir:models",
    "open_clip:ViT-B-32/laion2b_s34b_b79k",
    "open_clip:ViT-B/32",
    "open_clip:packaged:mini-clip",
    "torchvision:resnet50/IMAGENET1K_V2",
    "torchvision:resnet50",
    "wheel:efficientnet-lite0",
    "python:my_package.my_module:make_model",
    "hf-hub:org/name",
    "resnet50",
    "timm",
)
SPLITS = (
    *(f"{version.name}/{split}" for version in load_versions().values() for split in version.splits),
    *(f"mini/real:{name}" for name in CLASS_SET_NAMES),
    *load_real_sets(),
    "imagenet-c/fog/3",
    "imagenet-v2/threshold-0.7:imagenet-a",
    "mini/renditions:noto",
    "v1/sd-l:clip-filtered",
    "folder:/data",
    "published",
)
SOURCES = ("hub:my-lab/imagenet-g@v1.0.0", "hub:a/b@" + "0123456789" * 4, "hub:a/b")
FOLDER = tempfile.TemporaryDirectory(prefix="door-")
DATES = ("2024-02-29", "2023-02-29", "2024-02", "2024", "0000-01-01", "2024-13", "9999-12-31", "24-1-1")


@doors(60)
@given(text=mistyped(MODELS))
def test_a_model_is_read_alike_from_its_own_spelling(text: str) -> None:
    """A spec that was understood prints as one that means the same."""
    spec = RULE.enter("model specs", lambda: parse_model_spec(text), names=list_parts(text))
    if spec is not None:
        assert parse_model_spec(str(spec)) == spec


@doors(25)
@given(text=mistyped(MODELS))
def test_a_short_model_name_means_one_full_name(text: str) -> None:
    """And the full name means itself."""
    resolved = RULE.enter(
        "short model names", lambda: resolve_model_spec(parse_model_spec(text)).spec, names=list_parts(text)
    )
    if resolved is not None:
        assert resolve_model_spec(resolved).spec == resolved


@doors(80)
@given(text=mistyped(SPLITS))
def test_a_reference_is_read_alike_from_its_own_spelling(text: str) -> None:
    """With its view."""
    ref = RULE.enter("references", lambda: parse_split_ref(text), names=list_parts(text))
    if ref is not None:
        assert parse_split_ref(str(ref)) == ref
        assert str(ref) == text


@doors(40)
@given(text=mistyped(SPLITS).filter(lambda text: not text.startswith("folder:")))
def test_a_reference_opens_images_or_gives_one_message(text: str) -> None:
    """Only the embedded releases are here; the others say what to do."""
    split = RULE.enter(
        "splits",
        lambda: load_split(parse_split_ref(text), data={}, cache=None),
        names=list_parts(text),
    )
    if split is not None:
        assert split.record.ref == text.split(":")[0]
        assert len(split.rows) > 0


@cache
def load_real() -> Split:
    """An embedded split."""
    return load_split(parse_split_ref("mini/real"), data={}, cache=None)


@doors(40)
@given(name=mistyped([*CLASS_SET_NAMES, "clip-filtered", "noto", "all"]))
def test_a_view_has_the_images_of_its_classes(name: str) -> None:
    """All of them; the one view by a column has those with the score."""
    real = load_real()
    found = RULE.enter("views", lambda: apply_view(real, name), names=[name])
    if found is not None:
        rows, class_set, record = found
        scores = real.reader.read_column("clip_score.mini-clip")
        wanted = {
            row for row in range(len(scores)) if name != "clip-filtered" or float(str(scores[row])) >= 0.6
        }
        inside = [row for row in sorted(wanted) if int(real.rows.labels[row, 0]) in class_set.indices]
        assert rows.tolist() == inside
        assert record.view == name


@cache
def make_release() -> Path:
    """A release of two images, which no test changes; deleted when the process ends."""
    return write_release(Path(FOLDER.name) / "v9", [0, 1])


@doors(60)
@given(pair=mistyped(["imagenet-val={}", "v9={}", "imagenet-v2={}/.", "v9={}/none", "mine={}/data"]))
def test_a_pair_names_a_folder_that_is_there(pair: str) -> None:
    """Under the name that was typed."""
    with open_place() as place:
        shutil.copytree(make_release(), place / "v9")
        text = pair.replace("{}", str(place / "v9"))
        found = RULE.enter("--data", lambda: parse_data_pairs([text]), names=list_parts(text))
        if found is not None:
            ((name, path),) = found.items()
            assert text.startswith(f"{name}=")
            assert path.is_dir()


@doors(40)
@given(text=mistyped(SOURCES))
def test_a_source_on_the_hub_is_read_alike_from_its_own_spelling(text: str) -> None:
    """And never leads out of its place in the cache."""
    source = RULE.enter("hub sources", lambda: parse_hub_source(text), names=list_parts(text))
    if source is not None:
        assert parse_hub_source(str(source)) == source
        assert ".." not in str(source)


@doors(40)
@given(text=mistyped(DATES))
def test_a_date_is_the_last_day_of_what_was_typed(text: str) -> None:
    """Read as ISO writes it."""
    day = RULE.enter("dates", lambda: parse_last_day(text), names=[text])
    if day is not None:
        assert day.isoformat().startswith(text)


@doors(15)
@given(model=mistyped(MODELS), split=mistyped(SPLITS))
def test_evaluate_scores_nothing_without_a_model_and_images(model: str, split: str) -> None:
    """Weights are on the Hub, so that whatever is typed ends in a message before a result."""
    with open_place() as place:
        outcome = RULE.run_command(
            "evaluate",
            *("evaluate", f"--model={model}", f"--split={split}", "--limit=1", "--device=cpu"),
            *("--out", place / "out", "--cache", place / "cache"),
            names=[*list_parts(model), *list_parts(split), "--model", "--split"],
        )
        scored = list(place.glob("out/*/result.json"))
        assert (outcome.code == 0) == bool(scored)


@doors(30)
@given(version=mistyped([*load_versions(), "mine"]))
def test_the_newest_version_is_one_that_is_here(version: str) -> None:
    """A copy of one's own, or an embedded one."""
    folder = make_release()
    choose = lambda: choose_newest_version({version: folder}, cache=None)  # noqa: E731
    found = RULE.enter("versions", choose, names=[folder])
    assert found is None or found.name in {"mini-v2", "v9"}


def list_parts(text: str) -> list[str]:
    """What a message may name of a word: the whole, or a part between the marks."""
    # An empty part is quoted as nothing between two marks.
    parts = [text, "''"]
    for mark in ":/@=":
        parts += [part for whole in list(parts) for part in whole.split(mark) if part.strip()]
    return list(dict.fromkeys(parts))
