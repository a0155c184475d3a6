"""Models from the user's own code."""

import sys
import textwrap
from pathlib import Path

import pytest
import torch
from PIL import Image

from imagenet_g.benchmark.errors import ImagenetGError, InputError, ModelError, UnknownNameError
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.naming.specs import parse_model_spec

SOURCE = """
    import torch
    from torchvision import transforms

    class Net(torch.nn.Module):
        def __init__(self, size, outputs=1000):
            super().__init__()
            torch.manual_seed(0)
            self.size = size
            self.head = torch.nn.Linear(3, outputs)
        def forward(self, images):
            assert images.shape[-1] == self.size
            return self.head(images.mean((2, 3)))

    def make_plain():
        return Net(224)

    def make_pair():
        resize, convert = transforms.Resize((32, 32)), transforms.ToTensor()
        return Net(32), transforms.Compose([resize, lambda image: convert(image)])

    def make_ten():
        return Net(224, 10)

    def make_nothing():
        return 3

    def make_wrong_transform():
        return Net(32), lambda image: image

    def make_broken():
        raise RuntimeError("no weights here")
"""


@pytest.fixture
def module_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A module in the current folder, importable from nowhere else."""
    name = f"user_models_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(SOURCE))
    monkeypatch.chdir(tmp_path)
    return name


def load(spec: str, checkpoint: Path | None = None) -> Classifier:
    """Through the front door."""
    return load_classifier(ModelRequest(requested=spec, spec=parse_model_spec(spec), checkpoint=checkpoint))


def test_a_bare_module_gets_the_default_preprocessing(module_name: str) -> None:
    """Said so in the record."""
    classifier = load(f"python:{module_name}:make_plain")
    assert classifier.transform(Image.new("RGB", (300, 400))).shape == (3, 224, 224)
    preprocessing = classifier.record.preprocessing
    assert (preprocessing.input_size_px, preprocessing.crop_fraction) == ((224, 224), 0.875)
    assert "default" in preprocessing.description
    assert classifier.record.training_data is None and classifier.record.generated_training_data is None


def test_a_model_without_image_embeddings_says_so(module_name: str) -> None:
    """By its spec, and with what to choose instead."""
    classifier = load(f"python:{module_name}:make_plain")
    with pytest.raises(ModelError, match=r"has no image embeddings\. Choose a CLIP"):
        classifier.encode_images([Image.new("RGB", (300, 400))])


def test_a_pair_brings_its_own_transform(module_name: str) -> None:
    """Its input size is measured; what cannot be measured is not made up."""
    classifier = load(f"python:{module_name}:make_pair")
    preprocessing = classifier.record.preprocessing
    assert preprocessing.input_size_px == (32, 32)
    assert (preprocessing.mean, preprocessing.crop_fraction, preprocessing.interpolation) == (
        None,
        None,
        "unknown",
    )
    assert classifier.transform(Image.new("RGB", (300, 400))).shape == (3, 32, 32)


def test_the_record_is_the_same_in_every_run_and_changes_with_the_code(module_name: str) -> None:
    """Memory addresses are left out; the source file's hash is in."""
    first = load(f"python:{module_name}:make_pair").record
    assert load(f"python:{module_name}:make_pair").record == first
    assert "0x" not in first.preprocessing.description
    path = Path(f"{module_name}.py")
    path.write_text(path.read_text() + "\n# edited\n")
    assert load(f"python:{module_name}:make_pair").record != first


def test_the_current_folder_is_importable_only_for_the_import(module_name: str) -> None:
    """The search path is as it was."""
    before = list(sys.path)
    load(f"python:{module_name}:make_plain")
    assert sys.path == before


@pytest.mark.parametrize(
    ("factory", "error", "message"),
    [
        ("make_ten", ModelError, "has 10 outputs.*--class-map"),
        ("make_nothing", ModelError, "returned int"),
        ("make_wrong_transform", ModelError, "gives Image; it must give a float tensor"),
        ("make_broken", ModelError, "failed: RuntimeError: no weights here"),
        ("make_plian", UnknownNameError, "Did you mean.*make_plain"),
    ],
)
def test_factories_that_do_not_work_are_one_clear_error(
    factory: str, error: type[ImagenetGError], message: str, module_name: str
) -> None:
    """Whose fault it is can be read off the message."""
    with pytest.raises(error, match=message):
        load(f"python:{module_name}:{factory}")


def test_a_module_that_cannot_be_imported_is_named() -> None:
    """With the interpreter's reason."""
    with pytest.raises(InputError, match=r"Cannot import 'no_such_module_here'.*ModuleNotFoundError"):
        load("python:no_such_module_here:make")


def test_own_weights_do_not_go_with_a_factory() -> None:
    """It loads its own."""
    with pytest.raises(InputError, match="--checkpoint goes with"):
        load("python:a:b", Path("w.pth"))


def test_logits_are_the_modules_own(module_name: str) -> None:
    """Nothing is put in between."""
    classifier = load(f"python:{module_name}:make_plain")
    images = torch.rand(2, 3, 224, 224)
    assert torch.equal(
        classifier.module(images), classifier.module.get_submodule("head")(images.mean((2, 3)))
    )
