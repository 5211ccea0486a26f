// The frame of the page: what the address shows, who is signed in, the badge, and what stands beside.

import { composer } from './compose.js';
import { avatar, byId, element, state, write } from './dom.js';
import { follow, watchConnections } from './live.js';
import { notificationsPage } from './notifications.js';
import { nameOf, person } from './people.js';
import { postPage } from './post.js';
import { profilePage } from './profile.js';
import { personLink, searchPage, tagPage } from './search.js';
import { me, signOut } from './session.js';
import { signInPage } from './sign_in.js';
import { rows } from './api.js';
import { timeline } from './timeline.js';
import { trendingPage } from './trending.js';

const SUGGESTED = 4;
/** A connection that is made again within this time is not worth a word. */
const LOST_MS = 1_500;

const main = byId('main');
let page = null;
let place = null;
let ends = [];

/** `#/posts/7?x=y` as {name, id, query}. */
function address() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const [name, id = ''] = path.split('/');
  return { name, id: decodeText(id), query: new URLSearchParams(query) };
}

function decodeText(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function go(hash) {
  if (location.hash === hash) show();
  else location.hash = hash;
}

function show() {
  page?.release();
  const { name, id, query } = address();
  const isSignedIn = me() !== null;
  page = isSignedIn ? pageOf(name, id, query) : signInPage(enter);
  main.replaceChildren(page.view);
  document.title = `${page.title} · Tidewater social`;
  const current = name === 'people' && id === me() ? 'profile' : name || 'feed';
  for (const link of document.querySelectorAll('#pages a')) {
    if (isSignedIn && link.dataset.page === current) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const next = `${name}/${id}`;
  if (place !== null && place !== next) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  place = next;
}

function pageOf(name, id, query) {
  if (name === '') return feedPage();
  if (name === 'trending') return trendingPage(query);
  if (name === 'search') return searchPage(query, go);
  if (name === 'notifications') return notificationsPage();
  if (name === 'people') return profilePage(id);
  if (name === 'posts') return postPage(id);
  if (name === 'tags') return tagPage(id);
  const back = element('a', { href: '#/' }, 'My feed');
  return { title: 'Nothing here', view: state('Nothing is here', 'The address is not one of this page.', back), release() {} };
}

function feedPage() {
  const writing = composer();
  const nothing = () => [
    'Your feed is empty',
    'Posts of those you follow will be here.',
    element('a', { class: 'button', href: '#/trending' }, 'See what is trending'),
  ];
  const list = timeline('following_feed', { user_id: `eq.${me()}` }, nothing);
  const head = element('header', { class: 'head' }, element('h1', {}, 'My feed'));
  const view = element('section', { class: 'feed' }, head, writing.view, list.view);
  return { title: 'My feed', view, release: () => (list.release(), writing.release()) };
}

/** What everybody sees who has signed in, on every page. */
function enter() {
  leave();
  byId('frame').dataset.signedIn = 'true';
  byId('pages').hidden = false;
  byId('my-profile').href = `#/people/${me()}`;
  showMe();
  const badge = ([row]) => showBadge(Number(row?.unread ?? 0));
  ends.push(follow('notification_badges', { user_id: `eq.${me()}` }, ['user_id'], badge));
  const suggested = { user_id: `eq.${me()}`, limit: SUGGESTED };
  ends.push(follow('suggested_users', suggested, ['rank'], (found) => showSuggested(found)));
  show();
}

function leave() {
  ends.forEach((end) => end());
  ends = [];
  byId('frame').dataset.signedIn = 'false';
  byId('pages').hidden = true;
  byId('me').hidden = true;
  byId('beside').hidden = true;
}

async function showMe() {
  const id = me();
  const found = await person(id).catch(() => ({ user_id: id }));
  if (me() !== id) return;
  const out = element('button', { type: 'button', class: 'quiet', id: 'sign-out', click: switchUser }, 'Switch');
  const handle = element('span', { class: 'faint' }, `@${found.username || id}`);
  const who = element('span', { class: 'who' }, element('strong', {}, nameOf(found)), handle);
  byId('me').replaceChildren(avatar(id, nameOf(found)), who, out);
  byId('me').hidden = false;
}

function switchUser() {
  signOut();
  leave();
  go('#/');
}

function showBadge(unread) {
  const badge = byId('badge');
  badge.hidden = unread === 0;
  badge.replaceChildren(unread > 99 ? '99+' : String(unread), element('span', { class: 'unseen' }, ' unread'));
}

async function showSuggested(found) {
  const beside = byId('beside');
  const ids = found.sort((a, b) => Number(a.rank) - Number(b.rank)).map((row) => row.suggested_id);
  const people = ids.length ? await rows('profile_cards', { user_id: `in.(${ids.join(',')})` }).catch(() => []) : [];
  if (me() === null) return;
  people.sort((a, b) => ids.indexOf(a.user_id) - ids.indexOf(b.user_id));
  beside.hidden = people.length === 0;
  beside.replaceChildren(
    element('h2', {}, 'You may know'),
    element(
      'ul',
      { class: 'people' },
      people.map((row) => element('li', {}, personLink(row))),
    ),
  );
}

let lostTimer = 0;
watchConnections((lost) => {
  clearTimeout(lostTimer);
  const note = byId('connection');
  if (lost === 0) note.hidden = true;
  else lostTimer = setTimeout(() => ((note.hidden = false), write(note, 'The server does not answer. Trying again …')), LOST_MS);
});

byId('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener('hashchange', show);
if (me() === null) show();
else enter();
