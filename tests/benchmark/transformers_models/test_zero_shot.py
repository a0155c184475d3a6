"""CLIP and SigLIP of transformers: the same answers as the library's own zero-shot pipeline."""

import shutil
from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import torch
from open_clip.tokenizer import canonicalize_text
from PIL import Image
from tiny_transformers import build_tiny_hf_clip, build_tiny_siglip, build_tiny_vit, change_json
from transformers import pipeline

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError, InputError, ModelError
from imagenet_g.benchmark.fingerprints.behaviour import make_picture
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.texts.prompts import load_class_names
from imagenet_g.benchmark.transformers_models.texts import canonicalise

NAMES = load_class_names()
TEMPLATE = "a photo of a {}."
Build = Callable[..., Path]


def make_prompts(*, canonical: bool) -> list[str]:
    """The prompts of template set "single", by open_clip's own rule of canonical texts."""
    texts = [TEMPLATE.replace("{}", name) for name in NAMES]
    return [canonicalize_text(text) for text in texts] if canonical else texts


def list_words(texts: list[str]) -> list[str]:
    """Every word, as it is written."""
    return [word for text in texts for word in text.split()]


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its vocabulary has no capital and no full stop."""
    words = list_words(make_prompts(canonical=True))
    return build_tiny_siglip(tmp_path_factory.mktemp("m") / "siglip", words)


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its tokenizer says which tokens are padding."""
    words = list_words(make_prompts(canonical=True))
    return build_tiny_siglip(tmp_path_factory.mktemp("m") / "masked", words, masks=True)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP, whose texts stay as they are."""
    words = list_words(make_prompts(canonical=False))
    return build_tiny_hf_clip(tmp_path_factory.mktemp("m") / "clip", words)


def load(folder: Path, *, class_map: Path | None = None, templates: str = "single") -> Classifier:
    """Through the front door."""
    spec = f"transformers:local-dir:{folder}"
    parsed = parse_model_spec(spec)
    return load_classifier(
        ModelRequest(requested=spec, spec=parsed, class_map=class_map, templates=templates)
    )


def list_images() -> list[Image.Image]:
    """Of three shapes."""
    picture = make_picture()
    return [picture, picture.rotate(90, expand=True), picture.crop((0, 0, 100, 100))]


@pytest.mark.parametrize(("kind", "canonical"), [("siglip", True), ("masked", True), ("clip", False)])
def test_all_five_classes_of_every_image_are_the_pipelines_in_order(
    kind: str, canonical: bool, request: pytest.FixtureRequest
) -> None:
    """With the same prompts, and their probabilities: sigmoids for SigLIP, a softmax for CLIP."""
    folder = request.getfixturevalue(kind)
    prompts = make_prompts(canonical=canonical)
    run = pipeline("zero-shot-image-classification", model=str(folder), device="cpu")
    classifier = load(folder)
    for image in list_images():
        answers = run(image, candidate_labels=prompts, hypothesis_template="{}")
        with torch.inference_mode():
            logits = classifier.module(classifier.transform(image)[None])[0]
        ours = logits.sigmoid() if canonical else logits.softmax(0)
        top = ours.topk(5)
        assert [prompts[index] for index in top.indices] == [answer["label"] for answer in answers[:5]]
        assert top.values.tolist() == pytest.approx([answer["score"] for answer in answers[:5]], rel=1e-4)


def test_prompts_of_a_siglip_are_canonical_and_padded_to_64(siglip: Path) -> None:
    """Its tokenizer alone would know neither 'Airedale' nor 'terrier.'."""
    from imagenet_g.benchmark.transformers_models.sources import find_checkpoint
    from imagenet_g.benchmark.transformers_models.zero_shot import load_tokenizer

    tokenizer = load_tokenizer(find_checkpoint(f"local-dir:{siglip}"), spec="m")
    unknown = tokenizer.tokenizer.unk_token_id
    texts = [TEMPLATE.replace("{}", name) for name in NAMES]
    tokens = tokenizer(texts)
    assert tokens.shape == (1000, 64)
    assert not (tokens == unknown).any()
    raw = tokenizer.tokenizer(texts, padding="max_length", max_length=64, return_tensors="pt")
    assert bool((raw["input_ids"] == unknown).any(dim=1).all())


@pytest.mark.parametrize("text", [*open_clip.IMAGENET_CLASSNAMES[::50], "A  b_c.", "'Tis (a) {test}!", ""])
def test_canonical_texts_are_big_visions(text: str) -> None:
    """By open_clip's copy of its rule."""
    assert canonicalise(text) == canonicalize_text(text)


def test_the_record_holds_prompts_and_both_towers(siglip: Path, clip: Path) -> None:
    """By which the model is found again in a generator or a filter."""
    for folder in (siglip, clip):
        record = load(folder).record
        assert record.zero_shot is not None and record.zero_shot.templates == "single"
        assert set(record.towers or {}) == {"text", "image"}
        assert record.num_outputs == 1000


def test_embeddings_have_length_one(clip: Path) -> None:
    """As those of open_clip's models."""
    made = load(clip).encode_images(list_images())
    assert made.shape == (3, 16)
    assert torch.allclose(made.norm(dim=1), torch.ones(3))


def test_precropped_images_lose_nothing_to_a_clip(clip: Path) -> None:
    """A square image is resized and not cropped."""
    classifier = load(clip)
    square = make_picture().crop((0, 0, 224, 224))
    assert torch.equal(classifier.precropped_transform(square), classifier.transform(square))


def test_templates_of_the_users_own_reach_the_head(siglip: Path, tmp_path: Path) -> None:
    """From a file with one a line, by the command."""
    (tmp_path / "own.txt").write_text("a drawing of a {}.\n")
    words = ["--model", f"transformers:local-dir:{siglip}", "--split", "mini/renditions", "--limit", "3"]
    words += ["--templates", str(tmp_path / "own.txt"), "--out", str(tmp_path / "out")]
    assert main(["evaluate", *words, "--cache", str(tmp_path / "cache")]) == 0


def test_a_class_map_does_not_go_with_prompts(siglip: Path, tmp_path: Path) -> None:
    """The classes are the 1000 already."""
    with pytest.raises(InputError, match="zero-shot: its classes are the 1000"):
        load(siglip, class_map=tmp_path / "map.txt")


def test_a_clip_without_a_tokenizer_is_refused(clip: Path, tmp_path: Path) -> None:
    """With what to save."""
    folder = Path(shutil.copytree(clip, tmp_path / "copy"))
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(DataError, match=r"holds no tokenizer .*save_pretrained"):
        load(folder)


def test_a_model_of_two_towers_that_is_used_in_another_way_is_refused(tmp_path: Path) -> None:
    """With the kinds that are run."""
    folder = build_tiny_vit(tmp_path)
    change_json(folder / "config.json", model_type="blip", architectures=["BlipModel"])
    with pytest.raises(ModelError, match=r"is a BLIP, which scores.*of kind clip, metaclip_2, siglip are"):
        load(folder)
