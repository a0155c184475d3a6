"""The best five classes, whatever ties there are."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.answers.softmax import find_largest

few_values = st.sampled_from([-torch.inf, -1.0, 0.0, 0.5, 0.5 + 2**-52, 3.0])


@given(st.integers(1, 6), st.integers(1, 12), st.integers(1, 7), st.data())
def test_the_largest_are_those_of_a_stable_sort(
    rows: int, columns: int, number: int, data: st.DataObject
) -> None:
    """Rows with many equal values, among them none that is finite."""
    drawn = data.draw(st.lists(few_values, min_size=rows * columns, max_size=rows * columns))
    values = torch.tensor(drawn, dtype=torch.float64).reshape(rows, columns)
    expected = torch.sort(values, dim=1, descending=True, stable=True).indices[:, :number]
    assert torch.equal(find_largest(values, number), expected)
