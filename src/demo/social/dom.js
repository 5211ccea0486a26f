// Elements and texts of the page. Text enters as text only: nothing here reads markup, and the browser is told to refuse it.

const SVG = 'http://www.w3.org/2000/svg';
const TONES = 8;
const UNITS = [
  [31_536_000, 'y'],
  [604_800, 'w'],
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
];
const TOAST_MS = 6_000;

/** An HTML element; attributes with the value `null` or `false` are left out, functions become listeners. */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** A picture of one path, drawn in the colour of the text around it. */
export function icon(path) {
  const line = fill(document.createElementNS(SVG, 'path'), { d: path }, []);
  return fill(document.createElementNS(SVG, 'svg'), { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, [line]);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
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

/** 12.3k */
export function short(number) {
  const count = Number(number);
  if (count < 10_000) return whole(count);
  if (count < 1_000_000) return `${(count / 1_000).toFixed(count < 100_000 ? 1 : 0)}k`;
  return `${(count / 1_000_000).toFixed(1)}M`;
}

/** "1 post", "2 posts" */
export function counted(number, word) {
  return `${whole(number)} ${word}${Number(number) === 1 ? '' : 's'}`;
}

/** A time of the API as a text that sorts: microseconds are written out. */
export function sortable(time) {
  return time.replace(/(?:\.(\d+))?(?:Z|\+00:00)$/, (_, part = '') => `.${part.padEnd(6, '0')}`);
}

/** How long ago a time is, in an element that says the time itself too. */
export function ago(time) {
  const node = element('time', { datetime: time, title: new Date(time).toLocaleString() });
  write(node, agoText(time));
  return node;
}

function agoText(time) {
  const seconds = (Date.now() - Date.parse(time)) / 1_000;
  for (const [unit, name] of UNITS) if (seconds >= unit) return `${Math.floor(seconds / unit)} ${name}`;
  return 'now';
}

setInterval(() => document.querySelectorAll('time').forEach((node) => write(node, agoText(node.dateTime))), 20_000);

/** Two letters of a name; of one that ends with a number, its last digits. */
function initials(name) {
  const digits = /\d{1,3}$/.exec(name.trim());
  if (digits) return digits[0];
  const letters = name.split(/\s+/).map((part) => [...part][0] ?? '');
  return letters.length > 1 ? letters[0] + letters.at(-1) : letters.join('');
}

/** A round sign for a person; the name is beside it, so it says nothing to those who listen. */
export function avatar(id, name) {
  const tone = Number(BigInt(id) % BigInt(TONES));
  const text = initials(name);
  return element('span', { class: `avatar tone-${tone}`, 'aria-hidden': 'true' }, text.toUpperCase());
}

/** A short message at the edge of the page, perhaps with a link or a button. */
export function toast(text, ...more) {
  const note = element('div', { class: 'toast' }, element('span', {}, text), more);
  byId('toasts').append(note);
  setTimeout(() => note.remove(), TOAST_MS);
}

/** What is shown in place of rows: nothing yet, nothing at all, or what went wrong. */
export function state(title, text, ...more) {
  return element('div', { class: 'state' }, element('h2', {}, title), text && element('p', {}, text), more);
}

/** What went wrong, in the words of the server, and a way to try again. */
export function problemState(problem, again) {
  const button = again && element('button', { type: 'button', class: 'quiet', click: again }, 'Try again');
  return element(
    'div',
    { class: 'state bad', role: 'alert' },
    element('h2', {}, problem.title ?? 'This page made a mistake'),
    element('p', {}, problem.message),
    button,
  );
}

/** Grey lines in place of what is being read. */
export function waiting(count = 3) {
  const one = () => element('div', { class: 'ghost' }, element('span', {}), element('span', {}), element('span', {}));
  return element(
    'div',
    { class: 'ghosts' },
    element('p', { class: 'unseen', role: 'status' }, 'Reading …'),
    Array.from({ length: count }, one),
  );
}
