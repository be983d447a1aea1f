// Signs on the lanes: what happened to a node or a replica. And the causes and effects of the selected row.
const signOf = types.map((type) => signs[type.name] ?? null);

function drawSign(g, shape, x, y, r) {
  g.beginPath();
  if (shape === 'cross') {
    g.lineWidth = 2.2;
    g.moveTo(x - r, y - r);
    g.lineTo(x + r, y + r);
    g.moveTo(x - r, y + r);
    g.lineTo(x + r, y - r);
    g.stroke();
    return;
  }
  const points = {
    up: [[0, -1], [1, 0.8], [-1, 0.8]], down: [[0, 1], [1, -0.8], [-1, -0.8]], right: [[1, 0], [-0.8, 1], [-0.8, -1]],
    diamond: [[0, -1.15], [1.15, 0], [0, 1.15], [-1.15, 0]], square: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
    bolt: [[0.3, -1.3], [-0.9, 0.25], [-0.05, 0.25], [-0.3, 1.3], [0.9, -0.25], [0.05, -0.25]],
    star: [...Array(10)].map((_, k) => {
      const a = (Math.PI * k) / 5 - Math.PI / 2, s = k % 2 === 0 ? 1.4 : 0.58;
      return [Math.cos(a) * s, Math.sin(a) * s];
    }),
  }[shape];
  if (points) {
    points.forEach(([px, py], k) => (k === 0 ? g.moveTo(x + px * r, y + py * r) : g.lineTo(x + px * r, y + py * r)));
    g.closePath();
    g.fill();
  } else if (shape === 'bars') {
    g.rect(x - r, y - r, r * 0.7, 2 * r);
    g.rect(x + r * 0.3, y - r, r * 0.7, 2 * r);
    g.fill();
  } else if (shape === 'ring') {
    g.lineWidth = 1.6;
    g.arc(x, y, r * 0.8, 0, 7);
    g.stroke();
  } else {
    g.arc(x, y, r * 0.62, 0, 7);
    g.fill();
  }
}

const signY = (i) => laneOf[i] < 0 ? countedY() : laneY(laneOf[i]) - laneHalf(laneOf[i]) - 7;
function drawSigns(g, rows) {
  const last = new Map();
  for (const i of rows) {
    const lane = laneOf[i], x = xOf(at[i]);
    const sign = signOf[typeOf[i]];
    const key = lane * 64 + (typeOf[i] % 64);
    if (x - (last.get(key) ?? -99) < 9) continue;  // the same again at once: one sign
    last.set(key, x);
    g.fillStyle = g.strokeStyle = tone[sign.tone];
    drawSign(g, sign.shape, x, signY(i), sign.size ?? 4.4);
    drawnOne.push(i);
  }
}

// What led to the selected row, and what came of it: drawn over everything, whatever is filtered.
function drawNear(g) {
  if (view.selected < 0) return;
  g.strokeStyle = tone.cause;
  g.lineWidth = 1.7;
  g.globalAlpha = 0.8;
  const lines = (rows) => {
    g.beginPath();
    for (const i of rows) {
      if (!isMessage(i) || toLane[i] < 0 || laneOf[i] < 0) continue;
      const [x0, y0, x1, y1] = lineOf(i);
      if (x1 < canvas.left || x0 > canvas.width) continue;
      g.moveTo(x0, y0);
      g.lineTo(x1, y1);
    }
    g.stroke();
  };
  lines(near.past);
  g.setLineDash([5, 3]);
  lines(near.future);
  g.setLineDash([]);
  g.globalAlpha = 1;
  const i = view.selected;
  g.strokeStyle = g.fillStyle = tone.select;
  if (isMessage(i) && toLane[i] >= 0) {
    const [x0, y0, x1, y1] = lineOf(i);
    g.lineWidth = 2.6;
    g.beginPath();
    g.moveTo(x0, y0);
    g.lineTo(x1, y1);
    g.stroke();
    drawHeads(g, [i], tone.select);
  } else if (laneOf[i] >= 0) {
    const x = xOf(at[i]), y = isMark(i) ? signY(i) : laneY(laneOf[i]);
    g.lineWidth = 1.6;
    g.beginPath();
    g.arc(x, y, 9, 0, 7);
    g.stroke();
  } else {
    g.fillRect(xOf(at[i]) - 0.5, layout.lanesTop - 4, 1, canvas.height);
  }
}

// --- what is under the pointer
function distanceTo(i, x, y) {
  if (isMessage(i) || Of.frame[typeOf[i]]) {
    const [x0, y0, x1, y1] = lineOf(i);
    if (x < Math.min(x0, x1) - 6 || x > Math.max(x0, x1) + 6) return 99;
    const dx = x1 - x0, dy = y1 - y0;
    const s = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1)));
    return Math.hypot(x - x0 - s * dx, y - y0 - s * dy);
  }
  if (isMark(i)) {
    const dy = Math.abs(y - signY(i)), dx = Math.abs(x - xOf(at[i]));
    if (nameOf(i) === 'commit') return dx < 3 && dy < 7 ? 2 + dx : 99;
    return dx < 7 && dy < 8 ? Math.hypot(dx, dy) * 0.3 : 99;
  }
  const centre = laneY(laneOf[i]), half = laneHalf(laneOf[i]);
  const x0 = xOf(at[i]), x1 = nameOf(i) === 'call' && fate[i] === 0 ? xOf(end) : xOf(at[i] + length[i]);
  if (isTurn(i)) return Math.abs(x - x0) < 3 && Math.abs(y - centre) < half ? Math.abs(x - x0) : 99;
  if (Of.disk[typeOf[i]]) return x > x0 - 2 && x < x1 + 2 && Math.abs(y - centre - half - 5) < 3 ? 1.5 : 99;
  return x > x0 - 1 && x < x1 + 1 && Math.abs(y - centre) < half ? 3.4 : 99;
}
function rowUnder(x, y) {
  if (x < canvas.left) return -1;
  if (violation >= 0 && y < axisHeight && Math.abs(x - xOf(at[violation])) < 60) return violation;
  let best = -1, nearest = 5;
  for (const i of drawnOne) {
    const d = distanceTo(i, x, y);
    if (d < nearest) {
      nearest = d;
      best = i;
    }
  }
  return best;
}
