// Where things lie, from the top: time, phases, one track per kind of fault, what is committed, then the lanes.
const axisHeight = 22, phaseHeight = 18, trackHeight = 15, curveHeight = 34;
const layout = { phases: 0, tracks: [], curve: 0, lanesTop: 0, laneY: new Float64Array(lanes.length), laneHeight: new Float64Array(lanes.length), scrollMax: 0 };

const phases = [];
for (let i = 0; i < count; ++i)
  if (nameOf(i) === 'phase') phases.push({ from: at[i], to: end, name: fieldsOf(i)[0][1], row: i });
phases.forEach((phase, i) => { if (i > 0) phases[i - 1].to = phase.from; });

// Those of a cut that are cut off: the smaller side, or all, where it has no sides.
function sideOf(band) {
  if (band.side) return band.side;
  const degree = new Map();
  for (const [a, b] of band.pairs) {
    degree.set(a, (degree.get(a) ?? 0) + 1);
    degree.set(b, (degree.get(b) ?? 0) + 1);
  }
  const most = Math.max(...degree.values());
  const hosts = [...degree].filter(([, d]) => d === most).map(([host]) => host);
  band.side = hosts.length * 2 <= degree.size ? hosts : [...degree.keys()];
  band.side.sort((a, b) => a - b);
  return band.side;
}
function bandText(band) {
  const side = sideOf(band), inside = new Set(side);
  if (band.kind === 'down') return `${hostName(side[0])} is down`;
  if (band.kind === 'paused') return `${hostName(side[0])} stands still`;
  const word = band.kind === 'clog' ? 'clogged' : band.kind === 'gray' ? 'some commands blocked' : 'cut off';
  const into = band.pairs.some(([, to]) => inside.has(to)), outOf = band.pairs.some(([from]) => inside.has(from));
  const way = into && outOf ? '' : into ? ', hears nobody' : ', is not heard';
  const nodes = new Set(band.pairs.flat());
  if (side.length === nodes.size && nodes.size > 2) return `${band.pairs.length} links ${word}`;
  return `${side.map(hostName).join(', ')} ${word}${way}`;
}
const pairBands = bands.filter((band) => band.pairs.length > 0 && band.kind !== 'down' && band.kind !== 'paused');
const hostBands = bands.filter((band) => band.kind === 'down' || band.kind === 'paused');
// Bands that overlap lie below each other.
for (const band of pairBands.sort((a, b) => a.from - b.from)) {
  let track = layout.tracks.findIndex((free) => free <= band.from);
  if (track < 0) track = layout.tracks.length;
  layout.tracks[track] = band.to;
  band.track = track;
}
const trackCount = Math.min(layout.tracks.length, 4);

function layOut() {
  layout.phases = axisHeight;
  layout.bands = layout.phases + phaseHeight + 3;
  layout.curve = layout.bands + trackCount * trackHeight + (trackCount > 0 ? 4 : 0);
  layout.lanesTop = layout.curve + curveHeight + 6;
  const room = canvas.height - layout.lanesTop - 8;
  // Nodes get twice the room of clients: most lines are between them.
  const weightOf = (lane) => (lane.client ? 0.55 : 1);
  const weights = lanes.reduce((sum, lane) => sum + weightOf(lane), 0);
  let y = layout.lanesTop;
  lanes.forEach((lane, l) => {
    const height = Math.min(lane.client ? 80 : 150, Math.max(lane.client ? 24 : 44, (room / weights) * weightOf(lane)));
    layout.laneHeight[l] = height;
    layout.laneY[l] = y + height / 2;
    y += height;
  });
  layout.scrollMax = Math.max(0, y - layout.lanesTop - room);
  view.scroll = Math.min(Math.max(view.scroll, 0), layout.scrollMax);
}
const laneY = (lane) => layout.laneY[lane] - view.scroll;
const laneHalf = (lane) => (lanes[lane].client ? 6 : 9);

// Ends of a message's line.
function lineOf(i) {
  const from = laneOf[i], to = toLane[i];
  const up = to < from;
  const y0 = laneY(from) + (up ? -1 : 1) * laneHalf(from);
  const y1 = laneY(to) + (up ? 1 : -1) * laneHalf(to);
  const x0 = xOf(startOf(i));
  const x1 = xOf(endOf(i));
  if (isLost(i) || fate[i] === Fate.underWay) {  // ends on its way
    const reach = fate[i] === Fate.underWay ? 0.35 : 0.5;
    const least = Math.min(14, Math.max(2, layout.laneHeight[from] / 4));
    return [x0, y0, Math.max(x1, x0 + least), y0 + (y1 - y0) * reach];
  }
  return [x0, y0, x1, y1];
}

// --- colours, from the style sheet, so that light and dark are one list each
const tone = {};
function readTones() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ['paper', 'panel', 'ink', 'soft', 'faint', 'line', 'accent', 'bad', 'good', 'warn', 'lane', 'down', 'hatch', 'select', 'cause',
    'replicate', 'view', 'repair', 'client', 'beat', 'disk', 'fault', 'view0', 'view1', 'view2', 'view3', 'view4', 'view5'])
    tone[name] = style.getPropertyValue('--' + name).trim();
  tone.state = tone.ink;
  tone.turn = tone.soft;
  tone.viewStrength = Number(style.getPropertyValue('--view_strength'));
  tone.families = families.map((family) => tone[family.id]);
  patterns.clear();
}
const viewTone = (v) => tone['view' + (v % 6)];
const patterns = new Map();
function hatch(g, colour, gap = 6) {
  const key = colour + gap;
  if (patterns.has(key)) return patterns.get(key);
  const tile = document.createElement('canvas');
  tile.width = tile.height = gap;
  const t = tile.getContext('2d');
  t.strokeStyle = colour;
  t.lineWidth = 1.2;
  for (const shift of [-gap, 0, gap]) {
    t.beginPath();
    t.moveTo(shift, gap);
    t.lineTo(shift + gap, 0);
    t.stroke();
  }
  const pattern = g.createPattern(tile, 'repeat');
  patterns.set(key, pattern);
  return pattern;
}
