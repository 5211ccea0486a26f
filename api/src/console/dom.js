// Elements and texts of the page. Text enters as text only: nothing here reads markup, and the browser is told to refuse it.

const SVG = 'http://www.w3.org/2000/svg';
const SPARK = { width: 96, height: 24 };

/** An HTML element; `attributes` with the value `null` or `false` are left out, functions become listeners. */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function drawn(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** The element with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Writes a text where it differs, so that nothing is drawn or read out again without need. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** 12,345 */
export function whole(number) {
  return Number(number).toLocaleString('en-US');
}

/** 12.3k, short enough for a card. */
export function short(number) {
  if (number < 10_000) return whole(Math.round(number));
  if (number < 1_000_000) return `${(number / 1_000).toFixed(number < 100_000 ? 1 : 0)}k`;
  return `${(number / 1_000_000).toFixed(number < 100_000_000 ? 1 : 0)}M`;
}

/** A number of something per second. */
export function perSecond(rate) {
  if (rate === null || rate === undefined) return '–';
  if (rate > 0 && rate < 0.1) return '<0.1/s';
  return `${rate < 10 ? Number(rate.toFixed(1)) : short(rate)}/s`;
}

/** "1 row", "2 rows" */
export function counted(number, word) {
  return `${whole(number)} ${word}${number === 1 ? '' : 's'}`;
}

/** Points of a line through the last values, within a box. */
export function sparkPoints(values, width = SPARK.width, height = SPARK.height) {
  const top = Math.max(...values, 1e-9);
  const step = width / Math.max(values.length - 1, 1);
  const y = (value) => (height - 1.5 - (value / top) * (height - 3)).toFixed(1);
  return values.map((value, at) => `${(at * step).toFixed(1)},${y(value)}`).join(' ');
}

/** Draws a small line with the area below it. */
export function drawSpark(svg, values) {
  if (values.length < 2) return;
  if (!svg.firstChild) svg.append(drawn('polygon', {}), drawn('polyline', {}));
  const points = sparkPoints(values);
  svg.firstChild.setAttribute('points', `0,${SPARK.height} ${points} ${SPARK.width},${SPARK.height}`);
  svg.lastChild.setAttribute('points', points);
}

/** A notice about something that went wrong, with what the server said. */
export function problemNotice(problem, ...more) {
  const fields = problem.indexes?.length ? element('p', {}, `Its indexes: ${problem.indexes.join('; ')}`) : null;
  return element(
    'div',
    { class: 'notice bad', role: 'alert' },
    element('strong', {}, problem.title),
    element('p', {}, problem.message),
    fields,
    ...more,
  );
}
