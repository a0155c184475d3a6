"""The tab of one model, and the links to it in the page."""

from __future__ import annotations

from functools import lru_cache

import gradio as gr

from imagenet_g.leaderboard.app.controls import Controls
from imagenet_g.leaderboard.app.number_tabs import NUM_REMEMBERED, View, wire_view
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.model_page.badge import PLACE
from imagenet_g.leaderboard.model_page.page import show_model
from imagenet_g.leaderboard.pages.model_links import MODEL_TAB
from imagenet_g.leaderboard.pages.queries import MAX_SEARCH, BoardQuery

VISIT = "visit"
VISIT_JS = """() => {
  const visit = link => {
    const [here, words, to] = [location.search, location.search, link].map(t => new URLSearchParams(t));
    ['tab', 'model'].forEach(name => words.delete(name));
    to.forEach((word, name) => words.set(name, word));
    const stays = ['version', 'split'].every(name => !to.has(name) || to.get(name) === here.get(name));
    history.pushState({board: words.toString()}, '', '?' + words);
    // Where no control changes, the page of a model is all that has to be drawn.
    document.querySelector(stays && to.has('model') ? '#VISIT' : '#RESTORE').click();
    scrollTo(0, 0);
  };
  const follow = event => {
    const link = event.target.closest?.('a[href^="?"]')?.getAttribute('href');
    const other = event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (!link || other || history.state?.board === undefined) return;
    event.preventDefault();
    visit(link);
  };
  const copy = async event => {
    const button = event.target.closest?.('[data-copy]');
    if (!button) return;
    const text = button.parentElement.querySelector('pre');
    getSelection().selectAllChildren(text);
    // Absent where the board is not served over https.
    await navigator.clipboard?.writeText(text.textContent);
    button.textContent = navigator.clipboard ? 'Copied' : 'Selected';
  };
  const wire_plot = event => {
    const plot = event.target.closest?.('.js-plotly-plot');
    if (!plot || plot.visits) return;
    plot.visits = true;
    plot.on('plotly_click', clicked => {
      const model = clicked.points[0]?.customdata;
      if (typeof model === 'string') visit('?' + new URLSearchParams({tab: 'model', model}));
    });
  };
  if (window.visits) return [];
  window.visits = true;
  document.addEventListener('click', follow);
  document.addEventListener('click', copy);
  document.addEventListener('mouseover', wire_plot);
  return [];
}""".replace("VISIT", VISIT)
"""Links within the board keep the state of the page; a plain load of their address would start it anew."""

FILL_JS = """() => {
  const fill = frames => {
    const texts = [...document.querySelectorAll('#model-page pre')];
    const found = texts.filter(e => e.textContent.includes('BOARD/'));
    found.forEach(e => {
      e.textContent = e.textContent.replaceAll('BOARD/', location.origin + location.pathname);
    });
    if (!found.length && frames) requestAnimationFrame(() => fill(frames - 1));
  };
  fill(FRAMES);
  return [];
}""".replace("BOARD/", PLACE).replace("FRAMES", "60")
"""Only the reader's browser knows at which address it has the board."""


def build_visit_parts() -> tuple[gr.Textbox, gr.Button]:
    """The id of the model that is shown, and the button that a link to a model presses; nobody sees them."""
    model = gr.Textbox(visible="hidden", elem_id="model", label="model")
    return model, gr.Button("Show a model", visible="hidden", elem_id=VISIT)


def build_model_tab(board: Board, controls: Controls, model: gr.Textbox) -> View:
    """All about one model.

    Args:
        board: The board shown.
        controls: As in `state.CONTROLS`.
        model: Id of the model, as the address has it.
    """
    with gr.Tab("Model", id=MODEL_TAB) as tab:
        page = gr.HTML(elem_id="model-page")
        # A view fills two components at least.
        shown = gr.Textbox(visible="hidden", elem_id="model-shown", label="model shown")

    @lru_cache(NUM_REMEMBERED)
    def draw_query(query: BoardQuery) -> str:
        return show_model(board, query)

    def draw(query: BoardQuery, name: str) -> tuple[object, ...]:
        # From the browser, so cut to a length before it is looked for.
        name = str(name or "")[:MAX_SEARCH]
        return draw_query(keep_words(query, name)), name

    # The event may come before the page has the new text: the script waits for it.
    page.change(None, None, None, js=FILL_JS)
    return wire_view(board, View(tab, MODEL_TAB, draw, [model], [page, shown]), controls)


def keep_words(query: BoardQuery, model: str) -> BoardQuery:
    """The words of a query that a model's page depends on: others would draw it anew for nothing."""
    return BoardQuery(
        version=query.version,
        split=query.split,
        baseline=query.baseline,
        link=query.link,
        model=model,
    )
