// Somebody: who that is, what is between us, and the posts.

import { rows } from './api.js';
import { avatar, counted, element, problemState, short, state, waiting } from './dom.js';
import { follow } from './live.js';
import { learn, nameOf } from './people.js';
import { setBlock, setFollow, worded } from './posts.js';
import { me } from './session.js';
import { timeline } from './timeline.js';

/** The page of somebody, by id or by `@name`, as {title, view, release}. */
export function profilePage(id) {
  const view = element('section', {}, waiting(2));
  const it = { id, ends: [], isOver: false };
  const start = async () => {
    try {
      if (id.startsWith('@')) it.id = await idOf(id.slice(1));
      if (it.isOver) return;
      if (/^\d{1,19}$/.test(it.id ?? '')) open(it, view);
      else view.replaceChildren(state('Nobody is there', `Nobody is called ${id}.`));
    } catch (problem) {
      view.replaceChildren(problemState(problem, start));
    }
  };
  start();
  const release = () => {
    it.isOver = true;
    it.ends.forEach((end) => end());
  };
  return { title: 'Profile', view, release };
}

async function idOf(name) {
  const [row] = await rows('profile_cards', { username: `eq.${name}`, select: 'user_id', limit: 1 });
  return row?.user_id;
}

function open(it, view) {
  const { id } = it;
  const [card, posts] = [element('div', { class: 'profile' }, waiting(1)), element('div', {})];
  view.replaceChildren(card, posts);
  const known = { row: undefined, follows: null, followsMe: false, blocks: null };
  const draw = () => drawCard(card, id, known);
  const one = (view, conditions, key, changed) => it.ends.push(follow(view, conditions, key, changed));
  const failed = (problem) => card.replaceChildren(problemState(problem));
  const found = ([row]) => {
    if (row) learn(row);
    known.row = row ?? null;
    draw();
  };
  it.ends.push(follow('profile_cards', { user_id: `eq.${id}` }, ['user_id'], found, failed));
  if (me() !== id && me() !== null) {
    const pair = (follower, followee) => ({ follower_id: `eq.${follower}`, followee_id: `eq.${followee}` });
    const key = ['follower_id', 'followee_id'];
    one('follows', pair(me(), id), key, (found) => ((known.follows = found.length > 0), draw()));
    one('follows', pair(id, me()), key, (found) => ((known.followsMe = found.length > 0), draw()));
    const walls = { blocker_id: `eq.${me()}`, blocked_id: `eq.${id}` };
    one('blocks', walls, ['blocker_id', 'blocked_id'], (found) => {
      known.blocks = found.length > 0;
      draw();
      posts.hidden = known.blocks;
    });
  }
  const nothing = () => ['No posts', 'There are none for everyone.'];
  const list = timeline('user_feed', { user_id: `eq.${id}` }, nothing);
  posts.append(element('h2', { class: 'over-posts' }, 'Posts'), list.view);
  it.ends.push(list.release);
}

function drawCard(card, id, { row, follows, followsMe, blocks }) {
  if (row === undefined) return;
  if (row === null) {
    card.replaceChildren(state('Nobody is there', 'Whoever had this profile has left, or never was.'));
    return;
  }
  const isMe = id === me();
  const active = card.contains(document.activeElement) ? document.activeElement.id : null;
  const figure = (number, word) => element('li', { title: String(number) }, element('strong', {}, short(number)), ` ${word}`);
  card.replaceChildren(
    element(
      'div',
      { class: 'profile-top' },
      avatar(id, nameOf(row)),
      isMe || me() === null ? null : buttons(id, follows, blocks),
    ),
    element('h1', {}, nameOf(row)),
    element('p', { class: 'faint' }, `@${row.username}`, followsMe ? element('span', { class: 'new' }, 'follows you') : null),
    row.bio ? element('p', { class: 'bio' }, worded(row.bio)) : null,
    blocks ? element('p', { class: 'blocked' }, 'You block each other’s posts: neither of you sees the other.') : null,
    element(
      'ul',
      { class: 'figures', 'aria-label': `${counted(row.followers, 'follower')}, follows ${row.following}, ${counted(row.posts, 'post')}` },
      figure(row.followers, Number(row.followers) === 1 ? 'follower' : 'followers'),
      figure(row.following, 'following'),
      figure(row.posts, Number(row.posts) === 1 ? 'post' : 'posts'),
    ),
  );
  if (active) document.getElementById(active)?.focus();
}

function buttons(id, follows, blocks) {
  const button = (name, text, strong, isUnknown, change) => {
    const click = async () => {
      node.disabled = true;
      node.setAttribute('aria-busy', 'true');
      if (!(await change())) node.disabled = false;
    };
    const node = element('button', { type: 'button', id: name, class: strong ? 'strong' : 'quiet', disabled: isUnknown, click }, text);
    return node;
  };
  const followButton = button('follow', follows ? 'Following' : 'Follow', !follows, follows === null, () => setFollow(id, !follows));
  followButton.setAttribute('aria-pressed', String(Boolean(follows)));
  const blockButton = button('block', blocks ? 'Unblock' : 'Block', false, blocks === null, () => setBlock(id, !blocks));
  return element('div', { class: 'profile-acts' }, blockButton, blocks ? null : followButton);
}
