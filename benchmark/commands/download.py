"""`imagenet-g download`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_block, print_line

if TYPE_CHECKING:
    from imagenet_g.benchmark.splits.hub_releases import HubRelease
    from imagenet_g.benchmark.splits.manifests import FileRecord


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("ref", metavar="VERSION[/SPLIT]", help="what to fetch: v1/sd-l, or v1 for all splits")
    parser.add_argument(
        "--repo", metavar="ORG/NAME", help="dataset on the Hub (default: where the version was published)"
    )
    parser.add_argument(
        "--revision", metavar="REV", help="tag, branch or commit (default: the commit that was published)"
    )
    parser.add_argument(
        "--to", type=Path, metavar="DIR", help="copy what was fetched to a plain folder, for --data"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for what is kept between runs")


def run(arguments: Namespace) -> int:
    """Fetch, check every hash, print which copy it is and where."""
    from imagenet_g.benchmark.catalogue.downloads import remember_download
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.benchmark.lines.version_lines import load_lines
    from imagenet_g.benchmark.splits.hub_releases import complete_files

    cache = choose_cache_folder(arguments.cache)
    version, _, split = arguments.ref.partition("/")
    release = _open_release(version, arguments)
    files = _choose_files(release, version, split)
    origin = complete_files(release, files, cache=cache)
    place = "fetched from the Hub" if origin == "hub" else "already in the Hub's cache on this machine"
    if release.note:
        print_block(release.note)
    print_line(f"{arguments.ref}: {release.source.repo} at commit {release.source.revision}, {place}")
    lines = load_lines(release.folder, version)
    num_bytes = sum(file.num_bytes for file in files)
    print_line(f"{len(files)} files, {num_bytes / 1e6:,.1f} MB, every hash as in the manifest")
    if lines:
        print_line(f"{len(lines)} measured lines: {', '.join(line.target for line in lines)}")
    # A registered version is found without a note; a place that was typed would be forgotten.
    if arguments.repo is not None or arguments.revision is not None:
        remember_download(cache, release, arguments.revision or release.source.revision)
    print_line(f"in {_copy_files(release, files, arguments.to) if arguments.to else release.folder}")
    return 0


def _open_release(version: str, arguments: Namespace) -> HubRelease:
    from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
    from imagenet_g.benchmark.hub.sources import make_hub_source
    from imagenet_g.benchmark.splits.hub_releases import open_hub_release
    from imagenet_g.benchmark.splits.registry import load_versions

    known = load_versions().get(version)
    published = known.published if known else None
    if arguments.repo is None and published is None:
        if known is None:
            hint = "For your own version, give its place with --repo ORG/NAME --revision TAG."
            raise UnknownNameError("version", version, load_versions(), hint=hint)
        where = "it ships inside the package" if known.embedded else "it has not been published yet"
        raise InputError(f"There is nothing to download for '{version}': {where}. Or give --repo ORG/NAME.")
    repo = arguments.repo or (published.repo if published else "")
    registered = published is not None and arguments.revision is None and repo == published.repo
    if registered and published is not None:
        return open_hub_release(published.source, manifest_sha256=published.manifest_sha256)
    release = open_hub_release(make_hub_source(repo, arguments.revision or "main"))
    if release.manifest.version != version:
        raise DataError(
            f"'{repo}' at {arguments.revision or 'main'} holds version '{release.manifest.version}', "
            f"not '{version}'. Give another --revision, or download '{release.manifest.version}'."
        )
    return release


def _choose_files(release: HubRelease, version: str, split: str) -> tuple[FileRecord, ...]:
    from imagenet_g.benchmark.errors import UnknownNameError

    splits = release.manifest.splits
    if not split:
        return tuple(file for described in splits.values() for file in described.list_files())
    if split not in splits:
        raise UnknownNameError("split", f"{version}/{split}", [f"{version}/{name}" for name in splits])
    return splits[split].list_files()


def _copy_files(release: HubRelease, files: tuple[FileRecord, ...], folder: Path) -> Path:
    """A plain release folder with the files; its manifest last."""
    import shutil

    from imagenet_g.benchmark.lines.version_lines import list_line_files
    from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME
    from imagenet_g.benchmark.storage import replace_file

    beside = list_line_files(release.folder)
    for name in (*(file.path for file in files), *beside, MANIFEST_NAME):
        with replace_file(folder / name) as temporary:
            shutil.copyfile(release.folder / name, temporary)
    return folder
