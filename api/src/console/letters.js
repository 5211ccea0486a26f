// Dead letters: events that were quarantined, each with its place, the reason and its text; and rows on which an expression fails.

import { get, post } from './api.js';
import { counted, element, problemNotice, whole } from './dom.js';

const LIMIT = 20;

/** The page as {view, release}; `query.after` is the id after which it begins. */
export function lettersPage(query, { go, changed }) {
  const shown = element('div', {}, element('p', { class: 'faint' }, 'reading …'));
  const view = element(
    'section',
    { class: 'letters' },
    element('h1', {}, 'Dead letters'),
    element(
      'p',
      { class: 'lead' },
      'Events that could not be taken, or that a table refused. Each is kept as it came; what is sent again and taken leaves the list.',
    ),
    shown,
  );
  const controller = new AbortController();
  const load = async () => {
    const parameters = new URLSearchParams({ limit: LIMIT, after: query.get('after') ?? '0' });
    try {
      show(shown, await get(`v1/dead-letters?${parameters}`, controller.signal), { query, go, changed });
    } catch (problem) {
      if (!controller.signal.aborted)
        shown.replaceChildren(
          problemNotice(problem, element('button', { type: 'button', class: 'quiet', click: load }, 'Try again')),
        );
    }
  };
  load();
  return { view, release: () => controller.abort() };
}

function show(shown, page, { query, go, changed }) {
  const open = page.dead_letters_total - page.dead_letters_retried - page.dead_letters_discarded;
  const letters = page.dead_letters.map((letter) => letterItem(letter, changed));
  const from = (after) => go(new URLSearchParams(after ? { after } : {}));
  shown.replaceChildren(
    element('p', { class: 'faint' }, `${whole(open)} on the list, ${whole(page.dead_letters_retried)} were sent again and taken`),
    letters.length
      ? element('ul', { class: 'letter-list' }, letters)
      : element('p', { class: 'nothing' }, 'Nothing is here. Every event was taken.'),
    element(
      'div',
      { class: 'actions', role: 'group', 'aria-label': 'Pages' },
      query.get('after')
        ? element('button', { type: 'button', class: 'quiet', click: () => from(null) }, '← From the oldest')
        : null,
      page.next ? element('button', { type: 'button', class: 'quiet', click: () => from(page.next) }, 'Later ones →') : null,
    ),
    ...rowErrors(page),
  );
}

function letterItem(letter, changed) {
  const outcome = element('p', { class: 'outcome', role: 'status' });
  const cut =
    letter.length > letter.text.length
      ? ` The first ${counted(letter.text.length, 'character')} of ${counted(letter.length, 'byte')}.`
      : '';
  const retry = element(
    'button',
    { type: 'button', class: 'quiet', 'data-retry': letter.id, click: () => again(letter, item, retry, outcome, changed) },
    'Send again',
  );
  const place = [
    letter.relation ? `refused by ${letter.relation}` : null,
    `${letter.topic}, partition ${letter.partition}, offset ${letter.offset}`,
    letter.sent_to ? `sent to ${letter.sent_to}` : null,
    letter.arrived ? `arrived ${letter.arrived}` : null,
  ];
  const item = element(
    'li',
    { 'data-letter': letter.id },
    element(
      'div',
      { class: 'letter-head' },
      element('span', { class: 'reason' }, letter.reason.replaceAll('_', ' ')),
      element('span', { class: 'faint' }, `no. ${letter.id}`),
      element('span', { class: 'spring' }),
      // It was taken, and a table refused it: it can't be sent again as it is.
      letter.reason === 'raised' ? null : retry,
    ),
    element('p', {}, letter.field ? element('code', {}, letter.field) : null, letter.field ? ' ' : null, letter.detail),
    element('p', { class: 'faint' }, place.filter(Boolean).join(' · ')),
    element(
      'details',
      {},
      element('summary', {}, `The event, ${counted(letter.length, 'byte')}`),
      element('pre', { tabindex: '0' }, letter.text),
      cut ? element('p', { class: 'faint' }, cut) : null,
    ),
    outcome,
  );
  return item;
}

async function again(letter, item, button, outcome, changed) {
  button.disabled = true;
  outcome.className = 'outcome';
  outcome.textContent = 'sending …';
  try {
    const answer = await post(`v1/dead-letters/${letter.id}/retry`);
    outcome.textContent =
      answer.status === 'duplicate'
        ? 'It was taken before: it leaves the list.'
        : `Taken at position ${answer.position}: it leaves the list.`;
    item.classList.add('gone');
    changed();
  } catch (problem) {
    outcome.className = 'outcome problem';
    outcome.textContent = problem.message;
    button.disabled = problem.status === 404;
  }
}

function rowErrors(page) {
  if (!page.row_errors.length) return [];
  const items = page.row_errors.map((error) =>
    element(
      'li',
      {},
      element(
        'div',
        { class: 'letter-head' },
        element('span', { class: 'reason' }, error.relation),
        element('span', { class: 'faint' }, counted(error.count, 'row')),
      ),
      element('p', {}, element('code', {}, error.expression), ` ${error.detail}`),
      element('details', {}, element('summary', {}, 'The row'), element('pre', { tabindex: '0' }, error.row)),
    ),
  );
  return [element('h2', {}, 'Rows on which an expression fails'), element('ul', { class: 'letter-list' }, items)];
}
