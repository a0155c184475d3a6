"""Labels of others for a set of images, as an entry of a result names them."""

from __future__ import annotations

from imagenet_g.benchmark.records import Count, FileModel, Sha256


class RelabelRecord(FileModel):
    """Labels that were taken in place of the set's own."""

    name: str
    source: str
    """A URL, or the name of the user's file."""
    sha256: Sha256
    """Hash of that file: with it and the predictions the numbers can be computed again."""
    n_without: Count
    """Images without any of these labels, which are left out."""
