// Rows on the lanes: messages as lines, turns, disk operations and calls as small bars, marks as signs.
const pairStamp = new Map();

function drawRows(g) {
  const messages = [], others = [];
  eachRowIn(view.from, view.to, (i) => {
    if (!shown[i]) return;
    if (Of.message[typeOf[i]]) {
      if (toLane[i] >= 0) messages.push(i);
    } else if (laneOf[i] >= 0) {
      others.push(i);
    }
  });
  drawnOne = [];
  bundled = messages.length > lineBudget;
  if (bundled) drawBundles(g, messages);
  else drawMessages(g, messages);
  drawBars(g, others);
  drawMarks(g, others);
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
function drawMessages(g, messages) {
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
  g.globalAlpha = fine ? 0.85 : messages.length < 1500 ? 0.6 : 0.42;
  g.lineWidth = fine ? 1.2 : 1;
  sound.forEach((rows, family) => {
    if (rows.length === 0) return;
    g.strokeStyle = tone.families[family];
    trace(rows);
    g.stroke();
    if (fine) drawHeads(g, rows, tone.families[family]);
  });
  g.globalAlpha = 0.9;
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
    if (long < wide + 16) continue;
    const cx = x0 + (x1 - x0) * 0.5, cy = y0 + (y1 - y0) * 0.5;
    const angle = Math.atan2(y1 - y0, x1 - x0);
    if (Math.abs(angle) > 1.2 && Math.abs(angle) < 1.95) continue;
    if (taken.some(([x, y]) => Math.abs(x - cx) < wide * 0.8 && Math.abs(y - cy) < 13)) continue;
    taken.push([cx, cy]);
    g.save();
    g.translate(cx, cy);
    g.rotate(Math.abs(angle) > Math.PI / 2 ? angle + Math.PI : angle);
    g.fillStyle = isLost(i) ? tone.bad : tone.families[familyIn(i)];
    g.fillText(text, -wide / 2, -2);
    g.restore();
  }
}

// From afar: one line for all messages of a pair of lanes in a stretch of time, the stronger the more there are.
function drawBundles(g, messages) {
  const pairs = new Set();
  for (let k = 0; k < messages.length; k += 7) pairs.add(laneOf[messages[k]] * 256 + toLane[messages[k]]);
  const cell = Math.max(2, Math.ceil((pairs.size * plotWidth()) / lineBudget));
  pairStamp.clear();
  for (const i of messages) {
    const bin = Math.floor((xOf(startOf(i)) - canvas.left) / cell);
    const key = ((bin + 64) * 256 + laneOf[i]) * 256 + toLane[i];
    let bundle = pairStamp.get(key);
    if (!bundle) pairStamp.set(key, (bundle = { row: i, n: 0, lost: 0, bin, family: familyIn(i) }));
    ++bundle.n;
    if (isLost(i)) ++bundle.lost;
    else if (families[bundle.family].id === 'replicate') bundle.family = familyIn(i);
  }
  let most = 1;
  for (const bundle of pairStamp.values()) most = Math.max(most, bundle.n);
  const strengths = 4;
  const paths = families.map(() => Array.from({ length: strengths }, () => []));
  const lost = [];
  for (const bundle of pairStamp.values()) {
    if (bundle.n > bundle.lost) paths[bundle.family][Math.min(strengths - 1, Math.floor((bundle.n / most) * strengths))].push(bundle);
    if (bundle.lost > 0) lost.push(bundle);
  }
  const ends = (bundle) => {
    const x = canvas.left + (bundle.bin + 0.5) * cell;
    const from = laneOf[bundle.row], to = toLane[bundle.row], up = to < from;
    return [x, laneY(from) + (up ? -1 : 1) * laneHalf(from), x + Math.min(cell, 6), laneY(to) + (up ? 1 : -1) * laneHalf(to)];
  };
  g.lineWidth = 1;
  paths.forEach((levels, family) =>
    levels.forEach((level, strength) => {
      if (level.length === 0) return;
      g.strokeStyle = tone.families[family];
      g.globalAlpha = 0.09 + 0.1 * strength;
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

// Turns, disk operations, calls.
function drawBars(g, rows) {
  const perPixel = (view.to - view.from) / plotWidth();
  const fine = perPixel < 1e6;
  let lastX = new Float64Array(lanes.length).fill(-9);
  g.fillStyle = tone.turn;
  for (const i of rows) {
    if (!isTurn(i)) continue;
    const x = xOf(at[i]), lane = laneOf[i];
    if (x - lastX[lane] < 1.5) continue;
    lastX[lane] = x;
    g.globalAlpha = fine ? 0.8 : 0.25;
    g.fillRect(x - 0.5, laneY(lane) - 2.5, 1, 5);
    if (fine) drawnOne.push(i);
  }
  g.globalAlpha = 1;
  lastX = new Float64Array(lanes.length).fill(-9);
  for (const i of rows) {
    if (!Of.disk[typeOf[i]]) continue;
    const x0 = xOf(at[i]), x1 = xOf(at[i] + length[i]), lane = laneOf[i];
    const bad = fate[i] > 1;
    if (x1 - x0 < 1 && x0 - lastX[lane] < 1.5 && !bad) continue;
    lastX[lane] = x0;
    const y = laneY(lane) + laneHalf(lane) + 4;
    g.fillStyle = bad ? tone.bad : tone.disk;
    g.globalAlpha = bad ? 1 : nameOf(i) === 'write' ? 0.75 : 0.4;
    g.fillRect(x0, y, Math.max(1, x1 - x0), bad ? 4 : 2.5);
    if (fine) drawnOne.push(i);
  }
  g.globalAlpha = 1;
  g.font = font(10.5);
  g.textBaseline = 'middle';
  lastX = new Float64Array(lanes.length).fill(-9);
  for (const i of rows) {
    if (nameOf(i) !== 'call') continue;
    const open = fate[i] === 0;
    const x0 = xOf(at[i]), x1 = open ? xOf(end) : xOf(at[i] + length[i]), lane = laneOf[i];
    if (x1 - lastX[lane] < 1) continue;
    lastX[lane] = x1;
    const y = laneY(lane), half = laneHalf(lane);
    g.globalAlpha = open ? 0.35 : 0.7;
    g.fillStyle = fate[i] === 1 ? tone.client : fate[i] === 2 ? tone.warn : open ? tone.faint : tone.bad;
    g.fillRect(x0, y - half, Math.max(1.2, x1 - x0 - 0.6), 2 * half);
    g.globalAlpha = 1;
    if (x1 - x0 > 40) {
      g.fillStyle = tone.paper;
      textIn(g, fieldsOf(i)[0][1], Math.max(x0, canvas.left), x1, y + 0.5, 4);
    }
    drawnOne.push(i);
  }
}
