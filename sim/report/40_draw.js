// The diagram, from back to front.
const font = (size, weight = 400) => `${weight} ${size}px system-ui, -apple-system, "Segoe UI", Inter, "DejaVu Sans", sans-serif`;
const lineBudget = 2600;       // lines; beyond, those of one pair and one stretch of time are drawn as one
let drawnOne = [];             // rows that can be pointed at: drawn each by itself
let bundled = false;

function paintDiagram() {
  const g = diagram.getContext('2d');
  g.setTransform(canvas.ratio, 0, 0, canvas.ratio, 0, 0);
  g.fillStyle = tone.paper;
  g.fillRect(0, 0, canvas.width, canvas.height);
  drawAxis(g);
  drawPhases(g);
  drawBands(g);
  drawCurve(g);
  drawMissing(g);
  g.save();
  g.beginPath();
  g.rect(0, layout.lanesTop - 4, canvas.width, canvas.height);
  g.clip();
  const labels = lanes.map((_, lane) => drawLane(g, lane));
  g.beginPath();
  g.rect(canvas.left, layout.lanesTop - 4, canvas.width, canvas.height);
  g.clip();
  drawRows(g);
  labels.forEach((texts, lane) => drawLabels(g, texts, laneY(lane)));  // over the lines
  g.restore();
  drawCounted(g);
  drawViolation(g);
  drawLaneNames(g);
}

function clipped(from, to) {
  const x0 = Math.max(xOf(from), canvas.left), x1 = Math.min(xOf(to), canvas.width);
  return x1 > x0 ? [x0, x1] : null;
}
function textIn(g, text, x0, x1, y, pad = 5) {
  const room = x1 - x0 - 2 * pad;
  if (room < 24) return;
  let fits = text;
  if (g.measureText(fits).width > room) {
    while (fits.length > 1 && g.measureText(fits + '…').width > room) fits = fits.slice(0, -1);
    fits += '…';
  }
  if (fits === text || fits.length > 8) g.fillText(fits, x0 + pad, y);
}

function drawAxis(g) {
  const span = view.to - view.from;
  let step = Math.pow(10, Math.floor(Math.log10((span * 110) / plotWidth())));
  for (const factor of [1, 2, 5, 10])
    if ((step * factor * plotWidth()) / span >= 95) {
      step *= factor;
      break;
    }
  g.font = font(11);
  g.textBaseline = 'middle';
  g.textAlign = 'center';
  const unit = step >= 1e9 ? [1e9, 's'] : step >= 1e6 ? [1e6, 'ms'] : step >= 1e3 ? [1e3, 'µs'] : [1, 'ns'];
  const digits = unit[1] === 's' ? 0 : 0;
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
    const x = xOf(t);
    if (x < canvas.left - 1) continue;
    g.fillStyle = tone.line;
    g.fillRect(Math.round(x), axisHeight - 3, 1, canvas.height);
    g.fillStyle = tone.soft;
    const text = step >= 1e8 ? (t / 1e9).toFixed(step >= 1e9 ? 0 : 1) + ' s' : countText((t / unit[0]).toFixed(digits)) + ' ' + unit[1];
    if (x > canvas.left + 16 && x < canvas.width - 24) g.fillText(text, x, 10);
  }
  g.textAlign = 'left';
}

function drawPhases(g) {
  g.font = font(11, 560);
  g.textBaseline = 'middle';
  phases.forEach((phase, p) => {
    const part = clipped(phase.from, phase.to);
    if (!part) return;
    g.fillStyle = tone.lane;
    g.fillRect(part[0], layout.phases, part[1] - part[0] - 1, phaseHeight);
    g.fillStyle = tone.soft;
    textIn(g, phase.name, part[0], part[1], layout.phases + phaseHeight / 2);
    if (p > 0 && part[0] > canvas.left) {
      g.fillStyle = tone.faint;
      g.fillRect(Math.round(part[0]), layout.phases, 1, canvas.height);
    }
  });
}

function drawBands(g) {
  g.font = font(11);
  g.textBaseline = 'middle';
  for (const band of pairBands) {
    const part = clipped(band.from, band.to);
    if (!part || band.track >= trackCount) continue;
    const y = layout.bands + band.track * trackHeight;
    const wide = Math.max(part[1] - part[0], 1.5);
    g.globalAlpha = 0.2;
    g.fillStyle = tone.fault;
    g.fillRect(part[0], y, wide, trackHeight - 2);
    g.globalAlpha = 1;
    g.fillRect(part[0], y, Math.min(2, wide), trackHeight - 2);
    g.fillStyle = tone.fault;
    textIn(g, bandText(band), part[0], part[1], y + trackHeight / 2 - 1);
  }
}

// What a long run has lost: before the window there are causes of the violation at most.
function drawMissing(g) {
  const part = data.window_from_ns > 0 ? clipped(begin, data.window_from_ns) : null;
  if (!part) return;
  g.fillStyle = hatch(g, tone.line, 9);
  g.fillRect(part[0], layout.lanesTop - 4, part[1] - part[0], canvas.height);
  g.fillStyle = tone.soft;
  g.font = font(11);
  g.textBaseline = 'middle';
  textIn(g, violation >= 0 ? 'only causes of the violation' : 'not on this page', part[0], part[1], layout.lanesTop + 4);
}

// Faults that only a counter tells of: when, but not to whom.
const countedFaults = [];
for (let i = 0; i < count; ++i) if (laneOf[i] < 0 && nameOf(i) === 'fault') countedFaults.push(i);
const countedY = () => layout.phases + phaseHeight;
function drawCounted(g) {
  g.fillStyle = tone.fault;
  let last = -9;
  for (const i of countedFaults) {
    const x = xOf(at[i]);
    if (!shown[i] || x < canvas.left || x > canvas.width || x - last < 5) continue;
    last = x;
    drawSign(g, 'bolt', x, countedY(), 4);
    drawnOne.push(i);
  }
}

// How much of the group is committed: flat means that nothing goes on.
function drawCurve(g) {
  const curve = commitCurve(view.group || mainGroup);
  if (curve.length === 0) return;
  const stepAt = (t) => {
    let low = 0, high = curve.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (curve[middle][0] <= t) low = middle + 1;
      else high = middle;
    }
    return low;  // steps up to and including t
  };
  const first = stepAt(view.from), last = stepAt(view.to);
  const low = first > 0 ? curve[first - 1][1] : 0;
  const high = last > 0 ? curve[last - 1][1] : 0;
  const y = (op) => layout.curve + curveHeight - 3 - ((op - low) / Math.max(1, high - low)) * (curveHeight - 9);
  g.beginPath();
  g.moveTo(canvas.left, y(low));
  let lastX = canvas.left;
  for (let s = first; s < last; ++s) {
    const x = Math.max(xOf(curve[s][0]), canvas.left);
    if (x - lastX < 0.5 && s + 1 < last) continue;
    g.lineTo(x, y(curve[s > 0 ? s - 1 : 0][1] < low ? low : s > 0 ? curve[s - 1][1] : low));
    g.lineTo(x, y(curve[s][1]));
    lastX = x;
  }
  g.lineTo(Math.min(xOf(end), canvas.width), y(high));
  g.strokeStyle = tone.replicate;
  g.lineWidth = 1.5;
  g.stroke();
  g.font = font(11);
  g.fillStyle = tone.soft;
  g.textAlign = 'right';
  g.fillText('committed', canvas.left - 10, layout.curve + curveHeight - 20);
  g.fillText(high === low ? `op ${high}` : `${low} – ${high}`, canvas.left - 10, layout.curve + curveHeight - 6);
  g.textAlign = 'left';
}

function drawLane(g, lane) {
  const y = laneY(lane), half = laneHalf(lane);
  const part = clipped(begin, end);
  if (!part || y < layout.lanesTop - 40 || y > canvas.height + 40) return [];
  g.fillStyle = tone.lane;
  g.fillRect(part[0], y - half, part[1] - part[0], 2 * half);
  const labels = lanes[lane].client ? [] : drawSegments(g, lane, y, half);
  for (const band of hostBands) {
    if (band.pairs[0][0] !== lanes[lane].host) continue;
    const gone = clipped(band.from, band.to);
    if (!gone) continue;
    g.fillStyle = band.kind === 'down' ? tone.paper : tone.lane;
    g.fillRect(gone[0], y - half, gone[1] - gone[0], 2 * half);
    g.fillStyle = band.kind === 'down' ? tone.down : hatch(g, tone.hatch);
    if (band.kind === 'down') g.fillRect(gone[0], y - 1, gone[1] - gone[0], 2);
    else g.fillRect(gone[0], y - half, gone[1] - gone[0], 2 * half);
  }
  g.globalAlpha = 0.55;
  g.fillStyle = tone.fault;
  for (const band of pairBands) {
    if (!sideOf(band).includes(lanes[lane].host)) continue;
    const cut = clipped(band.from, band.to);
    if (cut) g.fillRect(cut[0], y + half + 1, cut[1] - cut[0], 2);
  }
  g.globalAlpha = 1;
  return labels;
}

function drawSegments(g, lane, y, half) {
  const segments = segmentsOf(lane, view.group || groupOfLane[lane]);
  const labels = [];
  for (let s = 0; s < segments.length; ++s) {
    const segment = segments[s];
    const part = clipped(segment.t, s + 1 < segments.length ? segments[s + 1].t : end);
    if (!part || segment.gone) continue;
    const wide = part[1] - part[0];
    g.globalAlpha = tone.viewStrength * (segment.primary ? 2.1 : 1);
    g.fillStyle = viewTone(segment.view);
    g.fillRect(part[0], y - half, wide, 2 * half);
    g.globalAlpha = 1;
    if (segment.status !== 0) {
      g.fillStyle = hatch(g, tone.hatch, segment.status === 1 ? 5 : 9);
      g.fillRect(part[0], y - half, wide, 2 * half);
    }
    if (segment.primary) {
      g.fillStyle = viewTone(segment.view);
      g.fillRect(part[0], y - half, wide, 3);
    }
    if (segment.syncing) {
      g.fillStyle = tone.repair;
      g.fillRect(part[0], y + half - 2, wide, 2);
    }
    labels.push({ x: part[0], wide, view: segment.view, primary: segment.primary });
  }
  return labels;
}

// The first stretch of a view that has room for it says which one it is.
function drawLabels(g, labels, y) {
  g.font = font(10.5, 560);
  g.textBaseline = 'middle';
  g.fillStyle = tone.ink;
  let said = '';
  for (const { x, wide, view: number, primary } of labels) {
    const long = primary ? `primary of view ${number}` : `view ${number}`, short = `view ${number}`;
    if (said === long) continue;
    const text = [long, short].find((each) => g.measureText(each).width + 9 < wide);
    if (!text) continue;
    said = long;
    g.globalAlpha = primary ? 0.95 : 0.7;
    g.fillText(text, x + 5, y + 1);
  }
  g.globalAlpha = 1;
}

function drawLaneNames(g) {
  g.fillStyle = tone.paper;
  g.fillRect(0, layout.lanesTop - 4, canvas.left - 4, canvas.height);
  g.textAlign = 'right';
  g.textBaseline = 'middle';
  for (let lane = 0; lane < lanes.length; ++lane) {
    const y = laneY(lane);
    if (y < layout.lanesTop) continue;
    g.font = font(12, lanes[lane].client ? 400 : 600);
    g.fillStyle = view.who === '' || view.who === 'l' + lane ? (lanes[lane].client ? tone.soft : tone.ink) : tone.faint;
    g.fillText(lanes[lane].name, canvas.left - 12, y);
  }
  g.textAlign = 'left';
}

function drawViolation(g) {
  if (violation < 0) return;
  const x = Math.round(xOf(at[violation]));
  if (x < canvas.left || x > canvas.width) return;
  g.fillStyle = tone.bad;
  g.fillRect(x - 1, axisHeight - 4, 2, canvas.height);
  g.font = font(11, 650);
  const text = data.run.failure?.kind ?? 'violation';
  const wide = g.measureText(text).width + 12;
  const left = Math.min(x - 1, canvas.width - wide);
  g.fillRect(left, 1, wide, 18);
  g.fillStyle = '#fff';
  g.textBaseline = 'middle';
  g.fillText(text, left + 6, 10.5);
}
