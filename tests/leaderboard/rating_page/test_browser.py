"""The raters' page in a real Chromium: by keyboard and by touch, and through the death of its server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from live_ratings import RatingServer
from playwright.sync_api import BrowserContext, FilePayload, Page, Response, ViewportSize, expect
from rating_cases import write_audit

CODE = "willow-482"
PHONE: ViewportSize = {"width": 390, "height": 844}
TOUCH_PX = 44
"""What fingers need (WCAG 2.2, 2.5.5)."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RatingServer]:
    """An audit of twelve embedded images behind the real server."""
    folder = write_audit(tmp_path_factory.mktemp("audit"), "mini-v2/sd-l", "mini/real", classes=4)
    running = RatingServer(folder)
    running.start()
    yield running
    running.kill()
    log = running.log.read_text(encoding="utf-8")
    assert "Traceback" not in log, log
    # Gradio's own folder: a picture kept there would show its name.
    assert [path for path in running.kept.rglob("*") if path.is_file()] == []


def open_ratings(page: Page, server: RatingServer, code: str) -> None:
    """Open a rater's page and wait for a picture."""
    page.goto(f"{server.address}?rater={code}")
    expect(page.locator(".rating-picture img")).to_be_visible()


def wait_for_place(page: Page, place: int) -> None:
    """Wait until a picture of the order is shown, counted from 1."""
    expect(page.locator("[data-place]")).to_have_text(f"Picture {place} of 12")


def read_lines(server: RatingServer, code: str) -> list[dict[str, Any]]:
    """Rating lines of a file."""
    path = server.folder / "ratings" / f"{code}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[1:]]


def test_keys_alone_lead_through_the_pictures_and_back(context: BrowserContext, server: RatingServer) -> None:
    """From a code that the page gave; nothing that is sent to the browser shows a role or an id."""
    page, sent = context.new_page(), list[Response]()
    page.on("response", lambda response: sent.append(response))
    page.goto(server.address)
    expect(page.get_by_label("Your code")).to_have_value(re.compile(r"^[a-z]+-[0-9]{3}$"))
    code = page.get_by_label("Your code").input_value()
    page.get_by_label("Your code").press("Enter")
    wait_for_place(page, 1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Choose yes")).to_be_visible()
    for place, keys in enumerate(("y4", "n1", "s"), start=1):
        wait_for_place(page, place)
        for key in (*keys, "Enter"):
            page.keyboard.press(key)
    wait_for_place(page, 4)
    page.keyboard.press("Backspace")
    wait_for_place(page, 3)
    expect(page.get_by_role("radio", name="Cannot say")).to_be_checked()
    page.keyboard.press("e")
    expect(page.get_by_role("img", name="Real example 3")).to_be_visible()
    stored = [(line["answer"], line["quality"]) for line in read_lines(server, code)]
    assert stored == [("yes", 4), ("no", 1), ("cannot say", None)]
    assert find_hidden(server, sent) == set()
    assert {response.url.split("?")[0] for response in sent if not response.url.startswith("data:")} == {
        response.url.split("?")[0] for response in sent if response.url.startswith(server.address)
    }


def find_hidden(server: RatingServer, sent: list[Response]) -> set[str]:
    """Words of the sample that came to the browser: ids, roles, references and hashes."""
    sample = json.loads((server.folder / "sample.json").read_text())
    hidden = {"right control", "wrong control", sample["split"]["ref"], sample["reference"]["ref"]}
    hidden |= {sample["split"]["content_sha256"], sample["reference"]["content_sha256"]}
    for item in sample["items"]:
        hidden |= {item["item"], item["image_id"], item["wnid"], item["own_wnid"]}
    replies = [one.text() for one in sent if "component_server" in one.url or one.url == server.address]
    assert len(replies) > 5
    return {word for word in hidden if any(word in reply for reply in replies)}


def test_a_killed_server_loses_nothing_and_the_page_goes_on(
    context: BrowserContext, server: RatingServer
) -> None:
    """An answer that could not be stored stays on the page, and is stored once the server is back."""
    page = context.new_page()
    open_ratings(page, server, CODE)
    for key in ("y", "5", "Enter"):
        page.keyboard.press(key)
    wait_for_place(page, 2)
    server.kill()
    for key in ("n", "2", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_text("this answer is not stored yet")).to_be_visible()
    assert len(read_lines(server, CODE)) == 1
    server.start()
    page.keyboard.press("Enter")
    wait_for_place(page, 3)
    page.reload()
    wait_for_place(page, 3)
    assert [line["answer"] for line in read_lines(server, CODE)] == ["yes", "no"]


def test_a_phone_is_rated_on_by_touch(invite: Callable[..., BrowserContext], server: RatingServer) -> None:
    """Every target is large enough, and nothing lies beside the screen."""
    page = invite(viewport=PHONE, has_touch=True, is_mobile=True).new_page()
    open_ratings(page, server, "fern-100")
    page.get_by_role("radio", name="Yes", exact=True).tap()
    page.get_by_role("radio", name="4", exact=True).tap()
    targets = page.locator(".rating-answer label, .rating button:visible")
    boxes = [box for box in (target.bounding_box() for target in targets.all()) if box]
    assert len(boxes) > 10
    assert min(box["height"] for box in boxes) >= TOUCH_PX
    assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name="Next").tap()
    wait_for_place(page, 2)
    assert [(line["answer"], line["quality"]) for line in read_lines(server, "fern-100")] == [("yes", 4)]


def test_a_code_of_another_form_is_refused_on_the_page(context: BrowserContext, server: RatingServer) -> None:
    """In the address, too; no file is made of it."""
    page = context.new_page()
    page.goto(f"{server.address}?rater=../sample")
    expect(page.get_by_role("alert").filter(has_text="such as willow-482")).to_be_visible()
    expect(page.get_by_label("Your code")).to_have_value("../sample")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_screen(
    invite: Callable[..., BrowserContext], server: RatingServer, scheme: str
) -> None:
    """Names, roles, contrast and order, by the rules of axe-core."""
    page = invite(color_scheme=scheme).new_page()
    page.goto(server.address)
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    found = find_faults(page)
    open_ratings(page, server, "fern-101")
    page.keyboard.press("e")
    expect(page.get_by_role("img", name="Real example 3")).to_be_visible()
    for key in ("y", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("alert").filter(has_text="Choose the quality")).to_be_visible()
    assert found + find_faults(page) == []


def find_faults(page: Page) -> list[str]:
    """What axe-core finds on the page as it is, with the elements."""
    violations = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in violations]


def test_the_browser_itself_asks_nothing_of_another_machine(
    context: BrowserContext, server: RatingServer
) -> None:
    """By the headers of the page; and the code in its address goes nowhere else."""
    headers = context.request.get(server.address).headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["referrer-policy"] == "no-referrer"


def test_no_file_is_taken(context: BrowserContext, server: RatingServer) -> None:
    """Gradio would keep what anybody sends, in place of an answer too."""
    file: FilePayload = {"name": "x.txt", "mimeType": "text/plain", "buffer": b"x"}
    sent = context.request.post(f"{server.address}gradio_api/upload", multipart={"files": file})
    assert sent.status == 403
    part = find_page(context, server)
    words = {"component_id": str(part["id"]), "session_hash": "x", "fn_name": "store_answer"}
    call = f"{server.address}gradio_api/component_server"
    assert "load the page again" in context.request.post(call, multipart={**words, "file": file}).text()


def test_only_the_calls_of_the_page_can_be_made(context: BrowserContext, server: RatingServer) -> None:
    """Nothing else of the component that stands for the page."""
    part = find_page(context, server)
    calls = {"greet", "open_rater", "show_picture", "store_answer", "show_examples"}
    assert set(part["props"]["server_fns"]) == calls
    for name in ("get_config", "_load_answers", "__init__"):
        words = {"component_id": part["id"], "session_hash": "x", "data": {}, "fn_name": name}
        assert context.request.post(f"{server.address}gradio_api/component_server", data=words).status == 404


def find_page(context: BrowserContext, server: RatingServer) -> dict[str, Any]:
    """The one component, as Gradio describes it to the browser."""
    config = context.request.get(f"{server.address}config").json()
    (part,) = (part for part in config["components"] if part["type"] == "html")
    return dict(part)
