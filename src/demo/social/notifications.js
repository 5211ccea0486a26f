// What others did that concerns me, in groups, and up to when I have read.

import { act } from './api.js';
import { ago, counted, element, problemState, sortable, state, waiting } from './dom.js';
import { notificationsRead } from './events.js';
import { follow } from './live.js';
import { nameLink, sign } from './people.js';
import { complain } from './posts.js';
import { me } from './session.js';

const ROWS = 50;
const KEY = ['user_id', 'kind', 'subject'];
const WORDS = {
  like: 'liked your post',
  comment: 'commented on your post',
  mention: 'mentioned you in a post',
  follow: 'followed you',
  message: 'wrote to you',
};

/** The page as {title, view, release}. */
export function notificationsPage() {
  const list = element('ol', { class: 'notes' });
  const place = element('div', { class: 'place' }, waiting());
  const all = element('button', { type: 'button', class: 'quiet', id: 'read-all', hidden: true }, 'Mark all as read');
  const it = { rows: [], readUpTo: '', isKnown: false };
  const draw = () => {
    if (!it.isKnown) return;
    const isUnread = (row) => sortable(row.latest_at) > it.readUpTo;
    const rows = it.rows.sort((a, b) => (sortable(a.latest_at) < sortable(b.latest_at) ? 1 : -1));
    list.replaceChildren(...rows.map((row) => line(row, isUnread(row))));
    all.hidden = !rows.some(isUnread);
    place.replaceChildren(rows.length ? '' : state('Nothing yet', 'Likes, comments, mentions and followers will be here.'));
  };
  all.addEventListener('click', async () => {
    all.disabled = true;
    try {
      await act(notificationsRead(it.rows[0].latest_at), 'notification_badges', { user_id: `eq.${me()}` });
    } catch (problem) {
      complain(problem);
    }
    all.disabled = false;
  });
  const mine = { user_id: `eq.${me()}` };
  const ends = [];
  const start = () => {
    const failed = (problem) => place.replaceChildren(problemState(problem, start));
    const rows = (found) => ((it.rows = found), (it.isKnown = true), draw());
    const marker = ([row]) => ((it.readUpTo = row ? sortable(row.read_up_to) : ''), draw());
    ends.push(follow('notifications', { ...mine, limit: ROWS }, KEY, rows, failed));
    ends.push(follow('notification_markers', mine, ['user_id'], marker));
  };
  start();
  const head = element('header', { class: 'head with-end' }, element('h1', {}, 'Notifications'), all);
  return { title: 'Notifications', view: element('section', {}, head, place, list), release: () => ends.forEach((end) => end()) };
}

function line({ kind, subject, actor_ids: actors, others, times, latest_at: at }, isUnread) {
  const names = actors.map(String).map((id) => nameLink(id));
  const rest = Number(others) > 0 ? counted(others, 'other') : null;
  const parts = rest ? [...names, rest] : names;
  const joined = parts.flatMap((part, place) => {
    if (place === 0) return [part];
    return [place === parts.length - 1 ? ' and ' : ', ', part];
  });
  const isOfPost = ['like', 'comment', 'mention'].includes(kind);
  const words = WORDS[kind] ?? kind;
  const often = Number(times) > parts.length && kind !== 'like' && kind !== 'follow' ? ` (${Number(times)} times)` : '';
  return element(
    'li',
    { class: isUnread ? 'note unread' : 'note', 'data-kind': kind },
    sign(String(actors[0])),
    element(
      'div',
      { class: 'body' },
      element('p', {}, joined, ' ', isOfPost ? element('a', { href: `#/posts/${subject}` }, words) : words, often),
      element('p', { class: 'faint' }, ago(at), isUnread ? element('span', { class: 'new' }, 'new') : null),
    ),
  );
}
