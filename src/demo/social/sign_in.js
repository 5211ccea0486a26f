// Signing in: as one of the people whom the demo has made up.

import { get, rows } from './api.js';
import { avatar, element, problemState, short, state, waiting } from './dom.js';
import { nameOf } from './people.js';
import { complain } from './posts.js';
import { signIn } from './session.js';

const LEAD =
  'Everybody here is made up, and goes on writing. Be one of them: follow, post, like and block, and see every page change as you do.';
const PEOPLE = 12;
const TYPING_MS = 150;
const AGAIN_MS = 1_000;

/** The page as {title, view, release}; `done` is called by who has signed in. */
export function signInPage(done) {
  const list = element('ul', { class: 'choices' });
  const place = element('div', { class: 'place' }, waiting(3));
  const field = element('input', {
    id: 'find-person',
    type: 'search',
    maxlength: 60,
    placeholder: 'Name',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const over = new AbortController();
  let timer = 0;
  const show = async () => {
    const words = field.value.trim();
    try {
      const found = words ? await matching(words, over.signal) : await popular(over.signal);
      if (over.signal.aborted || words !== field.value.trim()) return;
      list.replaceChildren(...found.map((row) => element('li', {}, choice(row, done))));
      place.replaceChildren(found.length ? '' : nobody(words));
      // The network may only be beginning, and who has just come is found a moment later.
      if (!found.length) timer = setTimeout(show, AGAIN_MS);
    } catch (problem) {
      if (!over.signal.aborted) place.replaceChildren(problemState(problem, show));
    }
  };
  field.addEventListener('input', () => (clearTimeout(timer), (timer = setTimeout(show, TYPING_MS))));
  show();
  const view = element(
    'section',
    { class: 'welcome' },
    element('h1', {}, 'A social network that does not exist'),
    element('p', { class: 'lead' }, LEAD),
    element('h2', { id: 'who' }, 'Sign in as'),
    element('div', { class: 'find' }, element('label', { for: 'find-person' }, 'Find somebody else'), field),
    place,
    list,
    element('p', { class: 'faint small' }, 'Open a second window and be somebody else there: each tab has a user of its own.'),
  );
  return { title: 'Sign in', view, release: () => (clearTimeout(timer), over.abort()) };
}

function nobody(words) {
  if (words) return state('Nobody has that name', 'Names are found from their beginning.');
  return state('Nobody is there yet', 'The network is being made up …');
}

async function popular(signal) {
  const top = await rows('follower_counts', { order: 'followers.desc,user_id.asc', limit: PEOPLE }, signal);
  if (top.length === 0) return rows('profile_cards', { limit: PEOPLE }, signal);
  const ids = top.map((row) => row.user_id);
  const found = await rows('profile_cards', { user_id: `in.(${ids.join(',')})` }, signal);
  return found.sort((a, b) => ids.indexOf(a.user_id) - ids.indexOf(b.user_id));
}

async function matching(words, signal) {
  const q = words.replace(/[^\p{L}\p{N}_ ]/gu, ' ').trim();
  if (!q) return [];
  const answer = await get(`v1/search/user_search?${new URLSearchParams({ q: `${q}*`, limit: PEOPLE })}`, signal);
  return answer.hits.map(({ row }) => row);
}

function choice(row, done) {
  const click = async () => {
    node.disabled = true;
    try {
      await signIn(row.user_id);
      done();
    } catch (problem) {
      complain(problem);
      node.disabled = false;
    }
  };
  const node = element(
    'button',
    { type: 'button', class: 'choice', 'data-user': row.user_id, click },
    avatar(row.user_id, nameOf(row)),
    element(
      'span',
      { class: 'who' },
      element('strong', {}, nameOf(row)),
      element('span', { class: 'faint' }, `@${row.username} · ${short(row.followers)} followers`),
    ),
  );
  return node;
}
