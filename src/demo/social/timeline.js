// Posts, newest first, without an end: pages by cursor as somebody scrolls, and everything that is shown followed, so that what comes, goes or
// is taken back does so here too.

import { get } from './api.js';
import { element, problemState, sortable, state, waiting } from './dom.js';
import { follow } from './live.js';
import { postCard, releaseCards } from './posts.js';

const PAGE_ROWS = 20;
/** Pixels below the top from which on new posts wait for a click instead of moving what is being read. */
const READING_FROM = 240;

/** A list of the posts of `view` for `conditions` as {view, release}. `empty` is shown where there is none. */
export function timeline(view, conditions, empty) {
  const list = element('div', { class: 'posts', 'aria-busy': 'true' });
  const fresh = element('button', { type: 'button', class: 'fresh', hidden: true });
  const more = element('button', { type: 'button', class: 'quiet more', hidden: true }, 'Show more');
  const place = element('div', { class: 'place' }, waiting());
  const parts = { view, conditions, empty, list, fresh, more, place };
  const shown = { rows: new Map(), held: new Set(), next: null, since: null };
  const it = { ...parts, ...shown, isReading: false, isOver: false, end: () => {}, lookForMore: () => {} };
  fresh.addEventListener('click', () => {
    it.held.clear();
    show(it);
    scrollTo({ top: 0 });
    list.firstElementChild?.querySelector('a')?.focus({ preventScroll: true });
  });
  more.addEventListener('click', () => read(it));
  const watcher = new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && read(it), {
    rootMargin: '800px 0px',
  });
  // It tells of changes alone: the button may be in sight still, or again, when a page is there.
  it.lookForMore = () => {
    watcher.unobserve(more);
    watcher.observe(more);
  };
  read(it);
  const release = () => {
    it.isOver = true;
    it.end();
    watcher.disconnect();
    releaseCards(list);
  };
  return { view: element('div', { class: 'timeline' }, fresh, place, list, more), release };
}

/** Reads the first page, or the next one, and follows all that is shown then. */
async function read(it) {
  if (it.isReading || it.isOver || (it.since !== null && !it.next)) return;
  it.isReading = true;
  it.more.disabled = true;
  let hasRead = false;
  try {
    const query = new URLSearchParams({ ...it.conditions, limit: PAGE_ROWS });
    if (it.next) query.set('cursor', it.next);
    const page = await get(`v1/views/${it.view}?${query}`);
    if (it.isOver) return;
    page.rows.forEach((row) => it.rows.set(row.post_id, row));
    it.next = page.next ?? null;
    it.since = it.next ? page.rows.at(-1).created_at : '';
    followFrom(it);
    it.place.replaceChildren();
    show(it);
    hasRead = true;
  } catch (problem) {
    if (!it.isOver) it.place.replaceChildren(problemState(problem, () => read(it)));
  } finally {
    it.isReading = false;
    it.more.disabled = false;
    it.more.hidden = !it.next;
    if (hasRead && it.next && !it.isOver) it.lookForMore();
  }
}

/** Follows the rows down to the last one that was read; without an end when there are no older ones. */
function followFrom(it) {
  it.end();
  const conditions = it.since ? { ...it.conditions, created_at: `gte.${it.since}` } : it.conditions;
  const changed = (found) => {
    const known = it.rows;
    it.rows = new Map(found.map((row) => [row.post_id, row]));
    const isAway = scrollY > READING_FROM && it.list.childElementCount > 0;
    if (isAway) found.filter(({ post_id: id }) => !known.has(id)).forEach(({ post_id: id }) => it.held.add(id));
    show(it);
  };
  const failed = (problem) => it.place.replaceChildren(problemState(problem, () => followFrom(it)));
  it.end = follow(it.view, conditions, ['post_id'], changed, failed);
}

function newestFirst(one, other) {
  const [a, b] = [sortable(one.created_at), sortable(other.created_at)];
  if (a !== b) return a < b ? 1 : -1;
  return BigInt(one.post_id) < BigInt(other.post_id) ? 1 : -1;
}

/** Puts the cards in order, and takes away those that are gone. */
function show(it) {
  it.held.forEach((id) => it.rows.has(id) || it.held.delete(id));
  const rows = [...it.rows.values()].filter(({ post_id: id }) => !it.held.has(id)).sort(newestFirst);
  arrange(
    it.list,
    rows.map(({ post_id: id }) => id),
  );
  it.list.setAttribute('aria-busy', 'false');
  it.fresh.hidden = it.held.size === 0;
  it.fresh.textContent = it.held.size === 1 ? '1 new post' : `${it.held.size} new posts`;
  if (rows.length > 0) it.place.replaceChildren();
  else if (it.held.size === 0) it.place.replaceChildren(state(...it.empty()));
}

/** Makes the cards in a list those of these posts, in this order; cards that stay are not made again. */
export function arrange(list, ids) {
  const wanted = new Set(ids);
  const cards = new Map();
  for (const card of [...list.children]) {
    if (wanted.has(card.dataset.post)) cards.set(card.dataset.post, card);
    else {
      releaseCards(card);
      card.remove();
    }
  }
  const isFirst = cards.size === 0;
  let before = null;
  for (const id of ids) {
    let card = cards.get(id);
    if (!card) {
      card = postCard(id);
      if (!isFirst) card.classList.add('arriving');
    }
    const place = before ? before.nextSibling : list.firstChild;
    if (place !== card) list.insertBefore(card, place);
    before = card;
  }
}
