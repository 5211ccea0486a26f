// Searching: suggestions while somebody types, and people and posts that match. The answer is asked for again and again while it is in sight.

import { get } from './api.js';
import { avatar, counted, element, problemState, short, state, waiting, write } from './dom.js';
import { learn, nameOf } from './people.js';
import { releaseCards } from './posts.js';
import { arrange, timeline } from './timeline.js';

const AGAIN_MS = 2_000;
const TYPING_MS = 120;
const SUGGESTIONS = 5;
const POSTS = 30;
const PEOPLE = 4;
const ADVICE = 'Words are found as they are written; end one with * for its beginning.';

/** The page as {title, view, release}. */
export function searchPage(query, go) {
  const q = (query.get('q') ?? '').trim();
  const order = query.get('by') === 'best' ? 'best' : 'latest';
  const found = element('div', { class: 'found' });
  const stop = q ? showHits(found, q, order) : showHashtags(found);
  const view = element('section', {}, element('header', { class: 'head' }, element('h1', {}, 'Search')), box(q, go), found);
  return { title: q ? `“${q}”` : 'Search', view, release: stop };
}

/** The page of a hashtag. */
export function tagPage(tag) {
  const nothing = () => ['No posts', `Nobody has written about #${tag}.`];
  const list = timeline('hashtag_posts', { hashtag: `eq.${tag}` }, nothing);
  const head = element('header', { class: 'head' }, element('h1', {}, `#${tag}`));
  return { title: `#${tag}`, view: element('section', {}, head, list.view), release: list.release };
}

/** Calls `done` again and again until it is ended; it gets a signal that is raised then. */
function repeat(done) {
  const over = new AbortController();
  let timer = 0;
  const round = async () => {
    if (!document.hidden) await done(over.signal);
    if (!over.signal.aborted) timer = setTimeout(round, AGAIN_MS);
  };
  round();
  return () => (clearTimeout(timer), over.abort());
}

function showHits(found, q, order) {
  const [people, posts] = [element('div', {}), element('div', { class: 'posts' })];
  const place = element('div', { class: 'place' }, waiting(2));
  const count = element('p', { class: 'faint', role: 'status', id: 'hits-count' });
  const tab = (by, text) => {
    const href = `#/search?${new URLSearchParams({ q, by })}`;
    return element('a', { href, 'aria-current': by === order ? 'true' : null }, text);
  };
  const tabs = element('div', { class: 'tabs', role: 'group', 'aria-label': 'Order' }, tab('latest', 'Latest'), tab('best', 'Best match'));
  found.replaceChildren(people, tabs, count, place, posts);
  const words = { q, select: 'post_id', limit: POSTS, ...(order === 'latest' ? { order: 'created_at.desc' } : {}) };
  const stop = repeat(async (signal) => {
    try {
      const [hits, who] = await Promise.all([
        get(`v1/search/post_search?${new URLSearchParams(words)}`, signal),
        get(`v1/search/user_search?${new URLSearchParams({ q: q.replace(/^@/, ''), limit: PEOPLE })}`, signal),
      ]);
      arrange(
        posts,
        hits.hits.map(({ row }) => row.post_id),
      );
      write(count, `${counted(hits.total, 'post')}`);
      if (people.dataset.shown !== JSON.stringify(who.hits)) showPeople(people, who.hits);
      place.replaceChildren(hits.total === 0 ? state('No post has that', ADVICE) : '');
    } catch (problem) {
      if (!signal.aborted) place.replaceChildren(problemState(problem));
    }
  });
  return () => (stop(), releaseCards(posts));
}

function showPeople(node, hits) {
  node.dataset.shown = JSON.stringify(hits);
  node.replaceChildren(
    hits.length
      ? element(
          'ul',
          { class: 'people', 'aria-label': 'People' },
          hits.map(({ row }) => element('li', {}, personLink(row))),
        )
      : '',
  );
}

/** A link to somebody of whom a row is known. */
export function personLink(row) {
  learn(row);
  return element(
    'a',
    { class: 'person', href: `#/people/${row.user_id}` },
    avatar(row.user_id, nameOf(row)),
    element(
      'span',
      { class: 'who' },
      element('strong', {}, nameOf(row)),
      element('span', { class: 'faint' }, `@${row.username}`, row.followers === undefined ? '' : ` · ${short(row.followers)} followers`),
    ),
  );
}

/** What people write about, where nothing was asked. */
function showHashtags(found) {
  found.replaceChildren(waiting(1));
  return repeat(async (signal) => {
    try {
      const page = await get('v1/views/hashtag_counts?order=posts.desc,hashtag.asc&limit=24', signal);
      const text = JSON.stringify(page.rows);
      if (found.dataset.shown === text) return;
      found.dataset.shown = text;
      const tag = ({ hashtag, posts }) =>
        element(
          'li',
          {},
          element('a', { href: `#/tags/${encodeURIComponent(hashtag)}` }, `#${hashtag} `, element('small', {}, short(posts))),
        );
      const head = element('h2', { class: 'over-posts' }, 'What people write about');
      found.replaceChildren(head, element('ul', { class: 'tags' }, page.rows.map(tag)));
    } catch (problem) {
      if (!signal.aborted) found.replaceChildren(problemState(problem));
    }
  });
}

/** A field with suggestions below it, which arrow keys go through. */
function box(q, go) {
  const input = element('input', {
    id: 'query',
    type: 'search',
    value: q,
    maxlength: 200,
    placeholder: 'Words, #hashtags, @people',
    autocomplete: 'off',
    spellcheck: 'false',
    role: 'combobox',
    'aria-expanded': 'false',
    'aria-controls': 'suggestions',
    'aria-autocomplete': 'list',
  });
  const list = element('ul', { id: 'suggestions', class: 'suggestions', role: 'listbox', 'aria-label': 'Suggestions', hidden: true });
  const it = { input, list, go, chosen: -1, asking: null, timer: 0 };
  input.addEventListener('input', () => {
    clearTimeout(it.timer);
    it.timer = setTimeout(() => suggest(it), TYPING_MS);
  });
  input.addEventListener('keydown', (event) => steer(it, event));
  input.addEventListener('blur', () => setTimeout(() => close(it), 150));
  const submit = (event) => {
    event.preventDefault();
    close(it);
    go(`#/search?${new URLSearchParams({ q: input.value.trim() })}`);
  };
  return element(
    'form',
    { class: 'search-box', role: 'search', submit },
    element('label', { class: 'unseen', for: 'query' }, 'What to search for'),
    input,
    element('button', { type: 'submit', class: 'strong' }, 'Search'),
    list,
  );
}

function close(it) {
  clearTimeout(it.timer);
  it.asking?.abort();
  it.chosen = -1;
  it.list.hidden = true;
  it.input.setAttribute('aria-expanded', 'false');
  it.input.removeAttribute('aria-activedescendant');
}

async function suggest(it) {
  it.asking?.abort();
  it.asking = new AbortController();
  const { signal } = it.asking;
  const typed = it.input.value.trim();
  const prefix = typed.replace(/^[#@]/, '');
  if (!prefix) return close(it);
  const ask = async (index, mark, to) => {
    const answer = await get(`v1/search/${index}/suggest?${new URLSearchParams({ prefix, limit: SUGGESTIONS })}`, signal);
    return answer.suggestions.map(({ text, popularity }) => ({ text: mark + text, popularity, href: to(text) }));
  };
  const tags = typed.startsWith('@') ? [] : ask('hashtag_search', '#', (text) => `#/tags/${encodeURIComponent(text)}`);
  const people = typed.startsWith('#') ? [] : ask('user_search', '@', (text) => `#/people/@${encodeURIComponent(text)}`);
  try {
    const found = (await Promise.all([tags, people])).flat();
    if (found.length === 0 || document.activeElement !== it.input) return close(it);
    showSuggestions(it, found);
  } catch {
    // Suggestions are no answer that anybody waits for; a search says what is wrong.
    if (!signal.aborted) close(it);
  }
}

function showSuggestions(it, found) {
  it.chosen = -1;
  it.list.replaceChildren(
    ...found.map(({ text, popularity, href }, at) =>
      element(
        'li',
        { id: `suggestion-${at}`, role: 'option', 'aria-selected': 'false', 'data-href': href, mousedown: () => (close(it), it.go(href)) },
        element('span', {}, text),
        element('small', {}, short(popularity)),
      ),
    ),
  );
  it.list.hidden = false;
  it.input.setAttribute('aria-expanded', 'true');
}

function steer(it, event) {
  const options = [...it.list.children];
  if (it.list.hidden || options.length === 0) return;
  if (event.key === 'Escape') {
    event.preventDefault();
    close(it);
  } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault();
    const step = event.key === 'ArrowDown' ? 1 : -1;
    it.chosen = (it.chosen + step + options.length + (it.chosen < 0 && step < 0 ? 1 : 0)) % options.length;
    options.forEach((option, at) => option.setAttribute('aria-selected', String(at === it.chosen)));
    options[it.chosen].scrollIntoView({ block: 'nearest' });
    it.input.setAttribute('aria-activedescendant', options[it.chosen].id);
  } else if (event.key === 'Enter' && it.chosen >= 0) {
    event.preventDefault();
    const { href } = options[it.chosen].dataset;
    close(it);
    it.go(href);
  }
}
