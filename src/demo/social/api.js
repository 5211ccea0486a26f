// Requests to the server that this page is from. Whole numbers of 64 bits are texts, so that no id is rounded.

import { forgetToken, token } from './session.js';

const TIMEOUT_MS = 40_000;
/** Milliseconds for which the server waits until a position is visible. */
const VISIBLE_MS = 20_000;

/** What the server says is wrong (application/problem+json), or that it can't be reached. */
export class Problem extends Error {
  constructor(status, fields) {
    super(fields.detail ?? 'the server did not say why');
    this.status = status;
    this.title = fields.title ?? `status ${status}`;
  }
}

/** One request with these headers; its answer as an object. */
export async function request(method, path, { headers = {}, body, signal } = {}) {
  const type = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { Accept: 'application/json', Prefer: 'bigint=string', ...type, ...headers },
      body,
      cache: 'no-store',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, { title: 'No answer', detail: 'the server could not be reached' });
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw new Problem(response.status, answer ?? {});
}

/** A request of who is signed in; with another token if the server takes this one no more. */
async function ask(method, path, options) {
  const send = async () => {
    const bearer = await token();
    return request(method, path, { ...options, headers: bearer ? { Authorization: `Bearer ${bearer}` } : {} });
  };
  try {
    return await send();
  } catch (problem) {
    if (problem.status !== 401) throw problem;
    forgetToken();
    return send();
  }
}

/** A page of a view, or hits of a search. */
export function get(path, signal) {
  return ask('GET', path, { signal });
}

/** The rows of a view for these conditions; `conditions` are parameters as the API has them. */
export async function rows(view, conditions, signal) {
  const page = await get(`v1/views/${view}?${new URLSearchParams(conditions)}`, signal);
  return page.rows;
}

/** Sends an event; the position at which every view has it. */
export async function send(event) {
  const answer = await ask('POST', 'v1/events', { body: JSON.stringify(event) });
  return answer.position;
}

/** Sends an event, and waits until a view shows what came of it: the rows of these conditions then. */
export async function act(event, view, conditions) {
  const position = await send(event);
  return rows(view, { ...conditions, after: position, wait: VISIBLE_MS });
}
