// The page of the raters, as gr.HTML runs it: `element` is the page's own element, `server` calls Python.
const find = selector => element.querySelector(selector);
const all = selector => [...element.querySelectorAll(selector)];
const write = (selector, text) => all(selector).forEach(place => { place.textContent = text; });
const PATIENCE_MS = 20000;
const LETTERS = {y: 'yes', n: 'no', s: 'cannot say'};
const NO_SERVER = 'The server does not respond, and this answer is not stored yet. Press Next to try again.';
const LOST = 'The server does not respond. Check that it runs, then load this page again.';
let screen = null;
let busy = false;

// An answer of null means that none came. Gradio's client turns every failure into `undefined`.
async function ask(name, words) {
  const late = new Promise(resolve => setTimeout(resolve, PATIENCE_MS, null));
  const found = await Promise.race([server[name](words).catch(() => null), late]);
  return found ?? null;
}

// One request at a time: a key that is held down must not answer pictures that nobody has seen.
async function alone(work) {
  if (busy) return;
  busy = true;
  element.setAttribute('aria-busy', 'true');
  try { await work(); } finally { busy = false; element.removeAttribute('aria-busy'); }
}

function open(section) {
  for (const name of ['start', 'ask', 'end']) find(`.rating-${name}`).hidden = name !== section;
  find('.rating-lost').hidden = true;
}

function lose(words) {
  const place = find('.rating-lost');
  place.textContent = words;
  place.hidden = false;
}

function keepCode(code) {
  const words = new URLSearchParams(location.search);
  code ? words.set('rater', code) : words.delete('rater');
  history.replaceState(history.state, '', words.size ? '?' + words : location.pathname);
}

function drawPicture(next) {
  const image = find('.rating-picture img');
  image.hidden = !next.picture;
  next.picture ? image.setAttribute('src', next.picture) : image.removeAttribute('src');
  write('[data-unreadable]', next.picture ? '' : 'This picture cannot be read. Choose "Cannot say".');
}

function choose(name, value) {
  all(`input[name=${name}]`).forEach(box => { box.checked = box.value === String(value); });
}

function closeExamples() {
  find('#rating-shown').hidden = true;
  find('#rating-shown').replaceChildren();
  find('[data-examples]').setAttribute('aria-expanded', 'false');
}

function drawQuestion(next) {
  write('[data-place]', `Picture ${next.position + 1} of ${next.total}`);
  write('[data-answered]', `${next.answered} answered`);
  write('[data-before]', 'Does it show ' + next.article);
  write('[data-name]', next.name);
  write('[data-definition]', next.definition || 'There is no definition of it here.');
  write('[data-synonyms]', next.synonyms ? 'Also called: ' + next.synonyms : '');
  write('[data-asked]', `Does it show ${next.article}${next.name}?`);
  write('[data-problem]', '');
  const bar = find('progress');
  bar.max = next.total;
  bar.value = next.answered;
  find('[data-back]').disabled = next.position === 0;
  closeExamples();
  drawPicture(next);
  choose('answer', next.answer ?? '');
  choose('quality', next.quality ?? '');
  open('ask');
  window.scrollTo({top: 0});
  // A screen reader reads what has the focus, and keys work wherever the focus was before.
  find('.rating-question h1').focus({preventScroll: true});
}

function draw(next) {
  screen = next;
  write('[data-code]', next.code);
  write('[data-total]', next.total);
  keepCode(next.code);
  if (next.kind === 'finished') {
    open('end');
    find('#rating-thanks').focus();
  } else drawQuestion(next);
}

async function start(code) {
  const found = await ask('open_rater', {code});
  if (found === null) return lose(LOST);
  if (!found.refused) return draw(found);
  keepCode('');
  await greet(code);
  write('#rating-refused', found.refused);
  find('#rating-code').focus();
}

async function greet(typed) {
  const found = await ask('greet', {});
  if (found === null) return lose(LOST);
  screen = null;
  write('[data-total]', found.total);
  write('#rating-refused', '');
  find('#rating-code').value = typed || found.code;
  open('start');
}

async function show(position) {
  const found = await ask('show_picture', {code: screen.code, sheet: screen.sheet, position});
  if (found === null) return write('[data-problem]', LOST);
  found.refused ? write('[data-problem]', found.refused) : draw(found);
}

function findMissing(answer, quality) {
  if (!answer) return 'Choose yes, no or cannot say first.';
  if (!quality && answer !== 'cannot say') return 'Choose the quality of the picture, from 1 to 5.';
  return '';
}

async function store() {
  const chosen = new FormData(find('.rating-answer'));
  const answer = chosen.get('answer'), quality = chosen.get('quality');
  const missing = findMissing(answer, quality);
  if (missing) return write('[data-problem]', missing);
  const words = {code: screen.code, sheet: screen.sheet, position: screen.position, answer};
  const found = await ask('store_answer', {...words, quality: quality ? Number(quality) : null});
  if (found === null) return write('[data-problem]', NO_SERVER);
  if (found.refused) return write('[data-problem]', found.refused);
  write('.rating-unseen', 'Stored.');
  draw(found);
}

async function showExamples() {
  const place = find('#rating-shown');
  if (!place.hidden) return closeExamples();
  const found = await ask('show_examples', {code: screen.code, sheet: screen.sheet, position: screen.position});
  if (found === null) return write('[data-problem]', LOST);
  if (found.refused) return write('[data-problem]', found.refused);
  const note = document.createElement('p');
  note.textContent = found.note;
  place.replaceChildren(...found.pictures.map((source, number) => {
    const image = document.createElement('img');
    image.alt = `Real example ${number + 1} of ${screen.name}`;
    image.src = source;
    return image;
  }), note);
  place.hidden = false;
  find('[data-examples]').setAttribute('aria-expanded', 'true');
  place.scrollIntoView({block: 'nearest'});
}

function back() {
  if (screen?.kind === 'finished') return alone(() => show(screen.total - 1));
  if (screen?.position > 0) return alone(() => show(screen.position - 1));
}

function press(event) {
  if (!element.isConnected) return document.removeEventListener('keydown', press);
  if (event.ctrlKey || event.metaKey || event.altKey || !screen) return;
  if (event.key === 'Backspace') {
    event.preventDefault();
    if (!event.repeat) back();
    return;
  }
  if (screen.kind === 'finished') return;
  const key = event.key.toLowerCase();
  if (key === 'enter') {
    // On a button Enter presses it; on a choice the browser itself sends the form.
    if (event.repeat) event.preventDefault();
    else if (!event.target.closest('button, input')) find('.rating-answer').requestSubmit();
    return;
  }
  if (event.repeat || busy) return;
  if (key in LETTERS) choose('answer', LETTERS[key]);
  else if ('12345'.includes(key)) choose('quality', key);
  else if (key === 'e') alone(showExamples);
  else return;
  event.preventDefault();
  write('[data-problem]', '');
}

find('.rating-entry').addEventListener('submit', event => {
  event.preventDefault();
  alone(() => start(find('#rating-code').value.trim().toLowerCase()));
});
find('.rating-answer').addEventListener('submit', event => {
  event.preventDefault();
  alone(store);
});
find('.rating-answer').addEventListener('change', () => write('[data-problem]', ''));
find('[data-back]').addEventListener('click', back);
find('[data-last]').addEventListener('click', back);
find('[data-examples]').addEventListener('click', () => alone(showExamples));
all('[data-leave]').forEach(button => button.addEventListener('click', () => alone(async () => {
  keepCode('');
  await greet('');
})));
document.addEventListener('keydown', press);
alone(async () => {
  const code = new URLSearchParams(location.search).get('rater');
  await (code ? start(code) : greet(''));
});
