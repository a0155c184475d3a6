"""Steps done ahead: in order, bounded, and cancelled when nobody takes them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from imagenet_g.benchmark.feeding.ahead import map_ahead


def test_no_more_is_begun_than_the_window() -> None:
    """Memory must not grow with the split."""
    begun: list[int] = []

    def begin(item: int) -> int:
        begun.append(item)
        return item

    with ThreadPoolExecutor(4) as pool:
        results = map_ahead(pool, begin, range(100), window=3)
        assert next(results) == 0
        results.close()
    assert len(begun) <= 3


def test_an_error_comes_where_its_result_would_be() -> None:
    """What is before it is taken first."""
    with ThreadPoolExecutor(2) as pool:
        results = map_ahead(pool, lambda item: 1 // item, [1, 0, 1], window=2)
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)


def test_results_keep_the_order_of_the_items() -> None:
    """A slow first item holds back the others."""
    go = threading.Event()

    def wait(item: int) -> int:
        if item == 0:
            go.wait(10)
        else:
            go.set()
        return item

    with ThreadPoolExecutor(2) as pool:
        assert list(map_ahead(pool, wait, [0, 1, 2], window=3)) == [0, 1, 2]
