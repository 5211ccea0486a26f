// "Why is this row here?": the events of the log that a row was made of, found when an operator asks.

import { Problem, get } from './api.js';
import { counted, element, problemNotice, whole } from './dom.js';

/** Texts that are longer do not help to tell rows apart, and an address has room for few of them. */
const TEXT_MAX = 120;

/** What asks about the rows of a view, as {view, ask, release}: an element for the answers, and what is called with a row. */
export function whyPanel(node) {
  const view = element('div', { class: 'why', 'aria-live': 'polite' });
  let controller = new AbortController();
  const ask = async (row) => {
    controller.abort();
    controller = new AbortController();
    const { signal } = controller;
    view.replaceChildren(element('p', { class: 'faint' }, 'reading the log …'));
    try {
      view.replaceChildren(...answered(await get(`v1/views/${encodeURIComponent(node.name)}/why?${named(node, row)}`, signal)));
    } catch (problem) {
      if (signal.aborted) return;
      const known = problem instanceof Problem ? problem : new Problem(0, { title: 'fault of this page', detail: String(problem) });
      view.replaceChildren(problemNotice(known));
    }
    view.scrollIntoView({ block: 'nearest' });
  };
  return { view, ask, release: () => controller.abort() };
}

/** The conditions that name a row: every column that can be compared. */
function named(node, row) {
  const query = new URLSearchParams();
  for (const { name, type } of node.columns) {
    const value = row[name];
    if (type === 'JSONB') continue;
    if (value === null) query.append(name, 'is.null');
    else if (typeof value !== 'object' && !type.startsWith('DOUBLE') && String(value).length <= TEXT_MAX) {
      query.append(name, `eq.${value}`);
    }
  }
  return query;
}

function answered({ rows, complete, reason, records_read: read }) {
  const events = rows.flatMap((row) => row.events);
  const count = `${counted(events.length, 'event')} made this row; ${counted(read, 'record')} of the log were read.`;
  return [
    element('h2', {}, 'Why this row is here'),
    element('p', { class: 'faint', id: 'why-count' }, rows.length ? count : 'The row is gone by now.'),
    complete || !rows.length ? null : element('p', { class: 'notice' }, `This is not all: ${reason}.`),
    element('ol', { class: 'letter-list' }, events.map(event)),
  ].filter(Boolean);
}

function event({ topic, partition, offset, event_type: type, event_id: id, occurred_at: at, event: body }) {
  return element(
    'li',
    {},
    element(
      'div',
      { class: 'letter-head' },
      element('span', { class: 'reason' }, type ?? topic),
      element('span', { class: 'faint' }, at),
      element('span', { class: 'spring' }),
      element('span', { class: 'faint' }, `${topic}, partition ${partition}, offset ${whole(offset)}`),
    ),
    element(
      'details',
      {},
      element('summary', {}, id === null ? 'Event' : `Event ${id}`),
      element('pre', { tabindex: '0' }, JSON.stringify(body, null, 2)),
    ),
  );
}
