// Rows on the lanes: messages as lines, turns, disk operations and calls as small bars, marks as signs.
// How what happens to a node or a replica is drawn.
const signs = {
  'crash': { tone: 'bad', shape: 'cross' }, 'client crash': { tone: 'bad', shape: 'cross' },
  'spawn': { tone: 'good', shape: 'up' }, 'pause': { tone: 'warn', shape: 'bars' }, 'resume': { tone: 'good', shape: 'right' },
  'clock step': { tone: 'warn', shape: 'ring' }, 'damage': { tone: 'fault', shape: 'bolt' }, 'torn write': { tone: 'fault', shape: 'bolt' },
  'corrupt': { tone: 'fault', shape: 'dot' }, 'primary': { tone: 'view', shape: 'star' }, 'no longer primary': { tone: 'soft', shape: 'ring' },
  'view change': { tone: 'view', shape: 'diamond' }, 'normal': { tone: 'good', shape: 'dot' }, 'checkpoint': { tone: 'faint', shape: 'down', size: 3.4 },
  'state sync begins': { tone: 'repair', shape: 'down' }, 'state sync ends': { tone: 'repair', shape: 'up' },
  'fenced': { tone: 'bad', shape: 'square' }, 'stuck': { tone: 'bad', shape: 'square' }, 'violation': { tone: 'bad', shape: 'cross' },
};

const Kind = { message: 1, turn: 2, disk: 3, call: 4, commit: 5, sign: 6 };
const kindOf = Uint8Array.from(types, (type) =>
  type.of === 'message' || type.of === 'frame' ? Kind.message : type.of === 'turn' ? Kind.turn : type.of === 'disk' ? Kind.disk : type.name === 'call' ? Kind.call
    : type.name === 'commit' ? Kind.commit : signs[type.name] && type.name !== 'violation' ? Kind.sign : 0);

// What is shown of each kind; of small things that would lie on the same pixel of a lane, the first.
function rowsInView() {
  const found = [0, 1, 2, 3, 4, 5, 6].map(() => []);
  const scale = plotWidth() / (view.to - view.from);
  const coarse = !fine();  // then turns and sound disk operations are everywhere, and say nothing
  const taken = [0, 1, 2, 3, 4, 5, 6].map(() => new Float64Array(lanes.length).fill(-1e18));
  eachRowIn(view.from, view.to, (i) => {
    if (!shown[i]) return;
    const kind = kindOf[typeOf[i]], lane = laneOf[i];
    if (kind === Kind.message) {
      if (toLane[i] >= 0) found[kind].push(i);
      return;
    }
    if (kind === 0 || lane < 0 || (coarse && (kind === Kind.turn || (kind === Kind.disk && fate[i] === 1)))) return;
    if (kind !== Kind.sign) {
      const whole = (kind === Kind.disk && fate[i] > 1) || (kind === Kind.call && fate[i] !== 1);
      const right = (kind === Kind.disk || kind === Kind.call ? at[i] + length[i] : at[i]) * scale;
      if (!whole && right - taken[kind][lane] < 1.5) return;
      taken[kind][lane] = right;
    }
    found[kind].push(i);
  });
  return found;
}

function drawRows(g) {
  const found = rowsInView();
  const messages = found[Kind.message];
  drawnOne = [];
  bundled = messages.length > lineBudget;
  const rest = view.selected >= 0 ? 0.5 : 1;  // what has to do with the selected row stands out
  if (bundled) drawBundles(g, messages, rest);
  else drawMessages(g, messages, rest);
  drawTurns(g, found[Kind.turn]);
  drawDisk(g, found[Kind.disk]);
  drawCalls(g, found[Kind.call]);
  drawCommits(g, found[Kind.commit]);
  drawSigns(g, found[Kind.sign]);
  drawSeenCalls(g);
  drawNear(g);
  if (bundled) noteAggregation(g, messages.length);
}

function noteAggregation(g, messages) {
  g.font = font(11);
  g.textAlign = 'right';
  g.textBaseline = 'middle';
  const text = `${countText(messages)} messages, bundled: zoom in to see each`;
  const wide = g.measureText(text).width + 16;
  g.globalAlpha = 0.9;
  g.fillStyle = tone.paper;
  g.fillRect(canvas.width - wide - 8, canvas.height - 24, wide, 18);
  g.globalAlpha = 1;
  g.fillStyle = tone.soft;
  g.fillText(text, canvas.width - 16, canvas.height - 15);
  g.textAlign = 'left';
}

// One path per family and way of drawing: a few strokes for thousands of lines.
function drawMessages(g, messages, strength) {
  const fine = messages.length < 700;
  const sound = families.map(() => []);
  const copies = [], lost = [];
  for (const i of messages) {
    drawnOne.push(i);
    if (isLost(i) || fate[i] === Fate.underWay) lost.push(i);
    else if (fate[i] === Fate.duplicate) copies.push(i);
    else sound[familyIn(i)].push(i);
  }
  const trace = (rows) => {
    g.beginPath();
    for (const i of rows) {
      const [x0, y0, x1, y1] = lineOf(i);
      g.moveTo(x0, y0);
      g.lineTo(x1, y1);
    }
  };
  g.globalAlpha = strength * (fine ? 0.85 : messages.length < 1500 ? 0.6 : 0.42);
  g.lineWidth = fine ? 1.2 : 1;
  sound.forEach((rows, family) => {
    if (rows.length === 0) return;
    g.strokeStyle = tone.families[family];
    trace(rows);
    g.stroke();
    if (fine) drawHeads(g, rows, tone.families[family]);
  });
  g.globalAlpha = 0.9 * strength;
  g.setLineDash([2, 3]);
  g.strokeStyle = tone.repair;
  trace(copies);
  g.stroke();
  g.setLineDash([4, 3]);
  g.strokeStyle = tone.bad;
  trace(lost);
  g.stroke();
  g.setLineDash([]);
  drawCrosses(g, lost.filter(isLost));
  g.globalAlpha = 1;
  if (messages.length < 60) labelMessages(g, messages);
}

function drawHeads(g, rows, colour) {
  g.fillStyle = colour;
  g.beginPath();
  for (const i of rows) {
    const [x0, y0, x1, y1] = lineOf(i);
    const d = Math.hypot(x1 - x0, y1 - y0) || 1;
    const ux = (x1 - x0) / d, uy = (y1 - y0) / d;
    g.moveTo(x1, y1);
    g.lineTo(x1 - 6 * ux - 2.4 * uy, y1 - 6 * uy + 2.4 * ux);
    g.lineTo(x1 - 6 * ux + 2.4 * uy, y1 - 6 * uy - 2.4 * ux);
  }
  g.fill();
}
function drawCrosses(g, rows) {
  g.strokeStyle = tone.bad;
  g.lineWidth = 1.4;
  g.beginPath();
  for (const i of rows) {
    const [, , x, y] = lineOf(i);
    g.moveTo(x - 3, y - 3);
    g.lineTo(x + 3, y + 3);
    g.moveTo(x - 3, y + 3);
    g.lineTo(x + 3, y - 3);
  }
  g.stroke();
}

// The kind, and what it is about, along the line where there is room.
function labelMessages(g, messages) {
  g.font = font(10.5);
  g.textBaseline = 'bottom';
  const taken = [];
  for (const i of messages) {
    const [x0, y0, x1, y1] = lineOf(i);
    const op = field(i, 'op') || field(i, 'commit') || field(i, 'entry_op') || field(i, 'request');
    const text = nameOf(i).replaceAll('_', ' ') + (op ? ' ' + op : '');
    const wide = g.measureText(text).width;
    const long = Math.hypot(x1 - x0, y1 - y0);
    const steep = Math.abs((y1 - y0) / (x1 - x0 || 1)) > 2.2;  // then the text stands beside the line
    if (!steep && long < wide + 16) continue;
    const cx = x0 + (x1 - x0) * 0.5, cy = y0 + (y1 - y0) * 0.5;
    const angle = steep ? 0 : Math.atan2(y1 - y0, x1 - x0);
    const textX = steep ? cx + 5 + wide / 2 : cx;
    if (taken.some(([x, y, w]) => Math.abs(x - textX) < (wide + w) * 0.52 && Math.abs(y - cy) < 13)) continue;
    taken.push([textX, cy, wide]);
    g.save();
    g.translate(textX, cy);
    g.rotate(Math.abs(angle) > Math.PI / 2 ? angle + Math.PI : angle);
    g.fillStyle = isLost(i) ? tone.bad : tone.families[familyIn(i)];
    g.fillText(text, -wide / 2, -2);
    g.restore();
  }
}

// From afar: one line for all messages of a pair of lanes in a stretch of time, the stronger the more there are.
const cells = { n: new Uint32Array(0), lost: new Uint32Array(0), x: new Float64Array(0), families: new Uint8Array(0) };
function drawBundles(g, messages, strength) {
  const width = lanes.length, pairs = new Uint8Array(width * width);
  for (const i of messages) pairs[laneOf[i] * width + toLane[i]] = 1;
  const places = new Int32Array(width * width);
  let used = 0;
  pairs.forEach((met, pair) => { if (met) places[pair] = used++; });
  const cell = Math.max(2, Math.ceil((used * plotWidth()) / lineBudget));
  const columns = Math.ceil(plotWidth() / cell) + 2;
  if (cells.n.length < columns * used)
    for (const name in cells) cells[name] = new cells[name].constructor(columns * used);
  for (const name of ['n', 'lost', 'x']) cells[name].fill(0);
  const plain = familyPlace.replicate, scale = plotWidth() / (view.to - view.from) / cell;
  for (const i of messages) {
    const column = Math.min(columns - 1, Math.max(0, Math.floor((startOf(i) - view.from) * scale) + 1));
    const key = places[laneOf[i] * width + toLane[i]] * columns + column;
    if (cells.n[key]++ === 0 || cells.families[key] === plain) cells.families[key] = familyIn(i);
    cells.x[key] += (startOf(i) - view.from) * scale;
    if (isLost(i)) ++cells.lost[key];
  }
  const bundles = [];
  pairs.forEach((met, pair) => {
    for (let column = 0; met && column < columns; ++column) {
      const key = places[pair] * columns + column;
      if (cells.n[key] > 0)
        bundles.push({ from: Math.floor(pair / width), to: pair % width, n: cells.n[key], lost: cells.lost[key], x: cells.x[key] / cells.n[key], family: cells.families[key] });
    }
  });
  let most = 1;
  for (const bundle of bundles) most = Math.max(most, bundle.n);
  const strengths = 4;
  const paths = families.map(() => Array.from({ length: strengths }, () => []));
  const lost = [];
  for (const bundle of bundles) {
    if (bundle.n > bundle.lost) paths[bundle.family][Math.min(strengths - 1, Math.floor((bundle.n / most) * strengths))].push(bundle);
    if (bundle.lost > 0) lost.push(bundle);
  }
  const ends = ({ x: middle, from, to }) => {
    const x = canvas.left + middle * cell, up = to < from;
    return [x, laneY(from) + (up ? -1 : 1) * laneHalf(from), x + Math.min(cell, 6), laneY(to) + (up ? 1 : -1) * laneHalf(to)];
  };
  g.lineWidth = 1;
  paths.forEach((levels, family) =>
    levels.forEach((level, l) => {
      if (level.length === 0) return;
      g.strokeStyle = tone.families[family];
      g.globalAlpha = (0.09 + 0.1 * l) * strength;
      g.beginPath();
      for (const bundle of level) {
        const [x0, y0, x1, y1] = ends(bundle);
        g.moveTo(x0, y0);
        g.lineTo(x1, y1);
      }
      g.stroke();
    }));
  g.globalAlpha = 0.75;
  g.fillStyle = tone.bad;
  for (const bundle of lost) {
    const [x, y0, , y1] = ends(bundle);
    const up = y1 < y0;
    g.fillRect(x - 1, up ? y0 - 7 : y0 + 1, 2, 6);
  }
  g.globalAlpha = 1;
}

const fine = () => (view.to - view.from) / plotWidth() < 1e6;
function drawTurns(g, rows) {
  g.fillStyle = tone.turn;
  g.globalAlpha = 0.7;
  for (const i of rows) {
    const lane = laneOf[i];
    g.fillRect(xOf(at[i]) - 0.5, laneY(lane) + laneHalf(lane) - 4, 1, 4);
    drawnOne.push(i);
  }
  g.globalAlpha = 1;
}

function drawDisk(g, rows) {
  for (const i of rows) {
    const x0 = xOf(at[i]), wide = Math.max(1, xOf(at[i] + length[i]) - x0), bad = fate[i] > 1;
    const y = laneY(laneOf[i]) + laneHalf(laneOf[i]) + 4;
    g.fillStyle = bad ? tone.bad : tone.disk;
    g.globalAlpha = bad ? 1 : 0.7;
    g.fillRect(x0, y, wide, bad ? 4 : 2.5);
    drawnOne.push(i);
  }
  g.globalAlpha = 1;
}

function drawCalls(g, rows) {
  g.font = font(10.5);
  g.textBaseline = 'middle';
  const colours = [tone.faint, tone.client, tone.warn, tone.bad];
  for (const i of rows) {
    const x0 = xOf(at[i]), x1 = fate[i] === 0 ? xOf(end) : xOf(at[i] + length[i]);
    const y = laneY(laneOf[i]), half = laneHalf(laneOf[i]);
    g.globalAlpha = fate[i] === 0 ? 0.4 : 0.7;
    g.fillStyle = colours[fate[i]] ?? tone.bad;
    g.fillRect(x0, y - half, Math.max(1.2, x1 - x0 - 0.6), 2 * half);
    g.globalAlpha = 1;
    drawnOne.push(i);
    if (x1 - x0 < 34) continue;
    const text = fieldsOf(i)[0][1], left = Math.max(x0, canvas.left) + 5;
    if (g.measureText(text).width > x1 - left - 3) continue;
    g.fillStyle = tone.paper;
    g.fillText(text, left, y + 0.5);
  }
}

function drawCommits(g, rows) {
  g.fillStyle = tone.replicate;
  g.globalAlpha = 0.8;
  for (const i of rows) {
    g.fillRect(xOf(at[i]) - 0.5, laneY(laneOf[i]) - laneHalf(laneOf[i]) - 4, 1, 4);
    drawnOne.push(i);
  }
  g.globalAlpha = 1;
}
