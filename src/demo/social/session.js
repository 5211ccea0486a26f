// Who is signed in, in this tab alone, and the token that says so. The demo gives it out, for minutes; another one is asked for in time.

import { Problem, request } from './api.js';

const USER = 'tidewater-social-user';
/** A token is given up so long before its end. */
const SPARE_MS = 60_000;

let held = null;
let asking = null;

/** The id of the user, as a text; null where nobody is signed in. */
export function me() {
  return sessionStorage.getItem(USER);
}

/** Signs in as somebody, once the server gives a token for him. */
export async function signIn(user) {
  held = await issue(user);
  sessionStorage.setItem(USER, user);
}

/** Signs out. */
export function signOut() {
  held = null;
  sessionStorage.removeItem(USER);
}

/** A token that is good for a while; null where nobody is signed in. */
export async function token() {
  const user = me();
  if (user === null) return null;
  if (held?.user === user && held.until > Date.now() + SPARE_MS) return held.token;
  asking ??= issue(user).finally(() => (asking = null));
  held = await asking;
  return held.token;
}

/** Has the next question ask for another token. */
export function forgetToken() {
  held = null;
}

async function issue(user) {
  const answer = await request('POST', `v1/page-tokens/${encodeURIComponent(user)}`, { body: '' });
  if (!answer.token) throw new Problem(0, { title: 'no token', detail: 'the server has given out no token' });
  return { user, token: answer.token, until: Date.parse(answer.expires_at) };
}
