// Following a query: its rows, and then every change of them, for as long as somebody looks.
//
// It is a WebSocket for each query, since a browser opens only six other streams to a server for all of its tabs together. A connection that
// is lost is made again, behind the last event that came. Rows change as a whole, when the server says that they are those of a position.

import { Problem, get } from './api.js';
import { forgetToken, token } from './session.js';

const PAUSE_MS = 400;
const PAUSE_MS_MAX = 15_000;
const TOKEN_PROBLEMS = 401;

/** The queries whose connection is lost. */
const lost = new Set();
const listeners = new Set();

/** Calls `listener` with the number of connections that are lost, when it has changed. */
export function watchConnections(listener) {
  listeners.add(listener);
}

function note(feed, isLost) {
  const before = lost.size;
  if (isLost) lost.add(feed);
  else lost.delete(feed);
  if (lost.size !== before) listeners.forEach((listener) => listener(lost.size));
}

/** Follows a view for `conditions` by the columns `key`. `changed` is called with the rows, an array, and their position; `failed` with a problem
 * that will not pass by itself. Returns what ends it. */
export function follow(view, conditions, key, changed, failed = () => {}) {
  const feed = {
    view,
    query: { ...conditions, key: key.join(','), bigint: 'string' },
    key,
    changed,
    failed,
    rows: new Map(),
    lastId: null,
    isDirty: true,
    isOver: false,
    pause: PAUSE_MS,
    timer: 0,
    socket: null,
  };
  open(feed);
  return () => {
    feed.isOver = true;
    clearTimeout(feed.timer);
    close(feed.socket);
    note(feed, false);
  };
}

/** Closes a socket, which a browser complains of while it is still connecting. */
function close(socket) {
  if (socket?.readyState === WebSocket.CONNECTING) socket.addEventListener('open', () => socket.close());
  else socket?.close();
}

async function open(feed) {
  let bearer;
  try {
    bearer = await token();
  } catch (problem) {
    return again(feed, problem);
  }
  if (feed.isOver) return;
  const query = new URLSearchParams(feed.query);
  if (feed.lastId) query.set('last_event_id', feed.lastId);
  const url = new URL(`v1/views/${feed.view}/subscribe?${query}`, document.baseURI);
  url.protocol = url.protocol.replace('http', 'ws');
  const socket = new WebSocket(url, ['tidewater.v1', ...(bearer ? [`bearer.${bearer}`] : [])]);
  feed.socket = socket;
  let isOpened = false;
  socket.addEventListener('open', () => (isOpened = true));
  socket.addEventListener('message', ({ data }) => take(feed, JSON.parse(data)));
  socket.addEventListener('close', () => {
    if (feed.isOver || feed.socket !== socket) return;
    if (isOpened) again(feed, null);
    else findReason(feed);
  });
}

/** A browser does not say why a WebSocket was refused; the same question as a page does. */
async function findReason(feed) {
  try {
    const { key, bigint, ...conditions } = feed.query;
    await get(`v1/views/${feed.view}?${new URLSearchParams({ ...conditions, limit: 1 })}`);
    again(feed, null);
  } catch (problem) {
    again(feed, problem);
  }
}

/** Connects again after a while, if that may help. */
function again(feed, problem) {
  if (feed.isOver) return;
  if (problem?.status === TOKEN_PROBLEMS) forgetToken();
  const mayPass = !problem || [0, TOKEN_PROBLEMS, 408, 409, 429].includes(problem.status) || problem.status >= 500;
  if (!mayPass) {
    feed.isOver = true;
    feed.failed(problem);
    return;
  }
  note(feed, true);
  feed.timer = setTimeout(() => open(feed), feed.pause * (0.75 + Math.random() / 2));
  feed.pause = Math.min(feed.pause * 2, PAUSE_MS_MAX);
}

function take(feed, message) {
  if (feed.isOver) return;
  const { event, id, row } = message;
  if (event === 'error') {
    close(feed.socket);
    feed.socket = null;
    again(feed, new Problem(message.status, message));
    return;
  }
  if (id) feed.lastId = id;
  if (event === 'reset') {
    feed.rows.clear();
    feed.isDirty = true;
  } else if (event === 'upsert') {
    feed.rows.set(keyOf(feed, row), row);
    feed.isDirty = true;
  } else if (event === 'delete') {
    feed.rows.delete(keyOf(feed, message.key ?? row));
    feed.isDirty = true;
  } else if (event === 'progress') {
    feed.pause = PAUSE_MS;
    note(feed, false);
    if (!feed.isDirty) return;
    feed.isDirty = false;
    feed.changed([...feed.rows.values()], message.position);
  }
}

function keyOf(feed, values) {
  return JSON.stringify(feed.key.map((name) => values[name]));
}
