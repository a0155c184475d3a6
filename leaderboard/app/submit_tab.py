"""The tab on which a submission is checked before it is sent."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from imagenet_g.leaderboard.submissions.problems import format_report
from imagenet_g.leaderboard.uploads.checking import check_stored
from imagenet_g.leaderboard.uploads.store import UploadStore


def build_submit_tab(submissions: Path, store: UploadStore) -> gr.Tab:
    """Upload a submission with its predictions, see the report; nothing is kept."""
    tab: gr.Tab
    with gr.Tab("Submit", id="submit") as tab:
        gr.Markdown(
            "Check a submission before you open a pull request with it: the `.json` that `imagenet-g submit` "
            "wrote and the `.parquet` files of the folder beside it. Nothing you upload is kept or executed: "
            "the files are deleted with the report, and after five minutes where you ask for none."
        )
        files = gr.File(
            file_count="multiple", file_types=[".json", ".parquet"], label="Submission and predictions"
        )
        check = gr.Button("Check", variant="primary")
        verdict = gr.Textbox(label="Report", lines=8, elem_id="report")
        machine = gr.Code(label="For machines", language="json")

    def run(sent: list[dict[str, object]] | None) -> tuple[str, str, None]:
        report = check_stored([file.get("path") for file in sent or []], store, submissions)
        return format_report(report), report.model_dump_json(indent=2), None

    # Through the queue, unlike all else here: each check is a process that may take gigabytes. Not processed
    # by Gradio, which would leave an empty file behind for each one that is uploaded.
    check.click(
        run, files, [verdict, machine, files], concurrency_limit=2, api_visibility="private", preprocess=False
    )
    return tab
