"""A local folder of a pipeline is identified by its contents."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagenet_g.generation.specs.repos import identify_folder

DECIDING = (
    "unet/diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json", "tokenizer/merges.txt",
    "tokenizer/spiece.model", "tokenizer/qwen.tiktoken", "tokenizer/chat_template.jinja",
)  # fmt: skip


@pytest.mark.parametrize("name", DECIDING)
def test_other_contents_under_one_size_and_date_are_another_revision(tmp_path: Path, name: str) -> None:
    """Weights, scheduler and tokenizer; a card beside them changes nothing."""
    path = tmp_path / name
    path.parent.mkdir()
    path.write_text("first")
    before, revision = path.stat(), identify_folder(tmp_path)
    (tmp_path / "README.md").write_text("A card.")
    assert identify_folder(tmp_path) == revision
    path.write_text("other")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert identify_folder(tmp_path) != revision
