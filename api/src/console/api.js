// Requests to the server that this page is from, and the token they are sent with, which is kept as long as the tab is open.

const TOKEN = 'tidewater-token';
const TIMEOUT_MS = 65_000;

/** What the server says is wrong (application/problem+json), or that it can't be reached. */
export class Problem extends Error {
  constructor(status, fields) {
    super(fields.detail ?? 'the server did not say why');
    this.status = status;
    this.title = fields.title ?? `status ${status}`;
    this.type = (fields.type ?? '').split(':').pop();
    this.field = fields.field ?? null;
    this.indexes = fields.indexes ?? [];
  }
}

/** The token, if there is one. */
export function token() {
  return sessionStorage.getItem(TOKEN);
}

/** Keeps a token; takes "Authorization: Bearer x" and "Bearer x" too. An empty text forgets it. */
export function keepToken(text) {
  const bare = text
    .trim()
    .replace(/^authorization:\s*/i, '')
    .replace(/^bearer\s+/i, '')
    .trim();
  if (bare) sessionStorage.setItem(TOKEN, bare);
  else sessionStorage.removeItem(TOKEN);
}

/** GET; the answer as an object. */
export function get(path, signal) {
  return ask('GET', path, signal);
}

/** POST without a body. A server without keys takes no POST without a type: that is what a form of another site could send. */
export function post(path) {
  return ask('POST', path);
}

async function ask(method, path, signal) {
  const headers = new Headers({ Accept: 'application/json' });
  if (method === 'POST') headers.set('Content-Type', 'application/json');
  if (token()) {
    try {
      headers.set('Authorization', `Bearer ${token()}`);
    } catch {
      throw new Problem(401, {
        title: 'bad token',
        type: 'bad_token',
        detail: 'the token has characters that no header can have',
      });
    }
  }
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      cache: 'no-store',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, { title: 'no answer', detail: 'the server could not be reached; it is tried again' });
  }
  const body = await read(response);
  if (response.ok && body) return body;
  throw new Problem(response.status, body ?? {});
}

/** JSON in which whole numbers of 64 bits are not rounded. */
async function read(response) {
  const exact = (key, value, context) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '') ? context.source : value;
  try {
    return JSON.parse(await response.text(), exact);
  } catch {
    return null;
  }
}

/** The line that asks the same on a command line; the token stays out of it. */
export function curlLine(path) {
  const url = new URL(path, document.baseURI).href.replaceAll("'", '%27');
  const header = token() ? '-H "Authorization: Bearer $TOKEN" ' : '';
  return `curl -s ${header}'${url}'`;
}
