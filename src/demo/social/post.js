// One post and what was said to it.

import { act } from './api.js';
import { ago, element, problemState, state, waiting } from './dom.js';
import { commented, newId } from './events.js';
import { follow } from './live.js';
import { nameLink, sign } from './people.js';
import { complain, postCard, releaseCards, worded } from './posts.js';
import { me } from './session.js';

const DEPTH_SHOWN = 5;
const LENGTH_MAX = 500;

/** The page as {title, view, release}. */
export function postPage(id) {
  if (!/^\d{1,19}$/.test(id)) {
    return { title: 'Post', view: state('There is no such post', 'Its address is not one of a post.'), release() {} };
  }
  const card = element('div', { class: 'posts single' }, postCard(id));
  const list = element('ol', { class: 'thread' });
  const place = element('div', { class: 'place' }, waiting(1));
  const changed = (rows) => {
    const path = ({ path }) => path.map((part) => String(part).padStart(20, '0')).join('/');
    const sorted = rows.map((row) => [path(row), row]).sort(([a], [b]) => (a < b ? -1 : 1));
    list.replaceChildren(...sorted.map(([, row]) => comment(row)));
    place.replaceChildren(rows.length ? '' : element('p', { class: 'faint nothing' }, 'Nobody has said anything yet.'));
  };
  let end = () => {};
  const start = () => {
    const failed = (problem) => place.replaceChildren(problemState(problem, start));
    end = follow('comment_threads', { post_id: `eq.${id}` }, ['comment_id'], changed, failed);
  };
  start();
  return {
    title: 'Post',
    view: element(
      'section',
      {},
      element('header', { class: 'head' }, element('h1', {}, 'Post')),
      card,
      element('h2', { class: 'over-posts' }, 'Comments'),
      me() === null ? null : form(id),
      place,
      list,
    ),
    release: () => (end(), releaseCards(card)),
  };
}

function comment({ author_id: author, text, commented_at: at, depth, deleted }) {
  const level = Math.min(Number(depth), DEPTH_SHOWN);
  if (deleted || author === null) return element('li', { class: `comment level-${level} gone` }, 'This comment was deleted.');
  return element(
    'li',
    { class: `comment level-${level}` },
    sign(author),
    element('div', { class: 'body' }, element('p', {}, nameLink(author), ' ', ago(at)), element('p', { class: 'text' }, worded(text))),
  );
}

function form(post) {
  const box = element('input', {
    id: 'comment-text',
    type: 'text',
    maxlength: LENGTH_MAX,
    placeholder: 'Say something',
    required: true,
    autocomplete: 'off',
  });
  const button = element('button', { type: 'submit', class: 'strong' }, 'Comment');
  const submit = async (event) => {
    event.preventDefault();
    const text = box.value.trim();
    if (!text || button.disabled) return;
    button.disabled = true;
    try {
      const comment = newId();
      await act(commented(post, comment, text), 'post_comments', { post_id: `eq.${post}`, limit: 1 });
      box.value = '';
    } catch (problem) {
      complain(problem);
    }
    button.disabled = false;
    box.focus();
  };
  return element('form', { class: 'say', submit }, element('label', { class: 'unseen', for: 'comment-text' }, 'Your comment'), box, button);
}
