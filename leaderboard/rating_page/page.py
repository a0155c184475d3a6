"""The page of the raters: one HTML component of Gradio, whose script calls the desk."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib.resources import files

import gradio as gr

from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.benchmark.redaction import redact
from imagenet_g.benchmark.terminal.text import print_message
from imagenet_g.leaderboard.rating_page.desk import RatingDesk, Reply
from imagenet_g.leaderboard.rating_page.requests import RequestError

TITLE = "What do these pictures show?"
_DATA = files("imagenet_g.leaderboard.data")
_UNSTORED = (
    "The server could not read or write the answers of this code. Whoever runs it sees the reason there. "
    "This answer is not stored; those before it are."
)


def build_page(desk: RatingDesk) -> gr.Blocks:
    """The page over one audit."""
    page: gr.Blocks
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        gr.HTML(
            html_template=(_DATA / "rating.html").read_text(encoding="utf-8"),
            js_on_load=(_DATA / "rating.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            server_functions=list_calls(desk),
        )
    return page


def list_calls(desk: RatingDesk) -> list[Callable[[object], Reply]]:
    """What the script may call, by name: each takes plain data and returns plain data."""

    # The script sends something with every call: Gradio hands over a list where nothing was sent.
    def greet(sent: object) -> Reply:
        return desk.greet()

    calls = (greet, desk.open_rater, desk.show_picture, desk.store_answer, desk.show_examples)
    return [make_call(call) for call in calls]


def make_call(call: Callable[[object], Reply]) -> Callable[[object], Reply]:
    """A call whose errors become a reply with `refused`: to the rater no more than may be shown."""

    # Names and a fresh function: Gradio finds a call by its name, and marks the function itself.
    @wraps(call)
    def run(sent: object) -> Reply:
        try:
            return call(sent)
        except RequestError as refused:
            return {"refused": str(refused)}
        except (ImagenetGError, OSError) as error:
            # Its message names files of this machine.
            print_message(redact(f"imagenet-g: {error}"))
            return {"refused": _UNSTORED}

    return run
