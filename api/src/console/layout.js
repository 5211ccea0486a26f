// Where the boxes of a graph lie: layers from left to right by the longest path, edges that cross little and bend softly. Boxes without an
// edge stand below in rows.
//
// Boxes with a size and edges enter, places leave. The same graph always looks the same.

const GAP_X = 58;
const GAP_Y = 16;
/** The width of rows when nothing is said. */
const ROOM = 1200;
/** Between the layers and the rows. */
const GAP_ROWS = 34;
const WAYPOINT_HEIGHT = 6;
const SWEEPS = 16;
const RELAXATIONS = 24;

/**
 * `boxes`: [{id, width, height}], `edges`: [{from, to}] by id, `room`: the width that rows of boxes without an edge may have. Returns
 * {width, height, places: Map of id to {x, y, width, height}, lines: [{from, to, path}]}.
 */
export function layout(boxes, edges, room = ROOM) {
  const ids = new Set(boxes.map((box) => box.id));
  const links = edges.filter(({ from, to }) => ids.has(from) && ids.has(to));
  const linked = new Set(links.flatMap(({ from, to }) => [from, to]));
  const layered = layers(
    boxes.filter((box) => linked.has(box.id)),
    links,
  );
  const top = layered.height ? layered.height + GAP_ROWS : 0;
  const alone = boxes.filter((box) => !linked.has(box.id));
  const rows = wrapped(alone, room, top);
  return {
    width: Math.max(layered.width, rows.width),
    height: Math.max(layered.height, rows.height),
    places: new Map([...layered.places, ...rows.places]),
    lines: layered.lines,
  };
}

/** Boxes that edges link. */
function layers(boxes, links) {
  const known = new Map(boxes.map((box) => [box.id, { ...box, ins: [], outs: [], layer: 0, real: true }]));
  assignLayers(known, links);
  const routes = links.map((link) => ({ ...link, stops: [] }));
  const found = withWaypoints(known, routes);
  order(found);
  return place(found, known, routes);
}

/** Boxes in rows of equally wide columns, as many as there is room for, below `top`. */
function wrapped(boxes, room, top) {
  const column = Math.max(...boxes.map((box) => box.width), 0);
  const columns = Math.min(Math.max(Math.floor((room + GAP_Y) / (column + GAP_Y)), 1), boxes.length);
  const places = new Map();
  let y = top;
  for (let first = 0; first < boxes.length; first += columns) {
    const row = boxes.slice(first, first + columns);
    row.forEach((box, at) => places.set(box.id, { ...box, x: at * (column + GAP_Y), y, width: column }));
    y += Math.max(...row.map((box) => box.height)) + GAP_Y;
  }
  return { width: Math.max(columns * (column + GAP_Y) - GAP_Y, 0), height: boxes.length ? y - GAP_Y : 0, places };
}

function assignLayers(known, links) {
  const open = new Map([...known.keys()].map((id) => [id, 0]));
  links.forEach(({ to }) => open.set(to, open.get(to) + 1));
  const ready = [...known.keys()].filter((id) => open.get(id) === 0);
  for (let at = 0; at < ready.length; at += 1) {
    for (const { to } of links.filter(({ from }) => from === ready[at])) {
      known.get(to).layer = Math.max(known.get(to).layer, known.get(ready[at]).layer + 1);
      open.set(to, open.get(to) - 1);
      if (open.get(to) === 0) ready.push(to);
    }
  }
}

/** Edges that pass a layer get a waypoint in it; those of one box share it, so that they run together until they part. */
function withWaypoints(known, routes) {
  const layers = [];
  const add = (box) => (layers[box.layer] ??= []).push(box);
  known.forEach(add);
  const waypoints = new Map();
  for (const route of routes) {
    const [from, to] = [known.get(route.from), known.get(route.to)];
    let last = from;
    for (let layer = from.layer + 1; layer < to.layer; layer += 1) {
      const key = `${layer} ${route.from}`;
      if (!waypoints.has(key)) {
        const waypoint = { id: key, width: 0, height: WAYPOINT_HEIGHT, ins: [], outs: [], layer, real: false };
        waypoints.set(key, waypoint);
        add(waypoint);
        connect(last, waypoint);
      }
      last = waypoints.get(key);
      route.stops.push(last);
    }
    connect(last, to);
  }
  return layers;
}

function connect(from, to) {
  from.outs.push(to);
  to.ins.push(from);
}

/** Sorts each layer by the middle of its neighbours, forth and back, and keeps the order with the fewest crossings. */
function order(layers) {
  const number = () => layers.forEach((layer) => layer.forEach((box, at) => (box.at = at)));
  number();
  let best = { crossings: Infinity, layers: [] };
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forth = sweep % 2 === 0;
    for (const layer of forth ? layers.slice(1) : layers.slice(0, -1).reverse()) {
      layer.forEach((box) => (box.wish = middle(forth ? box.ins : box.outs, box.at)));
      layer.sort((a, b) => a.wish - b.wish || a.at - b.at);
      layer.forEach((box, at) => (box.at = at));
    }
    const crossings = countCrossings(layers);
    if (crossings < best.crossings) best = { crossings, layers: layers.map((layer) => [...layer]) };
  }
  best.layers.forEach((layer, at) => (layers[at] = layer));
  number();
}

function middle(boxes, otherwise) {
  return boxes.length ? boxes.reduce((sum, box) => sum + box.at, 0) / boxes.length : otherwise;
}

function countCrossings(layers) {
  let crossings = 0;
  for (const layer of layers) {
    const ends = layer.flatMap((box) => box.outs.map((out) => out.at).sort((a, b) => a - b));
    for (let left = 0; left < ends.length; left += 1) {
      for (let right = left + 1; right < ends.length; right += 1) if (ends[left] > ends[right]) crossings += 1;
    }
  }
  return crossings;
}

function place(layers, known, routes) {
  for (const layer of layers)
    stack(
      layer,
      layer.map(() => 0),
    );
  for (let round = 0; round < RELAXATIONS; round += 1) {
    const forth = round % 2 === 0;
    for (const layer of forth ? layers : [...layers].reverse()) {
      stack(
        layer,
        layer.map((box) => wishedCentre(box, forth)),
      );
    }
  }
  closeGaps(layers.flat());
  const top = Math.min(...layers.flat().map((box) => box.centre - box.height / 2), 0);
  let x = 0;
  for (const layer of layers) {
    const width = Math.max(...layer.map((box) => box.width));
    // Boxes of a layer are equally wide: their edges make a line for the eye.
    for (const box of layer) Object.assign(box, { x, y: box.centre - box.height / 2 - top, width });
    x += width + GAP_X;
  }
  const lines = routes.map((route) => ({
    from: route.from,
    to: route.to,
    path: path(known.get(route.from), route.stops, known.get(route.to)),
  }));
  const height = Math.max(...layers.flat().map((box) => box.y + box.height), 0);
  return { width: Math.max(x - GAP_X, 0), height, places: known, lines };
}

/** Takes out the bands in which nothing lies but lines: parts of a graph that no edge links drift apart while boxes look for their neighbours. */
function closeGaps(boxes) {
  const upper = (box) => box.centre - box.height / 2;
  let bottom = Infinity;
  let shift = 0;
  for (const box of [...boxes].sort((a, b) => upper(a) - upper(b))) {
    shift += Math.max(upper(box) - bottom - GAP_ROWS, 0);
    bottom = Math.max(Number.isFinite(bottom) ? bottom : upper(box), box.centre + box.height / 2);
    box.centre -= shift;
  }
}

function wishedCentre(box, forth) {
  const [near, far] = forth ? [box.ins, box.outs] : [box.outs, box.ins];
  const around = near.length ? near : far;
  return around.length ? around.reduce((sum, other) => sum + other.centre, 0) / around.length : (box.centre ?? 0);
}

/** Centres as near as possible to those wished for, in the given order and without overlaps: blocks of neighbours that push. */
function stack(layer, wishes) {
  const blocks = [];
  let offset = 0;
  layer.forEach((box, at) => {
    const before = layer[at - 1];
    offset += before ? (before.height + box.height) / 2 + (before.real && box.real ? GAP_Y : GAP_Y / 2) : 0;
    box.offset = offset;
    let block = { sum: wishes[at] - offset, size: 1 };
    while (blocks.length && mean(blocks.at(-1)) > mean(block)) {
      const above = blocks.pop();
      block = { sum: above.sum + block.sum, size: above.size + block.size };
    }
    blocks.push(block);
  });
  const starts = blocks.flatMap((block) => Array(block.size).fill(mean(block)));
  layer.forEach((box, at) => (box.centre = starts[at] + box.offset));
}

function mean(block) {
  return block.sum / block.size;
}

function path(from, stops, to) {
  const points = [[from.x + from.width, from.y + from.height / 2]];
  for (const stop of stops) {
    const y = stop.y + stop.height / 2;
    points.push([stop.x, y], [stop.x + stop.width, y]);
  }
  points.push([to.x, to.y + to.height / 2]);
  const round = (number) => Math.round(number * 10) / 10;
  let text = `M${round(points[0][0])},${round(points[0][1])}`;
  for (let at = 1; at < points.length; at += 1) {
    const [[x, y], [toX, toY]] = [points[at - 1], points[at]];
    const bend = round((x + toX) / 2);
    text += `C${bend},${round(y)} ${bend},${round(toY)} ${round(toX)},${round(toY)}`;
  }
  return text;
}
