// The page to try the API: its operations in groups, as /openapi.json has them, and the token, which is kept in this page's memory alone.

import { byId, element, problemNotice, write } from './dom.js';
import { marked, operationPage } from './docs_operation.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const TIMEOUT_MS = 65_000;

const main = byId('main');
let token = null;
let shown = { operations: [], components: {} };
let page = null;

/** The operations of a document, in its order of paths. */
function operationsOf(document) {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ ...item[method], path, method })),
  );
}

/** Reads the document as whoever has the token, and shows it. */
async function load() {
  const headers = new Headers({ Accept: 'application/json' });
  try {
    if (token) headers.set('Authorization', `Bearer ${token}`);
    const response = await fetch('openapi.json', { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const body = await response.json();
    if (!response.ok) throw Object.assign(new Error(body.detail ?? 'the server did not say why'), { title: body.title });
    shown = { operations: operationsOf(body), components: body.components, tags: body.tags, info: body.info };
    write(byId('token-state'), token ? 'in use' : '');
    list();
    show();
  } catch (error) {
    shown = { operations: [], components: {} };
    list();
    main.replaceChildren(problemNotice({ title: error.title ?? 'no document', message: error.message }));
  }
}

/** Lists the operations that the filter lets through, in groups. */
function list() {
  const words = byId('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
  const isWanted = ({ method, path, summary }) => {
    const text = `${method} ${path} ${summary}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const wanted = shown.operations.filter(isWanted);
  const groups = (shown.tags ?? []).map(({ name }) => [name, wanted.filter((operation) => operation.tags[0] === name)]);
  const group = ([name, operations]) =>
    element('details', { open: true }, element('summary', {}, name), element('ul', {}, operations.map(entry)));
  const nothing = element('p', { class: 'nothing' }, 'Nothing is called so.');
  const filled = groups.filter(([, operations]) => operations.length).map(group);
  byId('groups').replaceChildren(...(filled.length ? filled : [nothing]));
  mark();
}

function entry({ method, path, operationId, summary }) {
  const link = element(
    'a',
    { href: `#/${encodeURIComponent(operationId)}`, 'data-id': operationId, title: summary },
    element('span', { class: `method ${method}` }, method),
    element('span', {}, path),
  );
  return element('li', {}, link);
}

/** The id of the operation in the address. */
function chosen() {
  try {
    return decodeURIComponent(location.hash.replace(/^#\/?/, ''));
  } catch {
    return '';
  }
}

function mark() {
  for (const link of byId('groups').querySelectorAll('a')) {
    if (link.dataset.id === chosen()) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

/** Shows the operation of the address, or what the document says of itself. */
function show() {
  page?.release();
  page = null;
  const operation = shown.operations.find(({ operationId }) => operationId === chosen());
  mark();
  if (operation) {
    page = operationPage(operation, shown.components, () => token);
    main.replaceChildren(page.view);
    document.title = `${operation.summary} · Tidewater`;
  } else {
    document.title = 'API · Tidewater';
    const { title, version, description } = shown.info ?? { title: 'API', version: '', description: '' };
    const about = element('p', { class: 'about-operation' }, marked(description));
    main.replaceChildren(element('h1', {}, `${title} ${version}`), about);
  }
}

byId('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = byId('token').value.trim().replace(/^authorization:\s*/i, '').replace(/^bearer\s+/i, '').trim();
  token = text || null;
  load();
});
byId('filter').addEventListener('input', list);
byId('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener('hashchange', () => {
  show();
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
});
load();
