"""`imagenet-g leaderboard`: build the board's files, serve them, write them as one page or as a Space."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_line

if TYPE_CHECKING:
    from imagenet_g.leaderboard.board.board import Board

DEFAULT_BOARD = Path("board")
DEFAULT_SUBMISSIONS = Path("submissions")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    build = actions.add_parser("build", help="turn submissions and published tables into the board's files")
    _add_places(build, inherit=True)
    build.add_argument("--no-published", action="store_true", help="submissions only")
    show = actions.add_parser(
        "serve", help="show the board in a browser (also the default); its rows as CSV are at /board.csv"
    )
    _add_places(show, inherit=True)
    _add_server(show, inherit=True)
    export = actions.add_parser("export", help="write the board as one page that needs no server")
    _add_places(export, inherit=True)
    export.add_argument(
        "--to", type=Path, default=Path("leaderboard.html"), metavar="FILE", help="default: %(default)s"
    )
    space = actions.add_parser("space", help="write a folder that can be pushed as a Gradio Space")
    _add_places(space, inherit=True)
    space.add_argument("--to", type=Path, default=Path("space"), metavar="DIR", help="default: %(default)s")
    space.add_argument(
        "--requirement", metavar="TEXT", help="how pip gets imagenet-g (default: this release by name)"
    )
    figures = actions.add_parser("figures", help="rebuild the data file of published figures (minutes)")
    figures.add_argument(
        "--out", type=Path, default=Path("leaderboard/data"), metavar="DIR", help="default: %(default)s"
    )
    coverage = actions.add_parser("coverage", help="check by simulation that the rank ranges hold")
    coverage.add_argument("--boards", type=int, default=200, metavar="N", help="default: %(default)s")
    coverage.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    _add_places(parser)
    _add_server(parser)


def _add_places(parser: ArgumentParser, *, inherit: bool = False) -> None:
    _add_option(parser, "--board", DEFAULT_BOARD, kind=Path, metavar="DIR", inherit=inherit)
    _add_option(parser, "--submissions", DEFAULT_SUBMISSIONS, kind=Path, metavar="DIR", inherit=inherit)


def _add_server(parser: ArgumentParser, *, inherit: bool = False) -> None:
    # This machine only: who reaches the port can upload files.
    _add_option(parser, "--host", "127.0.0.1", kind=str, metavar="HOST", inherit=inherit)
    _add_option(parser, "--port", 7860, kind=int, metavar="PORT", inherit=inherit)
    parser.add_argument(
        "--trusted-proxy",
        action="append",
        default=SUPPRESS,
        metavar="ADDRESS",
        help="a proxy in front of the board, by IP address or network: who a visitor is says its "
        "X-Forwarded-For; that of others is ignored; repeatable",
    )


def _add_option(
    parser: ArgumentParser,
    name: str,
    default: object,
    *,
    kind: Callable[[str], object],
    metavar: str,
    inherit: bool,
) -> None:
    # The default of an action would overwrite a value given before the action.
    parser.add_argument(
        name, type=kind, default=SUPPRESS if inherit else default, metavar=metavar, help=f"default: {default}"
    )


def run(arguments: Namespace) -> int:
    """Run the chosen action."""
    actions = {
        "build": run_build,
        "export": run_export,
        "space": run_space,
        "figures": run_figures,
        "coverage": run_coverage,
    }
    return actions.get(arguments.action, run_serve)(arguments)


def run_build(arguments: Namespace) -> int:
    """Build, and list what was left out."""
    from imagenet_g.leaderboard.board.build import build_board

    board = build_board(arguments.submissions, arguments.board, published=not arguments.no_published)
    for version in board.info.versions:
        print_line(f"{version.name}: {version.num_models} models, {len(version.splits)} splits")
    if not arguments.submissions.is_dir():
        # Printed and not raised: a board of published figures alone is useful too.
        print_line(
            f"no submissions: the folder '{arguments.submissions}' does not exist; name it with --submissions"
        )
    for left_out in board.info.left_out:
        print_line(f"left out {left_out.file}: {left_out.reason}")
    _print_hidden_metrics(board)
    print_line(f"wrote {arguments.board}")
    return 0


def _print_hidden_metrics(board: Board) -> None:
    from imagenet_g.leaderboard.board.rows import list_hidden_metrics

    for name in list_hidden_metrics(board):
        print_line(
            f"not shown: the metric '{name}', whose package is not installed here or was not where the board "
            "was built; install it and build the board again"
        )


def run_serve(arguments: Namespace) -> int:
    """Serve the board; build it first where it is missing."""
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.leaderboard.board.board import BOARD_NAME, load_board
    from imagenet_g.leaderboard.board.build import build_board
    from imagenet_g.leaderboard.serving.serving import require_port, require_proxies

    proxies = tuple(getattr(arguments, "trusted_proxy", ()))
    require_proxies(proxies)
    try:
        from imagenet_g.leaderboard.app.server import run_server
    # Gradio and its web server are an optional extra; everything else of the board works without them.
    except ImportError as error:
        raise InputError(f"The page needs {error.name}: pip install 'imagenet-g[leaderboard]'.") from error
    # Before the board is built and its address is printed.
    require_port(arguments.host, arguments.port)
    if not (arguments.board / BOARD_NAME).exists():
        build_board(arguments.submissions, arguments.board)
    board = load_board(arguments.board)
    _print_hidden_metrics(board)
    print_line(f"http://{arguments.host}:{arguments.port} shows {arguments.board}; stop with Ctrl-C")
    run_server(
        board,
        submissions=arguments.submissions,
        reports=arguments.board / "reports",
        host=arguments.host,
        port=arguments.port,
        trusted_proxies=proxies,
    )
    return 0


def run_export(arguments: Namespace) -> int:
    """Write the page."""
    from imagenet_g.benchmark.storage import write_text
    from imagenet_g.leaderboard.board.board import load_board
    from imagenet_g.leaderboard.exporting.page import format_page

    board = load_board(arguments.board)
    _print_hidden_metrics(board)
    write_text(arguments.to, format_page(board))
    print_line(f"wrote {arguments.to}")
    return 0


def run_space(arguments: Namespace) -> int:
    """Write the Space; build the board first where it is missing."""
    from imagenet_g.leaderboard.app.space import write_space
    from imagenet_g.leaderboard.board.board import BOARD_NAME, load_board
    from imagenet_g.leaderboard.board.build import build_board

    if not (arguments.board / BOARD_NAME).exists():
        build_board(arguments.submissions, arguments.board)
    _print_hidden_metrics(load_board(arguments.board))
    written = write_space(
        arguments.to,
        board=arguments.board,
        submissions=arguments.submissions,
        requirement=arguments.requirement,
    )
    print_line(f"wrote {arguments.to}: {len(written)} files. To push them:")
    print_line(f"  hf upload ORG/NAME {arguments.to} . --repo-type space")
    return 0


def run_figures(arguments: Namespace) -> int:
    """Make `robustness.parquet` again."""
    from imagenet_g.leaderboard.board.figures_data import write_figures

    write_figures(arguments.out)
    print_line(f"wrote {arguments.out}")
    return 0


def run_coverage(arguments: Namespace) -> int:
    """Simulate boards whose true order is known, one row a world."""
    from imagenet_g.benchmark.terminal.tables import NameTable, print_shown
    from imagenet_g.leaderboard.board.rank_simulation import WORLDS, simulate_ranks

    headings = ("boards, %", "separate a pair", "hold all true ranks", "pairs, %", "ranks in a range")
    table = NameTable(
        headings,
        title=f"rank ranges on {arguments.boards} simulated boards a row, seed {arguments.seed}",
        right=headings[1:],
    )
    for name, world in WORLDS.items():
        found = simulate_ranks(world, num_boards=arguments.boards, seed=arguments.seed)
        shares = (found.separated, found.held, found.pairs)
        table.add_row(name, *(f"{100 * share:.1f}" for share in shares), f"{found.width:.1f}")
    print_shown(table)
    return 0
