"""The i-th of n shares of the rows of a split, for job arrays."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imagenet_g.benchmark.errors import InputError

MAX_SHARES = 100_000
_SHARE = re.compile(r"(\d{1,6})/(\d{1,6})")


@dataclass(frozen=True, slots=True)
class RowShare:
    """One of several shares.

    Attributes:
        number: Which one, from 1 on.
        of: How many there are.
    """

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def find_bounds(self, num_rows: int, batch_size: int) -> tuple[int, int]:
        """First row, and the row behind the last one; whole batches of the run of all rows.

        An image's answer may differ in its last bit with the size of its batch, so that shares are cut
        between batches only. Shares differ by one batch at most; of few rows some are empty.

        Args:
            num_rows: Rows of the whole run.
            batch_size: Images per forward pass.

        Example:
            >>> [RowShare(number, 3).find_bounds(50, 8) for number in (1, 2, 3)]
            [(0, 16), (16, 32), (32, 50)]
            >>> [RowShare(number, 3).find_bounds(5, 8) for number in (1, 2, 3)]
            [(0, 0), (0, 0), (0, 5)]
        """
        num_batches = -(-num_rows // batch_size)
        start, stop = (batch_size * (n * num_batches // self.of) for n in (self.number - 1, self.number))
        return min(start, num_rows), min(stop, num_rows)


def parse_row_share(text: str) -> RowShare:
    """A share as typed, such as "3/8".

    Raises:
        InputError: It is malformed, or there is no such share.

    Example:
        >>> parse_row_share("3/8")
        RowShare(number=3, of=8)
    """
    match = _SHARE.fullmatch(text)
    number, of = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= of <= MAX_SHARES:
        raise InputError(
            f"--rows '{text}' is no share of the rows; give I/N with I from 1 to N (at most {MAX_SHARES}), "
            "such as 3/8 for the third of eight jobs."
        )
    return RowShare(number, of)
