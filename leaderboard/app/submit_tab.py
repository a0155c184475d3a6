"""The tab on which a submission is checked before it is sent, and followed behind that."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from imagenet_g.leaderboard.app.hub_states import HubStates
from imagenet_g.leaderboard.pages.verdicts import format_verdict
from imagenet_g.leaderboard.submissions.problems import format_report
from imagenet_g.leaderboard.uploads.checking import check_stored
from imagenet_g.leaderboard.uploads.store import UploadStore

WORDS = (
    "`imagenet-g submit results/MODEL` checks a result and sends it, with its predictions, as a pull request "
    "to `{repo}` on the Hugging Face Hub. Here you can check one before: the `.json` that `imagenet-g submit "
    "--local` wrote and the `.parquet` files of the folder beside it. Nothing you upload is kept or "
    "executed: the files are deleted with the report, and after five minutes where you ask for none."
)


def build_submit_tab(submissions: Path, store: UploadStore, states: HubStates) -> gr.Tab:
    """Upload a submission with its predictions, see the report; nothing is kept. And states on the Hub."""
    tab: gr.Tab
    with gr.Tab("Submit", id="submit", elem_id="submit-tab") as tab:
        gr.Markdown(WORDS.format(repo=states.repo))
        files = gr.File(
            file_count="multiple", file_types=[".json", ".parquet"], label="Submission and predictions"
        )
        check = gr.Button("Check", variant="primary", elem_classes="act")
        verdict = gr.HTML(elem_id="verdict")
        # Hidden until there is a report: an empty box says nothing.
        report = gr.Textbox(label="Report", lines=8, elem_id="report", visible=False)
        # Not a code box: an empty one has a label on an element without a role.
        machine = gr.Textbox(label="For machines", lines=4, max_lines=20, visible=False)
        gr.Markdown("## On their way to the board")
        ask = gr.Button("Ask the Hub", elem_classes="act")
        table = gr.HTML(elem_id="states")
    _wire_check(check, files, [verdict, report, machine, files], submissions, store)
    # One at a time: all others then take the kept answer.
    ask.click(states.show, None, table, concurrency_limit=1, api_visibility="private")
    return tab


def _wire_check(
    check: gr.Button,
    files: gr.File,
    outputs: list[gr.components.Component],
    submissions: Path,
    store: UploadStore,
) -> None:
    def run(sent: list[dict[str, object]] | None) -> tuple[object, ...]:
        report = check_stored([file.get("path") for file in sent or []], store, submissions)
        texts = format_report(report), report.model_dump_json(indent=2)
        return format_verdict(report), *(gr.Textbox(text, visible=True) for text in texts), None

    # Through the queue, unlike all else here: each check is a process that may take gigabytes. Not processed
    # by Gradio, which would leave an empty file behind for each one that is uploaded.
    check.click(run, files, outputs, concurrency_limit=2, api_visibility="private", preprocess=False)
