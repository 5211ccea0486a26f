// The search box: finds sources, tables, views, indexes, topics and columns by name, and leads to what full-text indexes find.

import { byId, element, write } from './dom.js';
import { PARTS, linkTo, orderText } from './graph.js';
import { hitsLink } from './hits.js';
import { live } from './live.js';

const FOUND_MAX = 12;

/** Makes the box work. */
export function startSearch() {
  const [form, box, found] = [byId('search'), byId('query'), byId('found')];
  const close = () => (found.hidden = true);
  const links = () => [...found.querySelectorAll('a')];
  box.addEventListener('input', () => show(box.value, found));
  box.addEventListener('focus', () => show(box.value, found));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    links()[0]?.click();
  });
  form.addEventListener('keydown', (event) => {
    const places = [box, ...links()];
    const at = places.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape') return (close(), box.focus(), close());
    if (!step || at < 0 || found.hidden) return;
    event.preventDefault();
    places[Math.min(Math.max(at + step, 0), places.length - 1)].focus();
  });
  found.addEventListener('click', (event) => {
    if (!event.target.closest('a')) return;
    box.value = '';
    close();
  });
  document.addEventListener('focusin', (event) => form.contains(event.target) || close());
  document.addEventListener('pointerdown', (event) => form.contains(event.target) || close());
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.target.closest('input, select, textarea, dialog')) return;
    event.preventDefault();
    box.focus();
  });
}

function show(text, found) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  found.hidden = words.length === 0;
  if (found.hidden) return write(byId('found-count'), '');
  const matches = find(words);
  write(byId('found-count'), matches.length === 1 ? '1 is found' : `${matches.length} are found`);
  const items = matches
    .slice(0, FOUND_MAX)
    .map(({ node, why }) =>
      element(
        'li',
        {},
        element(
          'a',
          { href: linkTo(node.of ?? node.id) },
          element('span', { class: `kind ${node.kind}` }, node.kind),
          element('strong', {}, node.name),
          why ? element('small', {}, why) : null,
        ),
      ),
    );
  const inRows = (live.topology?.nodes ?? [])
    .filter((node) => node.kind === 'search')
    .map((index) =>
      element(
        'li',
        {},
        element(
          'a',
          { href: hitsLink(index, text.trim()) },
          element('span', { class: 'kind search' }, 'rows'),
          element('span', {}, `“${text.trim()}” in `, element('strong', {}, index.name)),
        ),
      ),
    );
  const none = element('p', { class: 'nothing' }, `Nothing is named like “${text.trim()}”.`);
  found.replaceChildren(
    items.length ? element('ul', {}, items) : none,
    inRows.length ? element('ul', { class: 'in-rows' }, inRows) : '',
  );
}

/** Nodes in which every word occurs: those with all of them in the name first. */
function find(words) {
  const matches = [];
  for (const node of live.topology?.nodes ?? []) {
    const columns = node.columns.map(({ name }) => name);
    const texts = PARTS.includes(node.kind) ? [node.name] : [node.name, node.topic ?? '', ...columns];
    if (!words.every((word) => texts.some((text) => text.toLowerCase().includes(word)))) continue;
    const named = words.every((word) => node.name.toLowerCase().includes(word));
    const hit = columns.filter((name) => words.some((word) => name.toLowerCase().includes(word)));
    const why = PARTS.includes(node.kind)
      ? orderText(node)
      : named
        ? (node.topic ?? '')
        : node.topic && !hit.length
          ? node.topic
          : `has ${hit.join(', ')}`;
    matches.push({
      node,
      why,
      rank: (node.name.toLowerCase().startsWith(words[0]) ? 0 : named ? 1 : 2) + (PARTS.includes(node.kind) ? 3 : 0),
    });
  }
  return matches.sort((a, b) => a.rank - b.rank || a.node.name.length - b.node.name.length);
}
