"""What the page does for a rater: the next picture, an answer stored, examples of a class.

Nothing of a rater is kept in memory. Every request is done from the rater's file, so that a killed server, a
page that is loaded again and a second device go on where the file ends.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TypeAlias, TypeVar

from imagenet_g.benchmark.audits.files import (
    RATINGS_FOLDER,
    append_rating,
    has_begun,
    load_ratings,
    make_ratings_path,
    start_ratings,
)
from imagenet_g.benchmark.audits.records import MAX_RATERS, SIMULATED, Rating, RatingsHeader
from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.leaderboard.rating_page.codes import make_rater_code
from imagenet_g.leaderboard.rating_page.pictures import NUM_EXAMPLES, SamplePictures
from imagenet_g.leaderboard.rating_page.requests import (
    AnswerRequest,
    CodeRequest,
    ItemRequest,
    RequestError,
    read_request,
)
from imagenet_g.leaderboard.rating_page.words import describe_class

Reply: TypeAlias = dict[str, object]
"""What the browser receives: plain data, without an id, a file name or a role."""
AnyItemRequest = TypeVar("AnyItemRequest", bound=ItemRequest)
_NUM_ORDERS = 64


@dataclass(frozen=True)
class RatingDesk:
    """One audit, open for raters.

    Attributes:
        folder: Of the audit; ratings are written below it.
        pictures: Its images.
    """

    folder: Path
    pictures: SamplePictures
    _starting: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    @property
    def sheet(self) -> str:
        """Which sample this is, for a page that was opened before the server was started again."""
        return self.pictures.sample.sha256[:12]

    @property
    def total(self) -> int:
        """Number of pictures."""
        return len(self.pictures.sample.items)

    def greet(self) -> Reply:
        """A free code and the number of pictures."""
        code = make_rater_code()
        while make_ratings_path(self.folder, code).exists():
            code = make_rater_code()
        return {"code": code, "total": self.total}

    def open_rater(self, sent: object) -> Reply:
        """The first picture without an answer.

        Raises:
            RequestError: The code has another form, or belongs to simulated ratings.
            ImagenetGError: The rater's file cannot be read.
        """
        code = read_request(CodeRequest, sent).code
        if code.split("-")[0] == SIMULATED:
            raise RequestError(f"Codes that begin with '{SIMULATED}' are for ratings that a program made.")
        return self._show_next(code, self.total, self._load_answers(code))

    def show_picture(self, sent: object) -> Reply:
        """A picture of the rater's order, with the stored answer.

        Raises:
            RequestError: The request is malformed, or the page is of another sample.
            ImagenetGError: The rater's file cannot be read.
        """
        request = self._check(read_request(ItemRequest, sent))
        return self._show(request.code, request.position, self._load_answers(request.code))

    def store_answer(self, sent: object) -> Reply:
        """Write an answer to the disk, then show what follows.

        Raises:
            RequestError: The request is malformed or lacks the quality, or the page is of another sample.
            ImagenetGError: The answer cannot be written.
        """
        request = self._check(read_request(AnswerRequest, sent))
        if request.quality is None and request.answer != "cannot say":
            raise RequestError("Choose the quality of the picture, from 1 to 5.")
        item = self._order(request.code)[request.position]
        answers = self._load_answers(request.code)
        stored = answers.get(item)
        if stored is None or (stored.answer, stored.quality) != (request.answer, request.quality):
            now = datetime.now(UTC).replace(microsecond=0)
            rating = Rating(item=item, answer=request.answer, quality=request.quality, time=now)
            append_rating(self._start(request.code), rating)
            answers[item] = rating
        # The last open answer ends the audit; a changed one leads on to the picture behind it.
        ends = stored is None and len(answers) == self.total
        return self._show_next(request.code, self.total if ends else request.position + 1, answers)

    def show_examples(self, sent: object) -> Reply:
        """Real pictures of the class that is asked about, and a line about them.

        Raises:
            RequestError: The request is malformed, or the page is of another sample.
        """
        request = self._check(read_request(ItemRequest, sent))
        item = self.pictures.sample.items[self._order(request.code)[request.position]]
        found = self.pictures.find_examples(item.wnid)
        note = describe_examples(len(found), known=self.pictures.reference is not None)
        return {"pictures": list(found), "note": note}

    def _check(self, request: AnyItemRequest) -> AnyItemRequest:
        if request.sheet != self.sheet or request.position >= self.total:
            raise RequestError("The server shows another sample than this page; load the page again.")
        return request

    def _order(self, code: str) -> tuple[str, ...]:
        return order_items(self.pictures.sample.sha256, code, tuple(self.pictures.sample.items))

    def _start(self, code: str) -> Path:
        folder = self.folder / RATINGS_FOLDER
        path = make_ratings_path(self.folder, code)
        # One at a time: two devices may send the first answers of one code at once.
        with self._starting:
            if has_begun(path):
                return path
            if sum(1 for _ in folder.glob("*.jsonl")) >= MAX_RATERS:
                raise RequestError(f"This audit has {MAX_RATERS} raters already, and takes no new code.")
            header = RatingsHeader(sample_sha256=self.pictures.sample.sha256, rater=code, simulated=False)
            return start_ratings(self.folder, header)

    def _load_answers(self, code: str) -> dict[str, Rating]:
        path = make_ratings_path(self.folder, code)
        return dict(load_ratings(path, self.pictures.sample).answers) if has_begun(path) else {}

    def _show_next(self, code: str, position: int, answers: dict[str, Rating]) -> Reply:
        """The picture at a place, or from the end on the first one without an answer."""
        if position < self.total:
            return self._show(code, position, answers)
        order = self._order(code)
        left = next((place for place, item in enumerate(order) if item not in answers), None)
        if left is not None:
            return self._show(code, left, answers)
        return {"kind": "finished", "sheet": self.sheet, "code": code, "total": self.total}

    def _show(self, code: str, position: int, answers: dict[str, Rating]) -> Reply:
        item = self.pictures.sample.items[self._order(code)[position]]
        stored = answers.get(item.item)
        return {
            "kind": "question",
            "sheet": self.sheet,
            "code": code,
            "position": position,
            "total": self.total,
            "answered": len(answers),
            "picture": self.pictures.find_picture(item),
            "answer": stored and stored.answer,
            "quality": stored and stored.quality,
            **asdict(describe_class(load_classes()[load_index_by_wnid()[item.wnid]])),
        }


@lru_cache(_NUM_ORDERS)
def order_items(sample_sha256: str, code: str, items: tuple[str, ...]) -> tuple[str, ...]:
    """The items in a rater's own order: by the hash of sample, code and item.

    Example:
        >>> first, second = (order_items("00", code, ("a", "b", "c", "d")) for code in ("fern-1", "fern-2"))
        >>> sorted(first) == sorted(second), first == second
        (True, False)
    """
    return tuple(sorted(items, key=lambda item: hash_bytes(f"{sample_sha256}/{code}/{item}".encode())))


def describe_examples(found: int, *, known: bool) -> str:
    """A line below real examples.

    Args:
        found: How many there are.
        known: Whether the audit has a reference.

    Example:
        >>> describe_examples(3, known=True)
        'Pictures of the class from the reference set; none of them is among yours.'
        >>> describe_examples(1, known=True)
        'The reference has only 1 more picture of the class.'
    """
    if found == NUM_EXAMPLES:
        return "Pictures of the class from the reference set; none of them is among yours."
    if found:
        return f"The reference has only {found} more picture{'s' if found > 1 else ''} of the class."
    if not known:
        return "This audit was made without a reference, and has no real pictures to show."
    return "The reference has no more pictures of the class."
