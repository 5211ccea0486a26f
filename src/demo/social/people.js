// The names of people, read once for all who are named at the same time.

import { rows } from './api.js';
import { avatar, element } from './dom.js';

/** People that are asked for at once. */
const BATCH_MAX = 100;
const GATHER_MS = 20;

const known = new Map();
let wanted = new Map();

/** Somebody as {user_id, username, display_name}; one who is not there has an empty name. */
export function person(id) {
  if (!known.has(id)) {
    const promise = new Promise((resolve, reject) => {
      if (wanted.size === 0) setTimeout(ask, GATHER_MS);
      wanted.set(id, { resolve, reject });
    });
    promise.catch(() => known.delete(id));
    known.set(id, promise);
  }
  return known.get(id);
}

/** Takes what is known of somebody from a row. */
export function learn(row) {
  known.set(row.user_id, Promise.resolve(row));
}

async function ask() {
  const all = [...wanted];
  wanted = new Map();
  for (let at = 0; at < all.length; at += BATCH_MAX) {
    const batch = all.slice(at, at + BATCH_MAX);
    try {
      const ids = batch.map(([id]) => id).join(',');
      const found = await rows('profile_cards', {
        user_id: `in.(${ids})`,
        select: 'user_id,username,display_name',
        limit: BATCH_MAX,
      });
      const byId = new Map(found.map((row) => [row.user_id, row]));
      batch.forEach(([id, { resolve }]) => resolve(byId.get(id) ?? { user_id: id, username: '', display_name: '' }));
    } catch (problem) {
      batch.forEach(([, { reject }]) => reject(problem));
    }
  }
}

/** The name to show. */
export function nameOf({ user_id: id, username, display_name: name }) {
  return name || username || `somebody (${id})`;
}

/** A link to a profile with the name, which is written when it is known. */
export function nameLink(id, { withHandle = false } = {}) {
  const name = element('strong', {}, '…');
  const handle = withHandle ? element('span', { class: 'handle' }) : null;
  const link = element('a', { class: 'name', href: `#/people/${id}` }, name, handle);
  person(id).then(
    (found) => {
      name.textContent = nameOf(found);
      if (handle && found.username) handle.textContent = `@${found.username}`;
    },
    () => (name.textContent = `somebody (${id})`),
  );
  return link;
}

/** The sign of somebody, with his letters when they are known. */
export function sign(id) {
  const node = avatar(id, '');
  person(id).then(
    (found) => (node.textContent = avatar(id, nameOf(found)).textContent),
    () => {},
  );
  return node;
}
