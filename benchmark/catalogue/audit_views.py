"""The views that audits give a split of a release: `:audited`, of the images that people called valid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imagenet_g.benchmark.audits.attaching import VALID, list_audited
from imagenet_g.benchmark.images.found import ImageReader
from imagenet_g.benchmark.splits.manifests import AuditFiles, EqualsView, load_manifest
from imagenet_g.benchmark.splits.splits import Split


@dataclass(frozen=True, slots=True)
class AuditedReader:
    """A reader with a column for each audit, read from the rating files when it is asked for.

    Attributes:
        images: The reader of the release.
        folder: Of the release.
        audits: By the name of the column, which is that of the view.
        image_ids: N identities, in row order.
    """

    images: ImageReader
    folder: Path
    audits: Mapping[str, AuditFiles]
    image_ids: tuple[str, ...]

    def read_image(self, row: int) -> bytes:
        """Encoded bytes of an image file; errors as those of the images."""
        return self.images.read_image(row)

    def read_column(self, name: str) -> Sequence[object]:
        """The verdicts of an audit, else a column that comes with the images.

        Raises:
            DataError: A file of the audit is missing or damaged, or there is no such column.
            UntrustedFileError: A file of the audit is malformed.
        """
        if name in self.audits:
            return list_audited(self.folder, self.audits[name], self.image_ids)
        return self.images.read_column(name)


def attach_audit_views(split: Split, folder: Path) -> Split:
    """A split of a release with the views of its audits.

    Args:
        split: The split, just opened.
        folder: Of its release.
    """
    described = load_manifest(folder).splits[split.record.name]
    if not described.audits:
        return split
    audits: dict[str, AuditFiles] = dict(described.audits.items())
    reader = AuditedReader(split.reader, folder, audits, split.rows.image_ids)
    views = {name: EqualsView(column=name, value=VALID) for name in audits}
    return replace(split, reader=reader, views={**views, **split.views})
