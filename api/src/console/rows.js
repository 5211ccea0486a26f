// A table to browse a view by its index: conditions on columns, an order, and pages that go on from the server's own cursors.
//
// What is shown is in the address, in the API's own words: it can be bookmarked, and the browser's "back" goes back a page.

import { Problem, curlLine, get, token } from './api.js';
import { counted, element, problemNotice } from './dom.js';
import { orderText } from './graph.js';
import { live } from './live.js';
import { whyPanel } from './why.js';

const LIMITS = [20, 50, 100];
const FOLLOW_MS = 2_000;
const NOT_CONDITIONS = ['order', 'limit', 'cursor', 'select', 'after', 'wait'];
const OPERATORS = [
  ['eq', '='],
  ['gt', '>'],
  ['gte', '≥'],
  ['lt', '<'],
  ['lte', '≤'],
  ['in', 'in'],
  ['is', 'is'],
];
/** Texts from this length on get a wide column. */
const WORDS_MIN = 20;
const NUMBERS = /^(BIGINT|INTEGER|SMALLINT|NUMERIC|DOUBLE)/;

/** Pages that were gone through, by query, so that there is a way back: [query, [cursor...]]. */
let trail = { query: '', cursors: [] };

/** The table of a view as {view, release}; `given` are the parameters of the API as in the address, `go` changes them. */
export function rowsTable(node, indexes, given, { go, askToken }) {
  const query = new URLSearchParams(given);
  if (!query.has('limit')) query.set('limit', LIMITS[0]);
  const shown = element('div', { class: 'shown', 'aria-live': 'polite' });
  const curl = element('code', {});
  const followed = element('input', { type: 'checkbox', role: 'switch' });
  // Events may hold what a reader of the view need not be allowed to see: they are shown to operators.
  const why = live.topology.complete ? whyPanel(node) : null;
  const view = element(
    'section',
    { class: 'browse', 'aria-label': `Rows of ${node.name}` },
    form(node, indexes, query, go),
    element('div', { class: 'curl' }, curl, copyButton(curl)),
    shown,
    why?.view,
  );
  const path = () => `v1/views/${encodeURIComponent(node.name)}?${encoded(query)}`;
  const controller = new AbortController();
  const state = { node, query, shown, go, askToken, followed, why, before: null };
  let timer = 0;
  const load = async () => {
    curl.textContent = curlLine(path());
    try {
      showPage(state, await get(path(), controller.signal));
      if (followed.checked) timer = setTimeout(load, FOLLOW_MS);
    } catch (problem) {
      if (!controller.signal.aborted) showProblem(state, problem, load);
    }
  };
  followed.addEventListener('change', () => (clearTimeout(timer), load()));
  shown.append(element('p', { class: 'faint' }, 'reading …'));
  load();
  const release = () => (clearTimeout(timer), controller.abort(), why?.release());
  return { view, release };
}

/** Parameters as an address; commas and brackets stay readable. */
export function encoded(query) {
  const part = (text) => encodeURIComponent(text).replace(/%2C/g, ',').replace(/%3A/g, ':');
  return [...query].map(([name, value]) => `${part(name)}=${part(value)}`).join('&');
}

function conditionsOf(query) {
  const conditions = [...query].filter(([name]) => !NOT_CONDITIONS.includes(name));
  return conditions.map(([name, text]) => {
    const [, operator, operand] = /^(\w+)\.(.*)$/s.exec(text) ?? [null, 'eq', text];
    return { name, operator, operand: operator === 'in' ? operand.replace(/^\(|\)$/g, '') : operand };
  });
}

function orderOf(index, reversed) {
  return index.columns.map((column) => `${column.name}.${column.descending !== reversed ? 'desc' : 'asc'}`).join(',');
}

/** The index and direction that the order in the address is of; without one the index that the server takes: that with most leading
 * columns whose value is known. */
function chosen(indexes, query) {
  for (const [at, index] of indexes.entries()) {
    for (const reversed of [false, true]) if (orderOf(index, reversed) === query.get('order')) return { at, reversed };
  }
  const known = new Set(
    conditionsOf(query)
      .filter(({ operator }) => operator === 'eq')
      .map(({ name }) => name),
  );
  const depths = indexes
    .map((index) => index.columns.findIndex(({ name }) => !known.has(name)))
    .map((depth, at) => (depth < 0 ? indexes[at].columns.length : depth));
  return { at: Math.max(depths.indexOf(Math.max(...depths)), 0), reversed: false };
}

function form(node, indexes, query, go) {
  const { at, reversed } = chosen(indexes, query);
  const conditions = conditionsOf(query);
  const by = element(
    'select',
    { id: 'browse-index' },
    indexes.map((index, number) => element('option', { value: number, selected: number === at }, orderText(index))),
  );
  const reverse = element('input', { type: 'checkbox', id: 'browse-reverse', checked: reversed });
  const limit = element(
    'select',
    { id: 'browse-limit' },
    LIMITS.map((rows) => element('option', { selected: String(rows) === query.get('limit') }, rows)),
  );
  const lines = element('div', { class: 'conditions' });
  const leading = indexes[at]?.columns.map((column) => column.name) ?? [];
  const names = [...new Set([...leading, ...conditions.map(({ name }) => name)])];
  names.forEach((name) => lines.append(...conditionLines(node, name, conditions)));
  const submit = (event) => {
    event?.preventDefault();
    const next = new URLSearchParams();
    for (const line of lines.children) addCondition(next, line);
    // An order is only asked for by who chose one: else the conditions tell the index.
    if (Number(by.value) !== at || reverse.checked !== reversed || query.has('order'))
      next.set('order', orderOf(indexes[Number(by.value)], reverse.checked));
    next.set('limit', limit.value);
    go(next);
  };
  [by, reverse, limit].forEach((control) => control.addEventListener('change', submit));
  return element(
    'form',
    { class: 'filters', submit },
    element('div', { class: 'field' }, element('label', { for: 'browse-index' }, 'Index'), by),
    element('div', { class: 'field' }, element('label', { for: 'browse-limit' }, 'Rows a page'), limit),
    element('label', { class: 'check' }, reverse, 'From the end'),
    lines,
    element(
      'div',
      { class: 'actions' },
      moreConditions(node, names, lines),
      element('button', { type: 'submit', class: 'strong' }, 'Show'),
      element(
        'button',
        { type: 'button', class: 'quiet', click: () => go(new URLSearchParams({ limit: limit.value })) },
        'Clear',
      ),
    ),
  );
}

/** What adds a condition on a column that has none yet; nothing when there is no such column. */
function moreConditions(node, names, lines) {
  const rest = node.columns.filter(({ name }) => !names.includes(name)).map(({ name }) => element('option', {}, name));
  if (!rest.length) return null;
  const attributes = { id: 'browse-more', 'aria-label': 'Add a condition on another column' };
  const more = element('select', attributes, element('option', { value: '' }, 'Another column …'), rest);
  more.addEventListener('change', () => {
    if (!more.value) return;
    lines.append(...conditionLines(node, more.value, []));
    lines.lastElementChild.querySelector('input').focus();
    more.selectedOptions[0].remove();
    more.value = '';
  });
  return more;
}

function conditionLines(node, name, conditions) {
  const given = conditions.filter((condition) => condition.name === name);
  const type = node.columns.find((column) => column.name === name)?.type ?? '';
  return (given.length ? given : [{ operator: 'eq', operand: '' }]).map(({ operator, operand }, number) => {
    const id = `condition-${name}-${number}`;
    const operators = OPERATORS.map(([value, text]) => element('option', { value, selected: value === operator }, text));
    return element(
      'div',
      { class: 'condition', 'data-column': name },
      element('label', { for: id, title: type }, name),
      element('select', { 'aria-label': `Comparison of ${name}` }, operators),
      element('input', {
        id,
        type: 'text',
        value: operand,
        placeholder: type.toLowerCase(),
        spellcheck: 'false',
        autocomplete: 'off',
        maxlength: 2000,
      }),
    );
  });
}

function addCondition(query, line) {
  const [operator, operand] = [line.querySelector('select').value, line.querySelector('input').value.trim()];
  if (operator === 'is') query.append(line.dataset.column, `is.${operand || 'null'}`);
  else if (operand) query.append(line.dataset.column, operator === 'in' ? `in.(${operand})` : `${operator}.${operand}`);
}

function copyButton(curl) {
  const button = element(
    'button',
    {
      type: 'button',
      class: 'quiet',
      click: async () => {
        try {
          await navigator.clipboard.writeText(curl.textContent);
          button.textContent = 'Copied';
        } catch {
          getSelection().selectAllChildren(curl);
          button.textContent = 'Selected';
        }
        setTimeout(() => (button.textContent = 'Copy'), 1_500);
      },
    },
    'Copy',
  );
  return button;
}

function showPage(state, page) {
  const { node, shown, query, why, before } = state;
  const columns = page.rows.length ? Object.keys(page.rows[0]) : node.columns.map(({ name }) => name);
  const texts = page.rows.map((row) => JSON.stringify(row));
  const isNew = (text) => before && !before.has(text);
  const types = new Map(node.columns.map(({ name, type }) => [name, type]));
  const body = page.rows.map((row, at) =>
    element(
      'tr',
      { role: 'row', class: isNew(texts[at]) ? 'fresh' : null },
      columns.map((name) => cell(name, row[name], types.get(name) ?? '')),
      why && element('td', { role: 'cell' }, whyButton(why, row)),
    ),
  );
  const head = columns.map((name) =>
    element(
      'th',
      { role: 'columnheader', scope: 'col', title: types.get(name), class: NUMBERS.test(types.get(name)) ? 'number' : null },
      name,
    ),
  );
  if (why) head.push(element('th', { role: 'columnheader', scope: 'col' }, element('span', { class: 'unseen' }, 'Origin')));
  const table = element(
    'table',
    { role: 'table', 'aria-label': `Rows of ${node.name}` },
    element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, head)),
    element('tbody', { role: 'rowgroup' }, body),
  );
  const none = element('p', { class: 'nothing' }, query.has('cursor') ? 'There are no more rows.' : emptyText(node, query));
  state.before = new Set(texts);
  shown.replaceChildren(
    pager(state, page),
    page.rows.length ? element('div', { class: 'rows', tabindex: '0', role: 'region', 'aria-label': 'Rows' }, table) : none,
  );
}

function whyButton(why, row) {
  const attributes = { type: 'button', class: 'quiet', title: 'The events that this row was made of', click: () => why.ask(row) };
  return element('button', attributes, 'Why?');
}

function emptyText(node, query) {
  if (conditionsOf(query).length) return 'No row meets these conditions.';
  if (node.access === 'policy' && token()) return 'No row is the token’s own.';
  return 'There are no rows yet.';
}

function cell(name, value, type) {
  if (value === null) return element('td', { role: 'cell', 'data-label': name, class: 'null' }, 'null');
  const text = textOf(value, type);
  return element('td', { role: 'cell', 'data-label': name, class: classOf(type, text) }, text);
}

function textOf(value, type) {
  if (Array.isArray(value)) return `[${value.map((item) => JSON.stringify(item)).join(', ')}]`;
  return type === 'JSONB' ? JSON.stringify(value) : String(value);
}

function classOf(type, text) {
  if (NUMBERS.test(type)) return 'number';
  if (type === 'TIMESTAMPTZ') return 'time';
  return type === 'TEXT' && text.length >= WORDS_MIN ? 'text' : null;
}

function pager(state, page) {
  const { query, go, followed } = state;
  const bare = new URLSearchParams(query);
  bare.delete('cursor');
  if (trail.query !== `${state.node.name}?${bare}`) trail = { query: `${state.node.name}?${bare}`, cursors: [] };
  const cursor = query.get('cursor') ?? '';
  const at = trail.cursors.indexOf(cursor);
  if (at >= 0) trail.cursors.length = at;
  const to = (target) => {
    const next = new URLSearchParams(bare);
    if (target) next.set('cursor', target);
    return next;
  };
  const back = () => go(to(trail.cursors.pop() ?? ''));
  const forth = () => {
    trail.cursors.push(cursor);
    go(to(page.next));
  };
  const place = cursor ? `page ${trail.cursors.length + 1}` : 'first page';
  return element(
    'div',
    { class: 'pager' },
    element('p', {}, `${counted(page.rows.length, 'row')}, ${trail.cursors.length || !cursor ? place : 'a later page'}`),
    element('p', { class: 'position', title: 'the position that is shown' }, page.position),
    element('label', { class: 'check' }, followed, 'Follow'),
    element(
      'div',
      { class: 'actions', role: 'group', 'aria-label': 'Pages' },
      element('button', { type: 'button', class: 'quiet', disabled: !cursor, click: back, id: 'page-back' }, '← Previous'),
      element('button', { type: 'button', class: 'quiet', disabled: !page.next, click: forth, id: 'page-next' }, 'Next →'),
    ),
  );
}

function showProblem(state, problem, again) {
  const { shown, askToken, go, query } = state;
  const known = problem instanceof Problem ? problem : new Problem(0, { title: 'fault of this page', detail: String(problem) });
  const button = (text, click) => element('button', { type: 'button', class: 'quiet', click }, text);
  const first = new URLSearchParams(query);
  first.delete('cursor');
  const help =
    known.status === 401
      ? button('Paste a token', askToken)
      : known.field === 'cursor'
        ? button('From the first page', () => go(first))
        : button('Try again', again);
  shown.replaceChildren(problemNotice(known, help));
}
