// Posts as cards. The cards that are in sight are followed, all with two queries: what the posts are, and which of them I like.

import { Problem, act, rows } from './api.js';
import { ago, byId, element, icon, short, toast, write } from './dom.js';
import { blocked, followed, liked } from './events.js';
import { follow } from './live.js';
import { nameLink, nameOf, person, sign } from './people.js';
import { me } from './session.js';

const HEART = 'M12 20.2S3.8 15.4 3.8 9.6A4.6 4.6 0 0 1 12 6.8a4.6 4.6 0 0 1 8.2 2.8c0 5.8-8.2 10.6-8.2 10.6z';
const SPEECH = 'M4 5.5h16v11H11l-4.5 3.5v-3.5H4z';
const REPEAT = 'M4.5 13V9.5a2 2 0 0 1 2-2h12L16 5M19.5 11v3.5a2 2 0 0 1-2 2h-12L8 19';
const EYE = 'M2.8 12S6 5.8 12 5.8 21.2 12 21.2 12 18 18.2 12 18.2 2.8 12 2.8 12zM12 14.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2z';
const WORDS = /(#[\p{L}\p{N}_]{1,60}|@[\p{L}\p{N}_]{1,60}(?:\.[\p{L}\p{N}_]{1,30})?)/u;
/** The most posts that are followed at once. */
const FOLLOWED_MAX = 60;
const GATHER_MS = 80;
const MARGIN = '500px 0px';

/** What is known of posts, by id: {id, nodes, row, isMissing, isLiked, wish}. */
const board = new Map();
const inSight = new Set();
let release = [];
let shownIds = '';
let timer = 0;

const observer = new IntersectionObserver(
  (changes) => {
    for (const { target, isIntersecting } of changes) {
      if (isIntersecting && target.isConnected) inSight.add(target);
      else inSight.delete(target);
    }
    plan();
  },
  { rootMargin: MARGIN },
);

/** The card of a post, which is kept up to date while it is in sight, until it is released. */
export function postCard(id) {
  const node = element('article', { class: 'post', 'data-post': id }, skeleton());
  const entry = board.get(id) ?? newEntry(id);
  entry.nodes.add(node);
  if (entry.row) draw(node, entry);
  observer.observe(node);
  return node;
}

function newEntry(id) {
  const entry = { id, nodes: new Set(), row: null, isMissing: false, isLiked: false, wish: null };
  board.set(id, entry);
  // It may be followed for a card that is gone, and nothing more would come of it.
  shownIds = '';
  return entry;
}

/** Ends what keeps the cards below a node up to date. */
export function releaseCards(root) {
  const cards = root.matches?.('article.post') ? [root] : root.querySelectorAll('article.post');
  for (const node of cards) {
    observer.unobserve(node);
    inSight.delete(node);
    const entry = board.get(node.dataset.post);
    entry?.nodes.delete(node);
    if (entry?.nodes.size === 0) board.delete(entry.id);
  }
  plan();
}

function plan() {
  clearTimeout(timer);
  timer = setTimeout(followShown, GATHER_MS);
}

function followShown() {
  const ids = [...new Set([...inSight].map((node) => node.dataset.post))].slice(0, FOLLOWED_MAX).sort();
  if (ids.join() === shownIds) return;
  shownIds = ids.join();
  release.forEach((end) => end());
  release = [];
  if (ids.length === 0) return;
  const some = `in.(${ids.join(',')})`;
  release.push(follow('post_cards', { post_id: some }, ['post_id'], (found) => showPosts(ids, found)));
  if (me() === null) return;
  const mine = { user_id: `eq.${me()}`, post_id: some };
  release.push(follow('post_likes', mine, ['post_id'], (found) => showLikes(ids, found)));
}

function showPosts(ids, found) {
  const byPost = new Map(found.map((row) => [row.post_id, row]));
  for (const entry of ids.map((id) => board.get(id)).filter(Boolean)) {
    entry.row = byPost.get(entry.id) ?? null;
    entry.isMissing = !entry.row;
    if (entry.row) drawAll(entry);
  }
  const missing = ids.filter((id) => board.get(id)?.isMissing);
  if (missing.length) showRestricted(missing);
}

/** Posts for followers are in a view of those who may see them, without counts. */
async function showRestricted(ids) {
  const found = await rows('restricted_posts', { post_id: `in.(${ids.join(',')})`, user_id: `eq.${me() ?? 0}` }).catch(() => []);
  const byPost = new Map(found.map((row) => [row.post_id, row]));
  for (const entry of ids.map((id) => board.get(id)).filter((entry) => entry?.isMissing)) {
    entry.row = byPost.get(entry.id) ?? null;
    drawAll(entry);
  }
}

function showLikes(ids, found) {
  const mine = new Set(found.map((row) => row.post_id));
  for (const entry of ids.map((id) => board.get(id)).filter(Boolean)) {
    entry.isLiked = mine.has(entry.id);
    drawAll(entry);
  }
}

function drawAll(entry) {
  for (const node of entry.nodes) draw(node, entry);
}

function skeleton() {
  return element('div', { class: 'ghost', 'aria-hidden': 'true' }, element('span', {}), element('span', {}), element('span', {}));
}

/** Draws a card, or changes what is different in it. */
function draw(node, entry) {
  const { row } = entry;
  if (!row) {
    if (!entry.isMissing) return;
    node.classList.add('gone');
    node.replaceChildren(element('p', {}, 'This post is not there any more, or not for you.'));
    return;
  }
  node.classList.remove('gone');
  if (node.dataset.author !== row.author_id) build(node, entry);
  const text = node.querySelector('.text');
  if (text.textContent !== row.text) text.replaceChildren(...worded(row.text));
  const wished = entry.wish ?? entry.isLiked;
  const likes = Number(row.likes ?? 0) + (entry.wish !== null && entry.wish !== entry.isLiked ? (entry.wish ? 1 : -1) : 0);
  const heart = node.querySelector('.like');
  heart.setAttribute('aria-pressed', String(wished));
  write(heart.querySelector('.n'), short(Math.max(likes, 0)));
  for (const name of ['comments', 'shares', 'views']) write(node.querySelector(`.${name} .n`), short(row[name] ?? 0));
}

function build(node, entry) {
  const { id, row } = entry;
  node.dataset.author = row.author_id;
  const heart = element(
    'button',
    { type: 'button', class: 'like act', 'aria-pressed': 'false', disabled: me() === null, click: () => like(entry) },
    icon(HEART),
    element('span', { class: 'n' }, '0'),
    element('span', { class: 'unseen' }, ' likes'),
  );
  const figure = (name, path, href) =>
    element(
      href ? 'a' : 'span',
      { class: `${name} act`, href },
      icon(path),
      element('span', { class: 'n' }, '0'),
      element('span', { class: 'unseen' }, ` ${name}`),
    );
  const when = element('a', { class: 'when', href: `#/posts/${id}` }, ago(row.created_at));
  node.replaceChildren(
    sign(row.author_id),
    element(
      'div',
      { class: 'body' },
      element('header', {}, nameLink(row.author_id, { withHandle: true }), when, menu(row.author_id)),
      element('p', { class: 'text' }, worded(row.text)),
      element(
        'div',
        { class: 'acts' },
        heart,
        figure('comments', SPEECH, `#/posts/${id}`),
        figure('shares', REPEAT),
        figure('views', EYE),
      ),
    ),
  );
}

/** A text with links for #hashtags and @names. */
export function worded(text) {
  return text.split(WORDS).map((part) => {
    if (!WORDS.test(part)) return part;
    const word = part.slice(1);
    const href = part.startsWith('#') ? `#/tags/${encodeURIComponent(word.toLowerCase())}` : `#/people/@${encodeURIComponent(word)}`;
    return element('a', { href }, part);
  });
}

async function like(entry) {
  const wish = !(entry.wish ?? entry.isLiked);
  entry.wish = wish;
  drawAll(entry);
  try {
    const conditions = { user_id: `eq.${me()}`, post_id: `eq.${entry.id}` };
    const found = await act(liked(entry.id, wish), 'post_likes', conditions);
    if (entry.wish === wish) {
      entry.isLiked = found.length > 0;
      entry.wish = null;
    }
  } catch (problem) {
    if (entry.wish === wish) entry.wish = null;
    complain(problem);
  }
  drawAll(entry);
}

/** What can be done with somebody whose post it is. */
function menu(author) {
  if (author === me() || me() === null) return null;
  const list = element('div', { class: 'menu-list' });
  const fold = element(
    'details',
    { class: 'menu' },
    element('summary', { 'aria-label': 'More' }, element('span', { 'aria-hidden': 'true' }, '···')),
    list,
  );
  const choice = (text, done) => {
    const click = () => ((fold.open = false), done());
    return element('button', { type: 'button', click }, text);
  };
  fold.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    fold.open = false;
    fold.querySelector('summary').focus();
  });
  fold.addEventListener('focusout', ({ relatedTarget }) => {
    if (!fold.contains(relatedTarget)) fold.open = false;
  });
  list.append(
    choice('Unfollow', () => setFollow(author, false)),
    choice('Block', () => setBlock(author, true)),
  );
  return fold;
}

/** Follows somebody or no longer does; true when the views show it. */
export async function setFollow(user, isOn) {
  const conditions = { follower_id: `eq.${me()}`, followee_id: `eq.${user}` };
  return change(user, followed(user, isOn), ['follows', conditions], () => {
    if (!isOn) offerBack(user, 'You no longer follow', () => setFollow(user, true));
  });
}

/** Blocks somebody or no longer does; true when the views show it. */
export async function setBlock(user, isOn) {
  const conditions = { blocker_id: `eq.${me()}`, blocked_id: `eq.${user}` };
  return change(user, blocked(user, isOn), ['blocks', conditions], () => {
    if (isOn) offerBack(user, 'You block', () => setBlock(user, false));
  });
}

/** Sends an event about somebody. His posts are dimmed until the views show what came of it, which takes them away or not. */
async function change(user, event, [view, conditions], done) {
  const cards = [...document.querySelectorAll(`article.post[data-author="${user}"]`)];
  cards.forEach((card) => card.classList.add('leaving'));
  try {
    await act(event, view, conditions);
    done();
    return true;
  } catch (problem) {
    complain(problem);
    return false;
  } finally {
    cards.forEach((card) => card.classList.remove('leaving'));
  }
}

async function offerBack(user, words, back) {
  const found = await person(user).catch(() => ({ user_id: user }));
  toast(`${words} ${nameOf(found)}.`, element('button', { type: 'button', click: back }, 'Undo'));
}

/** Says what went wrong with something that was to be done. */
export function complain(problem) {
  const words = problem instanceof Problem ? `${problem.title}: ${problem.message}` : String(problem);
  toast(words);
  byId('toasts').lastElementChild.classList.add('bad');
}
