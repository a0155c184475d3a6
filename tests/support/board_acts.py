"""What readers do on the board, as tests do it: choose, open, point, and go on before an answer is there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from live_board import ANSWERS
from playwright.sync_api import Page, Route, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

CHOICES, CHOICE_MS = 5, 10_000
MULTIPLE = ("Columns",)
"""Dropdowns that show their choices beside the box."""
HOVERS, HOVER_MS = 40, 500


def choose(page: Page, label: str, value: str) -> None:
    """Pick a value of a dropdown as a person does; again, where an answer of the server closed the list."""
    box = page.get_by_label(label, exact=True)
    for _ in range(CHOICES):
        box.click()
        box.press("Control+a")
        box.press_sequentially(value)
        with suppress(PlaywrightTimeout):
            page.get_by_role("option", name=value, exact=True).click(timeout=CHOICE_MS)
            if label not in MULTIPLE:
                expect(box).to_have_value(value)
            return
    raise AssertionError(f"'{label}' offers no '{value}'")


def hold_answers(page: Page) -> Callable[[], None]:
    """Hold every request of the page from now on; the function returned sends them, the last one first."""
    held: list[Route] = []
    holding = True

    def meet(route: Route) -> None:
        held.append(route) if holding and route.request.method == "POST" else route.continue_()

    def release() -> None:
        nonlocal holding
        holding = False
        for route in reversed(held):
            with page.expect_response(route.request.url):
                route.continue_()

    page.route(ANSWERS, meet)
    return release


def open_drawer(page: Page) -> None:
    """Click the button of the filters, the columns and the line of the effective robustness."""
    page.get_by_role("button", name="Filters and columns").click()


def open_tab(page: Page, name: str) -> None:
    """Click a tab's title."""
    page.get_by_role("tab", name=name).click()


def hover_first_point(page: Page) -> None:
    """Point at the first model of the scatter plot; again, where the plot moved meanwhile to fit the page."""
    point = page.locator("#scatter .scatterlayer .point").first
    for _ in range(HOVERS):
        box = point.bounding_box()
        assert box is not None
        # In from beside it: the plot answers to a mouse that moves onto a point.
        for shift in (-4, 0):
            page.mouse.move(box["x"] + box["width"] / 2 + shift, box["y"] + box["height"] / 2)
        with suppress(PlaywrightTimeout):
            page.locator("#scatter .hoverlayer .hovertext").first.wait_for(timeout=HOVER_MS)
            return
    raise AssertionError("the plot says nothing about its first point")


def read_names(page: Page) -> list[str]:
    """Models of the table's page, in its order."""
    return page.locator(".board tbody th .model-link").all_inner_texts()


def expect_names(page: Page, names: list[str]) -> None:
    """Wait until the table shows these models of mini in this order."""
    expect(page.locator(".board tbody th")).to_have_text([f"☆{name}imagenet-g" for name in names])
