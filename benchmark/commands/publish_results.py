"""`imagenet-g publish-results`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from imagenet_g.benchmark.terminal.text import print_line


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("results", type=Path, metavar="DIR", help="folder that 'evaluate --out' wrote")
    parser.add_argument("--repo", required=True, metavar="ORG/NAME", help="dataset on the Hub")
    parser.add_argument(
        "--pull-request", action="store_true", help="propose them to a repository that is not yours"
    )
    parser.add_argument("--dry-run", action="store_true", help="check and list the files; send nothing")


def run(arguments: Namespace) -> int:
    """Check, then list or send."""
    from imagenet_g.benchmark.evaluation.hub_results import list_result_files, publish_results
    from imagenet_g.benchmark.hub.sources import make_hub_source

    make_hub_source(arguments.repo, "main")
    if arguments.dry_run:
        for name, path in list_result_files(arguments.results).items():
            print_line(f"{path.stat().st_size:>14,}  {name}")
        return 0
    done = publish_results(arguments.results, arguments.repo, pull_request=arguments.pull_request)
    place = f"as pull request {done.pull_request}" if done.pull_request else f"at commit {done.commit}"
    print_line(f"published {len(done.paths)} files to {arguments.repo} {place}")
    return 0
