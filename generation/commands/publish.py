"""`imagenet-g publish`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_block, print_line

if TYPE_CHECKING:
    from imagenet_g.generation.releases.check import CheckedRelease
    from imagenet_g.generation.releases.tree import TreeFile


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("release", type=Path, metavar="RELEASE", help="folder that 'imagenet-g build' made")
    parser.add_argument("--repo", metavar="ORG/NAME", help="dataset on the Hub; created if it does not exist")
    parser.add_argument("--tag", metavar="TAG", help="name of this version on the Hub, such as v1.0.0")
    parser.add_argument(
        "--to", type=Path, metavar="DIR", help="write the same files to a folder; upload nothing"
    )
    parser.add_argument("--private", action="store_true", help="make the repository private")
    parser.add_argument("--gated", action="store_true", help="require readers to accept the terms first")
    parser.add_argument(
        "--no-eval-yaml",
        action="store_true",
        help="leave out eval.yaml, by which the Hub can make the data set a benchmark of its own",
    )
    parser.add_argument(
        "--sign",
        type=Path,
        metavar="KEY",
        help="sign the manifest with this SSH key (by ssh-keygen) and publish the signature",
    )
    parser.add_argument("--dry-run", action="store_true", help="check and list the files; upload nothing")


def run(arguments: Namespace) -> int:
    """Check, then list, copy or upload."""
    from imagenet_g.generation.commands.verify import TerminalListener
    from imagenet_g.generation.releases.check import check_release
    from imagenet_g.generation.releases.tree import make_tree, write_tree
    from imagenet_g.generation.verifying.checking import require_sound
    from imagenet_g.generation.verifying.signatures import require_current_signature, sign_manifest

    _validate_options(arguments)
    release = check_release(arguments.release)
    require_sound(release.folder, release.manifest, TerminalListener())
    for fact in release.facts:
        print_line(f"checked {fact}")
    if arguments.sign is not None:
        print_line(f"signed in {sign_manifest(release.folder, arguments.sign)}")
    require_current_signature(release.folder)
    tree = make_tree(release, repo=arguments.repo, tag=arguments.tag, with_tasks=not arguments.no_eval_yaml)
    if arguments.dry_run:
        _print_tree(tree)
        return 0
    if arguments.to is not None:
        write_tree(tree, arguments.to)
        print_line(f"wrote {len(tree)} files to {arguments.to}")
        return 0
    return _publish(arguments, release, tree)


def _validate_options(arguments: Namespace) -> None:
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.benchmark.hub.errors import require_account
    from imagenet_g.benchmark.hub.sources import make_hub_source

    stays = arguments.to is not None or arguments.dry_run
    if not stays and not (arguments.repo and arguments.tag):
        raise InputError("Give a destination: --repo ORG/NAME --tag TAG, or --to DIR, or --dry-run.")
    # Checked in a dry run as well: it is there to find mistakes.
    if arguments.repo:
        make_hub_source(arguments.repo, arguments.tag or "main")
    if arguments.tag == "main":
        raise InputError("'main' is the branch; a --tag is a name such as 'v1.0.0'.")
    # Before hours of hashing and not behind them.
    if not stays:
        require_account()


def _publish(arguments: Namespace, release: CheckedRelease, tree: tuple[TreeFile, ...]) -> int:
    from imagenet_g.benchmark.splits.registry import format_publication
    from imagenet_g.generation.releases.publish import RECORD_NAME, PublishRequest, publish_release

    request = PublishRequest(
        release=release,
        tree=tree,
        repo=arguments.repo,
        tag=arguments.tag,
        private=arguments.private,
        gated=arguments.gated,
    )
    publication = publish_release(request, print)
    print_line(f"published {publication.repo} {publication.tag} at commit {publication.commit}")
    print_block(f"recorded in {arguments.release / RECORD_NAME}; for the registry of versions:\n")
    print_block(format_publication(publication))
    return 0


def _print_tree(tree: tuple[TreeFile, ...]) -> None:
    for file in tree:
        print_line(f"{file.num_bytes:>14,}  {file.path}")
    total = sum(file.num_bytes for file in tree)
    print_line(f"{total:>14,}  bytes in {len(tree)} files would be uploaded; nothing was uploaded")
