// What changes by itself: asks for the status again and again, and turns counters into rates.
//
// Owns the state of the page: the topology, the last status, and the history of every counter. Listeners are told after each answer.

import { get } from './api.js';

const INTERVAL_MS = 2_000;
const INTERVAL_MS_MAX = 60_000;
/** Every so often the topology is asked for, which a deploy may have changed. */
const TOPOLOGY_EVERY = 15;
const HISTORY = 48;

export const live = {
  /** {complete, nodes, edges}, once it is known */
  topology: null,
  /** of operators: the last answer of /v1/status */
  status: null,
  /** why there is no newer answer */
  problem: null,
  nodes: new Map(),
};

const counters = new Map();
const listeners = new Set();
let wait = INTERVAL_MS;
let timer = 0;
let round = 0;
let asking = null;

/** Calls `listener` after each answer; `listener(true)` when the topology is a new one. Returns what ends that. */
export function follow(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Asks now, and for the topology too when the token `isAnother`. */
export function refresh(isAnother = false) {
  clearTimeout(timer);
  if (isAnother) {
    round = 0;
    live.status = null;
    counters.clear();
  }
  asking?.abort();
  asking = new AbortController();
  return once(asking.signal);
}

async function once(signal) {
  let changed = false;
  try {
    changed = round % TOPOLOGY_EVERY === 0 || !live.topology?.complete || isOutdated() ? await readTopology(signal) : false;
    if (live.topology.complete) {
      live.status = await get('v1/status', signal);
      countStatus(live.status);
    }
    round += 1;
    live.problem = null;
  } catch (problem) {
    // A newer question has taken over.
    if (signal.aborted) return;
    live.problem = problem;
  }
  plan();
  tell(changed);
}

/** The next answer is awaited longer and longer while nobody looks, or nobody answers. */
function plan() {
  wait = document.hidden || live.problem ? Math.min(wait * 2, INTERVAL_MS_MAX) : INTERVAL_MS;
  timer = setTimeout(() => refresh(), wait);
}

function tell(changed) {
  for (const listener of listeners) listener(changed);
}

async function readTopology(signal) {
  const topology = await get('v1/topology', signal);
  const shape = (of) =>
    JSON.stringify([of?.complete, of?.edges, of?.nodes.map(({ id, access, readable }) => [id, access, readable])]);
  const changed = shape(topology) !== shape(live.topology);
  live.topology = topology;
  live.nodes = new Map(topology.nodes.map((node) => [node.id, node]));
  if (!topology.complete) topology.nodes.forEach((node) => countRows(node.id, node.rows, node.row_changes));
  return changed;
}

/** Whether views came or went since the topology was read. */
function isOutdated() {
  const views = live.status?.views.filter((view) => view.state !== 'deploying') ?? [];
  return views.some((view) => !live.nodes.get(view.name)?.access);
}

function countStatus(status) {
  const topics = new Map();
  for (const { topic, visible, lag } of status.partitions) {
    const sum = topics.get(topic) ?? { visible: 0, lag: 0 };
    topics.set(topic, { visible: sum.visible + visible, lag: sum.lag + lag });
  }
  let events = 0;
  let lag = 0;
  for (const node of live.topology.nodes.filter((node) => node.kind === 'source')) {
    const topic = topics.get(node.topic) ?? { visible: 0, lag: 0 };
    node.lag = topic.lag;
    count(node.id, topic.visible);
    events += topic.visible;
    lag += topic.lag;
  }
  count('', events);
  live.lag = lag;
  for (const view of status.views.filter((view) => view.state !== 'deploying')) {
    const node = live.nodes.get(view.name);
    if (node) node.state = view;
    countRows(view.name, view.rows, view.row_changes);
  }
}

function countRows(id, rows, changes) {
  const node = live.nodes.get(id);
  if (node) node.rows = rows;
  if (changes !== null && changes !== undefined) count(id, changes);
}

/** Takes the new value of a counter; one that fell belongs to a process that was started again. */
function count(id, value) {
  const now = performance.now();
  const last = counters.get(id);
  const history = last?.history ?? [];
  if (last && value >= last.value && now > last.at) {
    history.push(((value - last.value) * 1_000) / (now - last.at));
    if (history.length > HISTORY) history.shift();
  }
  counters.set(id, { value, at: now, history });
}

/** Changes per second of a relation, or with '' events per second of all sources; null while it is not known. */
export function rate(id) {
  return counters.get(id)?.history.at(-1) ?? null;
}

/** The last rates. */
export function rates(id) {
  return counters.get(id)?.history ?? [];
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) {
    wait = INTERVAL_MS;
    refresh();
  }
});
