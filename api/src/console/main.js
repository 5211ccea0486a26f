// The frame of the page: which part of it is shown, the figures above it, and the token.

import { keepToken, token } from './api.js';
import { byId, counted, drawSpark, element, perSecond, problemNotice, short, whole, write } from './dom.js';
import { graph, isBehind } from './graph.js';
import { hitsPage } from './hits.js';
import { lettersPage } from './letters.js';
import { follow, live, rate, rates, refresh } from './live.js';
import { relationPage } from './relation.js';
import { startSearch } from './search.js';

const STATES = { ready: 'current', catching_up: 'catching up', stalled: 'stalled', halted: 'halted' };

/** The edge of the picture, in pixels. */
const BORDER = 1;

const main = byId('main');
let page = null;
let place = null;

/** `#/relations/posts?limit=20` as {name, id, query}. */
function address() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const [name, id] = path.split('/');
  return { name: name || 'topology', id: decodeText(id ?? ''), query: new URLSearchParams(query) };
}

function decodeText(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Goes to another query of the same page. */
function go(query) {
  const [path] = location.hash.split('?');
  const target = `${path || '#/'}${query.size ? `?${query}` : ''}`;
  if (target === location.hash) show();
  else location.hash = target;
}

/** Shows what the address says; without a topology only what stands in the way. */
function show() {
  if (!live.topology) return;
  const { name, id, query } = address();
  page?.release?.();
  page = pageOf(name, id, query);
  main.replaceChildren(page.view);
  const current = name === 'dead-letters' ? 'letters' : name === 'topology' ? 'topology' : null;
  for (const link of document.querySelectorAll('nav a')) {
    if (link.dataset.page === current) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `${{ topology: 'Topology', 'dead-letters': 'Dead letters' }[name] ?? id} · Tidewater`;
  const next = `${name}/${id}`;
  if (place !== null && place !== next) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  place = next;
}

function pageOf(name, id, query) {
  const actions = { go, askToken: openToken, changed: () => refresh() };
  if (name === 'relations') return relationPage(id, query, actions);
  if (name === 'search') return searchPage(id, query, actions);
  if (name === 'dead-letters') return live.topology.complete ? lettersPage(query, actions) : operatorsOnly();
  return topologyPage();
}

function searchPage(name, query, actions) {
  const index = live.topology.nodes.find((node) => node.kind === 'search' && node.name === name);
  return index ? hitsPage(index, query, actions) : relationPage(name, query, actions);
}

function topologyPage() {
  const { paddingLeft, paddingRight } = getComputedStyle(main);
  const room = main.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight) - 2 * BORDER;
  const picture = graph(live.topology, { room });
  const help = live.topology.complete
    ? null
    : element(
        'div',
        { class: 'notice' },
        element('p', {}, 'This is what is public. The whole topology, its rate and its lag are for operators.'),
        element('button', { type: 'button', class: 'quiet', click: openToken }, 'Paste a token'),
      );
  const empty = live.topology.nodes.length ? null : element('p', { class: 'nothing' }, 'Nothing is public here.');
  const view = element(
    'section',
    { 'aria-label': 'Topology' },
    element('h1', { class: 'unseen' }, 'Topology'),
    help,
    empty ?? picture.view,
  );
  return { view, update: picture.update };
}

function operatorsOnly() {
  const button = element('button', { type: 'button', class: 'quiet', click: openToken }, 'Paste a token');
  return {
    view: element(
      'div',
      { class: 'notice' },
      element('strong', {}, 'Dead letters are for operators'),
      element('p', {}, 'Bodies of events may hold anything: a token with the scope “operator” shows them.'),
      button,
    ),
  };
}

/** Writes the figures that are above every page. */
function showFigures() {
  const { status, topology, problem } = live;
  const state = byId('state');
  state.dataset.state = problem ? 'lost' : status ? status.readiness : 'public';
  write(
    state,
    problem ? 'no answer' : status ? `${STATES[status.readiness] ?? status.readiness}${filling(status)}` : 'public view',
  );
  write(byId('rate'), perSecond(rate('')).replace('/s', ''));
  drawSpark(byId('rate-line'), rates(''));
  write(byId('lag'), status ? whole(live.lag) : '–');
  byId('lag').classList.toggle('behind', Boolean(status) && isBehind(live.lag, rate('')));
  // Who is no operator has no such figures: better none than dashes.
  document.querySelectorAll('.figure.live').forEach((figure) => (figure.hidden = topology?.complete === false));
  const rows = topology?.nodes.reduce((sum, node) => sum + (node.rows ?? 0), 0);
  write(byId('rows'), topology ? short(rows) : '–');
  const epoch = status?.epoch ?? parsedEpoch(topology?.position);
  write(byId('epoch'), epoch === null ? '–' : whole(epoch));
  const letters = status?.dead_letters ?? 0;
  byId('letters-count').hidden = letters === 0;
  write(byId('letters-count'), short(letters));
  write(byId('token-open'), token() ? 'Token in use' : 'Token');
}

function filling(status) {
  const open = status.views.filter((view) => view.progress);
  return open.length ? `, ${counted(open.length, 'view')} filling` : '';
}

/** The epoch of a position such as "2a:17". */
function parsedEpoch(position) {
  const text = position?.split(':')[1];
  return text ? Number(text) : null;
}

function showAlerts() {
  const { status, problem } = live;
  const alerts = [];
  if (problem) alerts.push(['no newer figures', problem]);
  if (status?.stalled) alerts.push(['stalled', { title: 'The views are not kept current for now', message: status.stalled }]);
  status?.halted.forEach((halted) =>
    alerts.push(['halted', { title: `${halted.source} is halted`, message: `${halted.reason}. What to do: ${halted.action}.` }]),
  );
  const box = byId('alerts');
  const text = JSON.stringify(alerts.map(([name, { message }]) => [name, message]));
  if (box.dataset.shown === text) return;
  box.dataset.shown = text;
  const token =
    problem?.status === 401 ? element('button', { type: 'button', class: 'quiet', click: openToken }, 'Change the token') : null;
  box.replaceChildren(...alerts.map(([, alert]) => problemNotice(alert, token)));
}

function openToken() {
  byId('token').value = '';
  byId('token-forget').hidden = !token();
  byId('token-dialog').showModal();
}

function startToken() {
  const dialog = byId('token-dialog');
  const use = (text) => {
    keepToken(text);
    dialog.close();
    live.topology = null;
    refresh(true);
  };
  byId('token-open').addEventListener('click', openToken);
  byId('token-close').addEventListener('click', () => dialog.close());
  byId('token-forget').addEventListener('click', () => use(''));
  byId('token-form').addEventListener('submit', (event) => {
    event.preventDefault();
    use(byId('token').value);
  });
}

follow((changed) => {
  showFigures();
  showAlerts();
  if (changed || !page) show();
  page?.update?.();
});
byId('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener('hashchange', show);
startToken();
startSearch();
refresh();
