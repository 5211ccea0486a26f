// The page of one relation: what it is, its rows if the reader may see them, and where it comes from.

import { element, perSecond, whole, write } from './dom.js';
import { PARTS, accessText, graph, kin, orderText } from './graph.js';
import { live, rate } from './live.js';
import { rowsTable } from './rows.js';

/** The page as {view, update, release}. */
export function relationPage(id, query, actions) {
  const node = live.nodes.get(id);
  if (!node || PARTS.includes(node.kind)) return unknownPage(id, actions);
  const parts = live.topology.nodes.filter((other) => other.of === id && PARTS.includes(other.kind));
  const indexes = parts.filter((other) => other.kind === 'index');
  const picture = graph(live.topology, { only: kin(live.topology, id), focus: id });
  const facts = element('dl', { class: 'facts' });
  const table = browsed(node, indexes, query, actions);
  const view = element(
    'article',
    { class: 'relation' },
    element('p', { class: `kind ${node.kind}` }, kindText(node)),
    element('h1', {}, node.name),
    facts,
    table?.view ?? null,
    element('section', { 'aria-label': 'Lineage' }, element('h2', {}, 'Where it comes from, and what comes of it'), picture.view),
    element(
      'details',
      { class: 'about', open: !table },
      element('summary', {}, 'Columns and indexes'),
      columnsTable(node),
      indexList(parts),
    ),
  );
  const update = () => {
    showFacts(facts, live.nodes.get(id) ?? node);
    picture.update();
  };
  update();
  return { view, update, release: () => table?.release() };
}

function unknownPage(id, { askToken }) {
  const help = live.topology.complete
    ? null
    : element('button', { type: 'button', class: 'quiet', click: askToken }, 'Paste a token');
  const text = live.topology.complete ? 'The topology has no relation of this name.' : 'There is none that you may see.';
  return {
    view: element('div', { class: 'notice' }, element('strong', {}, `“${id}” is not known`), element('p', {}, text), help),
    update() {},
    release() {},
  };
}

function browsed(node, indexes, query, actions) {
  if (!node.access || node.access === 'denied') return null;
  if (node.readable) return rowsTable(node, indexes, query, actions);
  const button = element('button', { type: 'button', class: 'quiet', click: actions.askToken }, 'Paste a token');
  const text = 'A policy decides who reads what: rows are shown to whoever has a token.';
  return { view: element('div', { class: 'notice' }, element('p', {}, text), button), release() {} };
}

function kindText(node) {
  if (node.kind === 'view') return node.materialized ? 'materialized view' : 'view, not kept';
  return node.kind;
}

function showFacts(list, node) {
  const facts = [];
  const add = (name, text) => facts.push([name, text]);
  if (node.topic) add('Topic', node.topic);
  if (node.key?.length) add('Key', node.key.join(', '));
  if (node.kind === 'source') add('Events', perSecond(rate(node.id)));
  if (node.kind === 'source' && live.status) add('Not visible yet', whole(node.lag ?? 0));
  if (node.target) add('Writes to', node.target);
  if (!['source', 'sink'].includes(node.kind)) add('Readers', accessText(node));
  if (node.rows !== null && node.rows !== undefined) add('Rows', whole(node.rows));
  if (node.access) add('Changes', perSecond(rate(node.id)));
  if (node.state?.progress) add('Filling', `${Math.floor(node.state.progress.ratio * 100)} %`);
  if (list.children.length !== facts.length) {
    list.replaceChildren(...facts.map(([name]) => element('div', {}, element('dt', {}, name), element('dd', {}))));
  }
  facts.forEach(([name, text], at) => {
    write(list.children[at].firstChild, name);
    write(list.children[at].lastChild, text);
  });
}

function columnsTable(node) {
  const rows = node.columns.map(({ name, type }) =>
    element('tr', {}, element('th', { scope: 'row' }, name), element('td', {}, type)),
  );
  return element('table', { class: 'plain', 'aria-label': 'Columns' }, element('tbody', {}, rows));
}

function indexList(indexes) {
  if (!indexes.length) return null;
  const items = indexes.map((index) =>
    element(
      'li',
      {},
      index.kind === 'search' ? 'full-text: ' : '',
      element('code', {}, orderText(index)),
      index.limit ? ` the first ${whole(index.limit)} of each ${index.columns[0].name}` : '',
      element('small', {}, ` ${index.name}`),
    ),
  );
  return element('ul', { class: 'index-list' }, items);
}
