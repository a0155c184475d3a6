"""The published tree: the files in the manifest, the manifest, and texts for readers."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.critiques.shipped import list_critique_files
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.lines.version_lines import list_line_files
from imagenet_g.benchmark.publishing.eval_tasks import EVAL_YAML
from imagenet_g.benchmark.redaction import has_token
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME, is_for_training, load_manifest
from imagenet_g.benchmark.storage import replace_file, write_bytes
from imagenet_g.generation.releases.check import CheckedRelease
from imagenet_g.generation.releases.croissant import CROISSANT_NAME, format_croissant
from imagenet_g.generation.releases.eval_yaml import format_eval_yaml
from imagenet_g.generation.releases.hub_card import SAMPLES_NAME, CardSource, format_dataset_card

CARD_NAME = "README.md"
SIGNATURE_NAME = f"{MANIFEST_NAME}.sig"
"""An SSH signature over the manifest; a release may have none."""
_KEPT_NAMES = ("LICENSE", "LICENSE.md", "LICENSES.md", "LICENSE.txt", SIGNATURE_NAME)


@dataclass(frozen=True, slots=True)
class TreeFile:
    """One file of the published tree.

    Attributes:
        path: Relative to the repository.
        content: The file to upload, or its bytes.
    """

    path: str
    content: Path | bytes

    @property
    def num_bytes(self) -> int:
        """Size of the content."""
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)


def make_tree(
    release: CheckedRelease, *, repo: str | None, tag: str | None, with_tasks: bool = True
) -> tuple[TreeFile, ...]:
    """Everything that is published, the manifest last.

    Args:
        release: The checked release.
        repo: Dataset that the card loads in its examples; None: not known yet.
        tag: Revision that the card loads in its examples.
        with_tasks: Include `eval.yaml`, which the Hub checks by rules of its own.

    Raises:
        DataError: A text holds something that looks like an access token, or a measured line or a critique
            was changed.
    """
    folder = release.folder
    source = CardSource(release=release, repo=repo, tag=tag)
    # Without a test set there is no task.
    training = is_for_training(release.manifest)
    texts = {
        CARD_NAME: format_dataset_card(source),
        CROISSANT_NAME: format_croissant(source),
        **({EVAL_YAML: format_eval_yaml(release.manifest)} if with_tasks and not training else {}),
    }
    # The manifest was checked before; these texts are made now, from the same facts and this machine.
    for name, text in texts.items():
        if has_token(text):
            raise DataError(f"'{name}' would hold something that looks like an access token.")
    return (
        *(TreeFile(file.path, folder / file.path) for file in release.files),
        *(TreeFile(name, folder / name) for name in _KEPT_NAMES if (folder / name).is_file()),
        *(TreeFile(name, path) for name, path in list_line_files(folder).items()),
        *(TreeFile(name, path) for name, path in list_critique_files(folder).items()),
        TreeFile(SAMPLES_NAME, draw_samples(release)),
        *(TreeFile(name, text.encode()) for name, text in texts.items()),
        # Last, because its presence marks the tree as complete.
        TreeFile(MANIFEST_NAME, folder / MANIFEST_NAME),
    )


def draw_samples(release: CheckedRelease) -> bytes:
    """A JPEG of some images of every split, for the card."""
    from imagenet_g.generation.releases.gallery import draw_sheet, load_sheet

    splits = list(release.manifest.splits)
    # About eight images a row, however many splits share it.
    per_class = max(2, 8 // len(splits))
    sheet = load_sheet(release.folder, splits, num_classes=8, per_class=per_class, size_px=96)
    stream = io.BytesIO()
    draw_sheet(sheet).save(stream, format="JPEG", quality=88)
    return stream.getvalue()


def write_tree(tree: Sequence[TreeFile], folder: Path) -> None:
    """Write the published tree to disk.

    Raises:
        InputError: The folder holds another release.
        StorageError: It cannot be written.
    """
    manifest = next(file.content for file in tree if file.path == MANIFEST_NAME)
    if (folder / MANIFEST_NAME).exists() and isinstance(manifest, Path):
        other = load_manifest(folder)
        if hash_file(folder / MANIFEST_NAME) != hash_file(manifest):
            raise InputError(f"'{folder}' holds another release ({other.version}); choose an empty folder.")
    for file in tree:
        if isinstance(file.content, bytes):
            write_bytes(folder / file.path, file.content)
            continue
        # Copied and not linked: a tree is handed on, the release stays.
        with replace_file(folder / file.path) as temporary:
            shutil.copyfile(file.content, temporary)
