// What a full-text index finds: the rows that match, the words that matched within them, and more of them page by page.

import { get } from './api.js';
import { counted, element, problemNotice, whole } from './dom.js';
import { linkTo } from './graph.js';

const LIMIT = 20;
/** Entities that the server writes into highlighted text. */
const ENTITIES = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" };

/** Where the hits of a query are shown. */
export function hitsLink(index, text) {
  return `#/search/${encodeURIComponent(index.name)}?${new URLSearchParams({ q: text })}`;
}

/** The page of an index's hits as {view, release}. */
export function hitsPage(index, query, { go, askToken }) {
  const shown = element('div', { class: 'shown', 'aria-live': 'polite' }, element('p', { class: 'faint' }, 'searching …'));
  const view = element(
    'section',
    { class: 'hits' },
    element('p', { class: 'kind search' }, 'full-text index'),
    element('h1', {}, index.name),
    element(
      'p',
      { class: 'lead' },
      `Words, “phrases”, beginnings*, OR and -not, in ${index.columns.map(({ name }) => name).join(', ')} of `,
      element('a', { href: linkTo(index.of) }, index.of),
    ),
    form(query, go),
    shown,
  );
  const controller = new AbortController();
  const load = async () => {
    const highlight = index.columns.map(({ name }) => name).join(',');
    const asked = new URLSearchParams({ q: query.get('q') ?? '', limit: LIMIT, offset: query.get('offset') ?? '0', highlight });
    try {
      show(shown, await get(`v1/search/${encodeURIComponent(index.name)}?${asked}`, controller.signal), query, go);
    } catch (problem) {
      if (controller.signal.aborted) return;
      const [text, act] = problem.status === 401 ? ['Paste a token', askToken] : ['Try again', load];
      shown.replaceChildren(problemNotice(problem, element('button', { type: 'button', class: 'quiet', click: act }, text)));
    }
  };
  load();
  return { view, release: () => controller.abort() };
}

function form(query, go) {
  const box = element('input', {
    id: 'hits-query',
    type: 'search',
    value: query.get('q') ?? '',
    maxlength: 1000,
    spellcheck: 'false',
    autocomplete: 'off',
  });
  const submit = (event) => {
    event.preventDefault();
    go(new URLSearchParams({ q: box.value }));
  };
  return element(
    'form',
    { class: 'actions', role: 'search', submit },
    element('label', { class: 'unseen', for: 'hits-query' }, 'What to search for'),
    box,
    element('button', { type: 'submit', class: 'strong' }, 'Search'),
  );
}

function show(shown, answer, query, go) {
  const offset = Number(query.get('offset') ?? 0);
  const to = (start) => () => {
    const next = new URLSearchParams(query);
    if (start > 0) next.set('offset', start);
    else next.delete('offset');
    go(next);
  };
  const first = answer.hits.length ? `${whole(offset + 1)} to ${whole(offset + answer.hits.length)} of ` : '';
  shown.replaceChildren(
    element('p', { class: 'faint', id: 'hits-count' }, first, counted(answer.total, 'hit')),
    answer.hits.length
      ? element('ol', { class: 'letter-list', start: offset + 1 }, answer.hits.map(hit))
      : element('p', { class: 'nothing' }, 'Nothing matches.'),
    element(
      'div',
      { class: 'actions', role: 'group', 'aria-label': 'Pages' },
      element('button', { type: 'button', class: 'quiet', disabled: offset === 0, click: to(offset - LIMIT) }, '← Previous'),
      element(
        'button',
        { type: 'button', class: 'quiet', disabled: answer.next_offset === null, click: to(answer.next_offset) },
        'Next →',
      ),
    ),
  );
}

function hit({ row, highlights }) {
  const texts = Object.values(highlights).map((text) => element('p', { class: 'highlight' }, marked(text)));
  const others = Object.entries(row).filter(([name, value]) => !(name in highlights) && value !== null);
  const facts = others.map(([name, value]) =>
    element(
      'span',
      {},
      `${name} `,
      element('strong', {}, typeof value === 'object' ? JSON.stringify(value) : String(value)),
      ' ',
    ),
  );
  return element('li', {}, texts, element('p', { class: 'faint facts' }, facts));
}

/** Escaped text with <mark> around what matched, as elements; no other tag is known, and none is made. */
function marked(text) {
  const plain = (part) => part.replace(/&(amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity]);
  return text
    .split(/(<mark>.*?<\/mark>)/s)
    .filter(Boolean)
    .map((part) => {
      const inner = /^<mark>(.*)<\/mark>$/s.exec(part);
      return inner ? element('mark', {}, plain(inner[1])) : plain(part);
    });
}
