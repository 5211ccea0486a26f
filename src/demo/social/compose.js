// Writing a post: what is being written, how much room is left, and what became of it.

import { act, rows } from './api.js';
import { element } from './dom.js';
import { mentionedNames, newId, posted } from './events.js';
import { complain, releaseCards } from './posts.js';
import { me } from './session.js';
import { sign } from './people.js';
import { arrange } from './timeline.js';

const LENGTH_MAX = 500;
/** From so few characters on the room that is left is said. */
const LITTLE_ROOM = 80;
/** Mentions that are looked up. */
const NAMES_MAX = 10;

/** A form, and below it the posts that were written with it, as {view, release}. */
export function composer() {
  const box = element('textarea', { id: 'post-text', rows: 2, maxlength: LENGTH_MAX, placeholder: 'What is going on?', required: true });
  const room = element('span', { class: 'room', id: 'post-room' });
  const button = element('button', { type: 'submit', class: 'strong', id: 'post-send', disabled: true }, 'Post');
  const written = element('div', { class: 'posts written' });
  const ids = [];
  const look = () => {
    const left = LENGTH_MAX - box.value.length;
    button.disabled = box.value.trim() === '';
    room.textContent = left <= LITTLE_ROOM ? `${left} left` : '';
  };
  const submit = async (event) => {
    event.preventDefault();
    const text = box.value.trim();
    if (!text || button.disabled) return;
    button.disabled = true;
    button.textContent = 'Posting …';
    try {
      const id = newId();
      await act(posted(id, text, await mentions(text)), 'post_cards', { post_id: `eq.${id}` });
      box.value = '';
      ids.unshift(id);
      arrange(written, ids);
    } catch (problem) {
      complain(problem);
    }
    button.textContent = 'Post';
    look();
  };
  box.addEventListener('input', look);
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit(event);
  });
  const form = element(
    'form',
    { class: 'compose', submit },
    sign(me()),
    element(
      'div',
      { class: 'body' },
      element('label', { class: 'unseen', for: 'post-text' }, 'Your post'),
      box,
      element('div', { class: 'compose-end' }, element('span', { class: 'hint' }, '#hashtags and @names become links'), room, button),
    ),
  );
  return { view: element('div', {}, form, written), release: () => releaseCards(written) };
}

/** The ids of those who are named. */
async function mentions(text) {
  const names = mentionedNames(text).slice(0, NAMES_MAX);
  const found = names.map((name) => rows('profile_cards', { username: `eq.${name}`, select: 'user_id', limit: 1 }));
  return (await Promise.all(found)).flat().map((row) => row.user_id);
}
