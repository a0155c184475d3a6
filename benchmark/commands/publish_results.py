"""`imagenet-g publish-results`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_block, print_line, print_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imagenet_g.benchmark.hub.sources import HubSource
    from imagenet_g.benchmark.publishing.eval_results import EvalSource
    from imagenet_g.benchmark.publishing.model_pages import CheckedValues, ModelPage


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("results", type=Path, metavar="DIR", help="folder that 'evaluate --out' wrote")
    parser.add_argument("--repo", metavar="ORG/NAME", help="dataset on the Hub for results and predictions")
    parser.add_argument(
        "--model-repo",
        metavar="ORG/NAME",
        help="the model's own repository on the Hub: writes .eval_results/*.yaml, one file a split",
    )
    parser.add_argument(
        "--dataset",
        action="append",
        default=[],
        metavar="VERSION=ORG/NAME@TAG",
        help="with --model-repo: where a version is published (default: as 'imagenet-g versions' says); "
        "repeatable",
    )
    parser.add_argument(
        "--source",
        metavar="URL",
        help="with --model-repo: a page that the values link to (default: the results in --repo, else the "
        "data set)",
    )
    parser.add_argument(
        "--pull-request", action="store_true", help="propose them to a repository that is not yours"
    )
    parser.add_argument("--dry-run", action="store_true", help="check and show the files; send nothing")


def run(arguments: Namespace) -> int:
    """Check once, then list or send."""
    from imagenet_g.benchmark.publishing.hub_results import list_result_files

    datasets = _validate_options(arguments)
    found = list_result_files(arguments.results)
    # Before anything is sent: a value that is refused must not leave the results of the same command behind.
    values = None if arguments.model_repo is None else _check_values(datasets, found)
    page = None if values is None else _make_page(arguments, values, "main")
    if arguments.repo is not None:
        commit = _send_results(arguments, found)
        # Its values link to the results, at the commit that holds them.
        page = None if values is None else _make_page(arguments, values, commit)
    if values is not None and page is not None:
        _send_values(arguments, page, values.result.model.spec)
    return 0


def _validate_options(arguments: Namespace) -> dict[str, HubSource]:
    """Refuse what contradicts itself; the data sets that are named."""
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.benchmark.hub.sources import make_hub_source
    from imagenet_g.benchmark.publishing.model_pages import parse_datasets

    if arguments.repo is None and arguments.model_repo is None:
        raise InputError(
            "Give a destination: --repo ORG/NAME for results with their predictions, or "
            "--model-repo ORG/NAME for the values on a model's page."
        )
    for repo in (arguments.repo, arguments.model_repo):
        if repo is not None:
            make_hub_source(repo, "main")
    if arguments.model_repo is None and (arguments.dataset or arguments.source):
        raise InputError("--dataset and --source go with --model-repo.")
    # It becomes a link on the Hub: a `javascript:` address would run on the reader's page.
    if arguments.source is not None and not arguments.source.startswith(("https://", "http://")):
        raise InputError(f"'{arguments.source}' is no address of a page; --source is an https:// URL.")
    return parse_datasets(arguments.dataset)


def _send_results(arguments: Namespace, found: Mapping[str, Path]) -> str:
    """Send or list the results; the commit that holds them, or the branch where nothing is sent."""
    from imagenet_g.benchmark.publishing.hub_results import publish_results

    if arguments.dry_run:
        for name, path in found.items():
            print_line(f"{path.stat().st_size:>14,}  {name}")
        return "main"
    done = publish_results(found, arguments.repo, pull_request=arguments.pull_request)
    at = f"as pull request {done.pull_request}" if done.pull_request else f"at commit {done.commit}"
    print_line(f"published {len(done.paths)} files to {arguments.repo} {at}")
    return done.commit


def _check_values(datasets: Mapping[str, HubSource], found: Mapping[str, Path]) -> CheckedValues:
    """The values of the only result, checked against its predictions and the data sets."""
    from imagenet_g.benchmark.publishing.model_pages import check_values, find_result

    result, folder = find_result(found)
    return check_values(result, folder, datasets)


def _make_page(arguments: Namespace, values: CheckedValues, commit: str) -> ModelPage:
    """The files of the model's repository; the commit is that of the results in --repo."""
    from imagenet_g.benchmark.publishing.model_pages import make_model_page

    return make_model_page(values, _choose_source(arguments, commit, values.result.model.spec))


def _send_values(arguments: Namespace, page: ModelPage, spec: str) -> None:
    from imagenet_g.benchmark.publishing.eval_tasks import FORMAT_PAGE
    from imagenet_g.benchmark.publishing.model_pages import publish_model_page

    for line in (*page.notes, *(f"no value for the Hub: {line}" for line in page.skipped)):
        print_message(f"note: {line}")
    if arguments.dry_run:
        for path, text in page.texts.items():
            print_block(f"{path}\n\n{text}")
        print_line(f"files that would go to {arguments.model_repo}: {len(page.texts)}; nothing was sent")
        return
    done = publish_model_page(page, arguments.model_repo, model=spec, pull_request=arguments.pull_request)
    print_line(f"values published to {arguments.model_repo}: {len(page.texts)} ({done})")
    print_message(
        "note: the Hub shows them on the board of a data set once its staff have put that data set on their "
        f"list of benchmarks ({FORMAT_PAGE})."
    )


def _choose_source(arguments: Namespace, commit: str, spec: str) -> EvalSource | None:
    from imagenet_g.benchmark.identity import make_slug
    from imagenet_g.benchmark.publishing.eval_results import EvalSource
    from imagenet_g.benchmark.publishing.hub_results import RESULTS_FOLDER

    if arguments.source is not None:
        return EvalSource(arguments.source, "Source")
    if arguments.repo is None:
        return None
    place = f"https://huggingface.co/datasets/{arguments.repo}/tree/{commit}"
    return EvalSource(f"{place}/{RESULTS_FOLDER}/{make_slug(spec)}", "Result and predictions")
