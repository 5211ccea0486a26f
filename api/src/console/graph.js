// The topology as a picture: a card for each source, table and view, its indexes within, and lines along which rows flow.
//
// Every card is a link to the page of its relation. Pointing at one, or focusing it, shows what it comes from and what comes of it.

import { drawSpark, drawn, element, perSecond, short, write } from './dom.js';
import { layout } from './layout.js';
import { live, rate, rates } from './live.js';

const CARD = { head: 46, index: 17, foot: 7, left: 14, right: 12, spark: 50, widthMin: 186, widthMax: 236 };
/** A source is behind when more than this many seconds of its events, and more than so many, are not visible. */
const BEHIND = { seconds: 2, records: 100 };
const MARGIN = 16;
const ZOOM = { min: 0.15, max: 1.6, step: 1.2, readable: 0.66 };
const FONT = { name: '600 13px system-ui, sans-serif', small: '11.5px system-ui, sans-serif' };
/** Right or left, low or high: from the one that is liked best. */
const CORNERS = [
  [1, 0],
  [1, 1],
  [0, 1],
  [0, 0],
];
const KINDS = ['source', 'table', 'view', 'index', 'search', 'sink'];
/** What is drawn within the card of its relation. */
export const PARTS = ['index', 'search'];

/** Lines in order, and a magnifying glass. */
const MARKS = { index: 'M0,2.5h9M0,6h6.5M0,9.5h4', search: 'M6.5,7.5l3,3M4,1.5a3.5,3.5 0 1 1 -0.01,0z' };
const ruler = document.createElement('canvas').getContext('2d');

/** The width of a text in a font. */
function widthOf(text, font) {
  ruler.font = font;
  return ruler.measureText(text).width;
}

/** A text that fits. */
function fitting(text, font, width) {
  if (widthOf(text, font) <= width) return text;
  let end = text.length;
  while (end > 1 && widthOf(`${text.slice(0, end)}…`, font) > width) end -= 1;
  return `${text.slice(0, end)}…`;
}

/** What an index orders by, as people write it. */
export function orderText(index) {
  return index.columns.map((column) => `${column.name}${column.descending ? ' ↓' : ''}`).join(', ');
}

/** Where the page of a relation is. */
export function linkTo(id) {
  return `#/relations/${encodeURIComponent(id)}`;
}

/** The nodes that a node comes from and that come of it, itself included. */
export function kin(topology, id) {
  const reach = (from, to) => {
    const found = new Set([id]);
    for (const one of found) for (const edge of topology.edges) if (edge[from] === one) found.add(edge[to]);
    return found;
  };
  return new Set([...reach('to', 'from'), ...reach('from', 'to')]);
}

/**
 * The picture of `topology`, or of the nodes in `only`, as {view, update}: an element, and what writes its figures again. The card of
 * the node `focus` stands out. `room` is the width that the picture may have on the page.
 */
export function graph(topology, { only = null, focus = null, room } = {}) {
  const wanted = topology.nodes.filter((node) => !only || only.has(node.of ?? node.id));
  const relations = wanted.filter((node) => !PARTS.includes(node.kind));
  const indexes = Map.groupBy(
    wanted.filter((node) => PARTS.includes(node.kind)),
    (node) => node.of,
  );
  const boxes = relations.map((node) => boxOf(node, indexes.get(node.id) ?? []));
  const { width, height, places, lines } = layout(boxes, topology.edges, roomOf(room));
  const paths = lines.map((line) => ({ ...line, drawing: drawn('path', { class: 'line', d: line.path }) }));
  const cards = relations.map((node) => card(node, indexes.get(node.id) ?? [], places.get(node.id), node.id === focus));
  const size = { width: width + 2 * MARGIN, height: height + 2 * MARGIN };
  const svg = drawn(
    'svg',
    { class: 'graph', viewBox: `${-MARGIN} ${-MARGIN} ${size.width} ${size.height}`, role: 'group', 'aria-label': 'Topology' },
    drawn(
      'g',
      {},
      paths.map((path) => path.drawing),
    ),
    drawn(
      'g',
      {},
      cards.map((card) => card.link),
    ),
  );
  const detail = element('div', { class: 'detail', hidden: true });
  const frame = element('div', { class: 'frame', tabindex: '-1' }, svg);
  const zoom = zooming(frame, svg, size);
  const view = element('div', { class: 'picture' }, toolbar(wanted, zoom), element('div', { class: 'stage' }, frame, detail));
  attend({ topology, svg, cards, paths, detail, frame });
  return { view, update: () => cards.forEach(update) };
}

/** The width that cards without a line may take: where there is little room, as much as can still be read when it is made smaller. */
function roomOf(room) {
  if (room === undefined) return undefined;
  const inside = room - 2 * MARGIN;
  return inside < 3 * CARD.widthMax ? inside / ZOOM.readable : inside;
}

function boxOf(node, indexes) {
  const texts = [
    widthOf(node.name, FONT.name) + CARD.left + CARD.right,
    ...indexes.map((index) => widthOf(orderText(index), FONT.small) + 38),
  ];
  const width = Math.min(Math.max(CARD.widthMin, ...texts), CARD.widthMax);
  return {
    id: node.id,
    width: Math.ceil(width),
    height: CARD.head + indexes.length * CARD.index + (indexes.length ? CARD.foot : 0),
  };
}

function card(node, indexes, place, focused) {
  const { x, y, width, height } = place;
  const figure = drawn('text', { class: 'small', x: CARD.left, y: 35 });
  const spark = drawn('svg', {
    class: 'spark',
    x: width - CARD.spark - 10,
    y: 24,
    width: CARD.spark,
    height: 15,
    viewBox: '0 0 96 24',
    preserveAspectRatio: 'none',
  });
  const link = drawn(
    'a',
    {
      class: `card ${node.kind}${focused ? ' focused' : ''}`,
      href: linkTo(node.id),
      transform: `translate(${x},${y})`,
      'data-id': node.id,
      'data-access': node.access ?? 'none',
      'aria-label': label(node, indexes),
    },
    drawn('rect', { class: 'body', width, height, rx: 9 }),
    drawn('path', { class: 'stripe', d: `M9,0.5H5a4.5,4.5 0 0 0 -4.5,4.5V${height - 5}a4.5,4.5 0 0 0 4.5,4.5H9z` }),
    drawn('text', { class: 'name', x: CARD.left, y: 18.5 }, fitting(node.name, FONT.name, width - CARD.left - CARD.right)),
    figure,
    spark,
    indexes.map((index, at) =>
      drawn(
        'g',
        { class: 'index', transform: `translate(${CARD.left},${CARD.head + at * CARD.index})` },
        drawn('path', { class: 'mark', d: MARKS[index.kind] }),
        drawn('text', { class: 'small', x: 15, y: 10 }, fitting(orderText(index), FONT.small, width - 38)),
      ),
    ),
  );
  const drawing = { node, link, figure, spark, place };
  update(drawing);
  return drawing;
}

function label(node, indexes) {
  const by = indexes.length ? `, indexed by ${indexes.map(orderText).join('; ')}` : '';
  return `${node.kind} ${node.name}${node.topic ? `, topic ${node.topic}` : ''}${by}`;
}

/** Writes the figures of a card. */
function update({ node: { id }, figure, spark, link, place }) {
  const node = live.nodes.get(id);
  if (!node) return;
  const [now, history] = [rate(id), rates(id)];
  const room = place.width - CARD.left - CARD.right - (history.length > 1 ? CARD.spark : 0);
  write(figure, fitting(figureText(node, now), FONT.small, room));
  drawSpark(spark, history);
  link.classList.toggle('behind', isBehind(node.lag, now));
}

/** Whether a number of records is more than what is on its way in any case. */
export function isBehind(lag, now) {
  return (lag ?? 0) > Math.max(BEHIND.records, BEHIND.seconds * (now ?? 0));
}

/** One line about what happens at a node. */
export function figureText(node, now) {
  if (node.kind === 'source') return `${perSecond(now)}${isBehind(node.lag, now) ? ` · ${short(node.lag)} behind` : ''}`;
  if (node.kind === 'sink') return node.target;
  if (node.state?.progress) return `filling, ${Math.floor(node.state.progress.ratio * 100)} %`;
  if (!node.access) return node.kind === 'table' ? `key ${node.key.join(', ')}` : 'not served';
  const rows = node.rows === null || node.rows === undefined ? 'rows of their owners' : `${short(node.rows)} rows`;
  return now ? `${rows} · ${perSecond(now)}` : rows;
}

/** Lights up what belongs to the card that is pointed at or focused, and says what it is. */
function attend({ topology, svg, cards, paths, detail, frame }) {
  const byNode = new Map(cards.map((card) => [card.node.id, card]));
  let shown = null;
  const show = (card) => {
    if (card === shown) return;
    shown = card;
    const lit = card ? kin(topology, card.node.id) : null;
    svg.classList.toggle('attentive', Boolean(card));
    cards.forEach(({ node, link }) => link.classList.toggle('lit', Boolean(lit?.has(node.id))));
    paths.forEach(({ from, to, drawing }) => drawing.classList.toggle('lit', Boolean(lit?.has(from) && lit.has(to))));
    detail.hidden = !card;
    if (!card) return;
    detail.replaceChildren(...about(live.nodes.get(card.node.id) ?? card.node, topology));
    const inTheWay = cards.filter(({ node }) => lit.has(node.id)).map(({ link }) => link.getBoundingClientRect());
    moveAside(detail, frame, inTheWay);
  };
  const of = (event) => byNode.get(event.target.closest?.('a.card')?.dataset.id) ?? null;
  // Where the mouse points at nothing, the card that is focused stays shown: it may have been scrolled under the mouse.
  const focused = () => byNode.get(document.activeElement?.closest?.('a.card')?.dataset.id) ?? null;
  svg.addEventListener('pointerover', (event) => event.pointerType === 'mouse' && show(of(event) ?? focused()));
  svg.addEventListener('pointerleave', () => show(focused()));
  svg.addEventListener('focusin', (event) => show(of(event)));
  svg.addEventListener('focusout', () => show(null));
}

/** Puts the detail into the corner of the frame where it hides least. */
function moveAside(detail, frame, boxes) {
  const { left, top, width, height } = frame.getBoundingClientRect();
  const [wide, high] = [detail.offsetWidth + 24, detail.offsetHeight + 24];
  const overlap = (box, x, y) =>
    Math.max(0, Math.min(box.right, x + wide) - Math.max(box.left, x)) *
    Math.max(0, Math.min(box.bottom, y + high) - Math.max(box.top, y));
  const hidden = ([x, y]) =>
    boxes.reduce((sum, box) => sum + overlap(box, x ? left + width - wide : left, y ? top + height - high : top), 0);
  const [x, y] = CORNERS.reduce((best, corner) => (hidden(corner) < hidden(best) ? corner : best));
  detail.classList.toggle('left', !x);
  detail.classList.toggle('low', Boolean(y));
}

/** What is known of a node, in short. */
function about(node, topology) {
  const reads = topology.edges.filter((edge) => edge.to === node.id).map((edge) => edge.from);
  const columns = node.columns
    .slice(0, 12)
    .map((column) => element('li', {}, element('span', {}, column.name), ' ', element('small', {}, column.type)));
  const more = node.columns.length - 12;
  return [
    element('p', { class: `kind ${node.kind}` }, node.kind === 'view' && !node.materialized ? 'view, not kept' : node.kind),
    element('h3', {}, node.name),
    element(
      'p',
      {},
      node.topic ? `topic ${node.topic}` : reads.length ? `from ${reads.join(', ')}` : 'from nothing that is shown',
    ),
    element('p', {}, figureText(node, rate(node.id)), node.access ? ` · ${accessText(node)}` : ''),
    element('ul', { class: 'columns' }, columns),
    more > 0 ? element('p', {}, `and ${more} more`) : null,
  ].filter(Boolean);
}

/** Who may read. */
export function accessText(node) {
  return (
    { public: 'everyone reads it', policy: 'a policy decides who reads what', denied: 'nobody reads it' }[node.access] ??
    'not served'
  );
}

function toolbar(nodes, zoom) {
  const kinds = KINDS.map((kind) => [kind, nodes.filter((node) => node.kind === kind).length]).filter(([, number]) => number);
  const plural = { index: 'indexes', search: 'full-text indexes' };
  const one = { search: 'full-text index' };
  const legend = kinds.map(([kind, number]) =>
    element('li', { class: kind }, `${number} ${number === 1 ? (one[kind] ?? kind) : (plural[kind] ?? `${kind}s`)}`),
  );
  const button = (text, name, act) =>
    element('button', { type: 'button', class: 'quiet', 'aria-label': name, title: name, click: act }, text);
  return element(
    'div',
    { class: 'toolbar' },
    element('ul', { class: 'legend' }, legend),
    element(
      'div',
      { class: 'zoom', role: 'group', 'aria-label': 'Size of the picture' },
      button('−', 'Smaller', zoom.out),
      button('Fit', 'Fit the width', zoom.fit),
      button('+', 'Larger', zoom.in),
    ),
  );
}

/** The size of the picture: at first as wide as the frame, if it can be read then. */
function zooming(frame, svg, size) {
  let scale = 1;
  const set = (wish) => {
    const next = Math.min(Math.max(wish, ZOOM.min), ZOOM.max);
    const [x, y] = [(frame.scrollLeft + frame.clientWidth / 2) / scale, frame.scrollTop / scale];
    scale = next;
    svg.setAttribute('width', Math.round(size.width * scale));
    svg.setAttribute('height', Math.round(size.height * scale));
    frame.scrollTo(x * scale - frame.clientWidth / 2, y * scale);
  };
  const fit = () => set(Math.min((frame.clientWidth || size.width) / size.width, 1));
  set(1);
  new ResizeObserver((entries, observer) => {
    observer.disconnect();
    set(Math.max(Math.min(frame.clientWidth / size.width, 1), ZOOM.readable));
    frame.scrollTo(0, 0);
  }).observe(frame);
  return { fit, in: () => set(scale * ZOOM.step), out: () => set(scale / ZOOM.step) };
}
