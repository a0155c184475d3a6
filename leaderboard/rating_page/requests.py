"""What the browser of a rater may send: checked here, before anything is done with it."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from imagenet_g.benchmark.audits.records import MAX_ITEMS, Answer, Quality, RaterCode
from imagenet_g.benchmark.errors import InputError

CODE_HELP = (
    "A code has small letters and digits, in up to five groups with hyphens between them, such as willow-482."
)


class RequestError(InputError):
    """A request that is not done; the message is shown to the rater."""


class CodeRequest(BaseModel):
    """A rater comes."""

    # Strict: `true` would else be the number 1.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    code: RaterCode


class ItemRequest(CodeRequest):
    """A rater asks for one of the pictures.

    Attributes:
        sheet: Which sample the page shows; another one after the server was started with another.
        position: Place in the rater's own order, from 0.
    """

    sheet: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    position: Annotated[int, Field(ge=0, lt=MAX_ITEMS)]


class AnswerRequest(ItemRequest):
    """A rater answers."""

    answer: Answer
    quality: Quality | None


AnyRequest = TypeVar("AnyRequest", bound=CodeRequest)


def read_request(kind: type[AnyRequest], sent: object) -> AnyRequest:
    """A checked request from whatever was sent.

    Raises:
        RequestError: It is malformed.

    Example:
        >>> read_request(CodeRequest, {"code": "willow-482"}).code
        'willow-482'
        >>> read_request(CodeRequest, {"code": "../sample"})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        imagenet_g.leaderboard.rating_page.requests.RequestError: A code has small letters and digits, ...
    """
    try:
        return kind.model_validate(sent)
    except ValidationError as error:
        at_code = any(problem["loc"][:1] == ("code",) for problem in error.errors())
        message = (
            CODE_HELP if at_code else "The page sent what the server does not know; load the page again."
        )
        raise RequestError(message) from error
