"""The name that `imagenet-g submit` proposes is one that its own rules accept."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submission_cases import load_good

from imagenet_g.benchmark.naming.published import load_published_models
from imagenet_g.benchmark.naming.specs import OWN_WEIGHTS
from imagenet_g.leaderboard.submissions.names import explain_bad_name, find_lookalike
from imagenet_g.leaderboard.submissions.submission import Submission
from imagenet_g.leaderboard.submitting.proposals import MAX_LENGTH, propose_name
from imagenet_g.leaderboard.submitting.submit import suggest_answers
from imagenet_g.leaderboard.validation.claim_checks import check_statement
from imagenet_g.leaderboard.validation.identity_checks import check_identity
from imagenet_g.leaderboard.validation.peers import KnownSubmission

ODD = (
    "timm:hf-hub:org/resnet50", "timm:local-dir:/home/jo/my model", "python:my_nets.small:make_model",
    "python:live:resnet50", "open_clip:hf-hub:org/a", "transformers:google/vit-base-patch16-224", "x:=1+1",
    "wheel:efficientnet-lite0", "timm:packaged:mini-resnet-s", "folder:a/b", ":::", "", "timm:" + "a" * 300,
    "python:Übung:netz", "answers:model.csv", "timm:resnet50+checkpoint+checkpoint",
)  # fmt: skip


def find_refusals(spec: str, *, taken: tuple[str, ...] = ()) -> list[str]:
    """What the checks of a submission say about the name that is proposed for a model."""
    name = propose_name(spec, taken)
    pattern = Submission.model_validate_json(load_good())
    model = pattern.result.model.model_copy(update={"spec": spec})
    statement = pattern.statement.model_copy(update={"organisation": "Example Lab", "model": name})
    result = pattern.result.model_copy(update={"model": model})
    made = pattern.model_copy(update={"statement": statement, "result": result})
    # The length is the schema's to refuse, which a copy goes past.
    problems = [*check_identity(made), *check_statement(made)]
    said = [problem.message for problem in problems if problem.where == "statement.model"]
    lookalike = find_lookalike(name, taken)
    return [*said, *([lookalike] if lookalike else []), *(["too long"] if len(name) > MAX_LENGTH else [])]


def test_for_every_published_model_the_proposal_is_accepted() -> None:
    """And for the same architecture with weights of one's own, whose name is not the published one."""
    specs = [*load_published_models()]
    assert len(specs) > 1000
    refused = {spec: found for spec in specs if (found := find_refusals(spec))}
    assert refused == {}
    own = {spec: found for spec in specs if (found := find_refusals(spec + OWN_WEIGHTS))}
    assert own == {}


@pytest.mark.parametrize("spec", ODD)
def test_for_models_of_every_kind_the_proposal_is_accepted(spec: str) -> None:
    """From hubs, folders, code, and with specs that are no name at all."""
    assert find_refusals(spec) == []


@given(st.text(max_size=120), st.sampled_from(["timm", "python", "answers", "open_clip"]))
def test_for_any_text_the_proposal_is_accepted(text: str, scheme: str) -> None:
    """Never an exception, never an empty name."""
    assert explain_bad_name(propose_name(f"{scheme}:{text}")) is None
    assert find_refusals(f"{scheme}:{text}") == []


def test_a_proposal_is_not_like_a_name_on_the_board() -> None:
    """However many look alike."""
    taken = ("RESNET50.A1-IN1K", "resnet50.a1_in1k (TIMM)", "resnet50.a1-in1k v2")
    name = propose_name("timm:resnet50.a1_in1k", taken)
    assert name == "resnet50.a1_in1k v3"
    assert find_refusals("timm:resnet50.a1_in1k", taken=taken) == []


def test_a_proposal_does_not_tell_where_a_folder_lies() -> None:
    """Only its last part: a submission is public."""
    assert propose_name("timm:local-dir:/home/jo/secret/my-net") == "my-net"


def know(model: str, **changes: object) -> KnownSubmission:
    """A submission on the board under a name."""
    pattern = Submission.model_validate_json(load_good())
    statement = pattern.statement.model_copy(update={"model": model})
    record = pattern.result.model.model_copy(update=changes)
    result = pattern.result.model_copy(update={"model": record})
    return KnownSubmission(
        Path("x__y.json"), pattern.model_copy(update={"statement": statement, "result": result})
    )


def test_the_question_for_the_name_has_the_proposal() -> None:
    """Which keeps away from the names on the board; a model that is there keeps its own."""
    there = know("My_Nets make", spec="python:my_nets:make", weights_sha256="a" * 64)
    result = know("", spec="python:my_nets:make", weights_sha256="b" * 64).submission.result
    assert suggest_answers(result, [there])["name"] == "my_nets make (python)"
    assert suggest_answers(there.submission.result, [there])["name"] == "My_Nets make"
