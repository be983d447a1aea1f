// What is shown: the stretch of time, the filter, the chosen row; and where lanes lie.
const $ = (id) => document.getElementById(id);
const view = {
  from: begin, to: end,        // ns
  group: mainGroup,
  who: '',                     // '', 'l3' for a lane
  search: '',
  pastOnly: violation >= 0,
  selected: -1,
  hovered: -1,
  scroll: 0,                   // px, where lanes don't fit
};
const near = { past: new Set(), future: new Set() };  // of the selected row

const diagram = $('diagram'), minimap = $('minimap');
const canvas = { width: 0, height: 0, ratio: 1, left: 92, right: 14, };
const spanMin = 2000;  // ns

function clampView() {
  const widest = (end - begin) * 1.04;
  let span = Math.min(Math.max(view.to - view.from, spanMin), widest);
  const slack = span * 0.04;
  const from = Math.min(Math.max(view.from, begin - slack), end + slack - span);
  view.from = from;
  view.to = from + span;
}
function setView(from, to) {
  view.from = from;
  view.to = to;
  clampView();
  repaint();
}
const plotWidth = () => Math.max(1, canvas.width - canvas.left - canvas.right);
const xOf = (t) => canvas.left + ((t - view.from) / (view.to - view.from)) * plotWidth();
const timeOf = (x) => view.from + ((x - canvas.left) / plotWidth()) * (view.to - view.from);
function zoom(factor, x = canvas.left + plotWidth() / 2) {
  const t = timeOf(x), span = (view.to - view.from) * factor;
  const share = (x - canvas.left) / plotWidth();
  const clamped = Math.min(Math.max(span, spanMin), (end - begin) * 1.04);
  setView(t - clamped * share, t + clamped * (1 - share));
}
function pan(pixels) {
  const by = (pixels / plotWidth()) * (view.to - view.from);
  setView(view.from + by, view.to + by);
}
function bringIntoView(i) {
  const span = view.to - view.from;
  const from = startOf(i), to = Math.min(endOf(i), from + span * 0.8);
  if (from >= view.from + span * 0.03 && to <= view.to - span * 0.03) return;
  const middle = (from + to) / 2;
  setView(middle - span / 2, middle + span / 2);
}

// --- rows that pass the filter
const shown = new Uint8Array(count);
let shownCount = 0;
let searchBad = false;

// A term is `field=number`, `field>number`, `field<number`, or text: part of a kind, of a word in it, of a lane's name.
function termsOf(text) {
  return (text.toLowerCase().match(/client \d+|node [\d.]+|\S+/g) ?? []).map((term) => {
    const compared = /^([a-z_]+)(=|>|<|:)(-?\d+)$/.exec(term);
    if (compared) return { name: compared[1], how: compared[2], value: Number(compared[3]) };
    return { text: term };
  });
}
function compile(term) {
  if (term.name) {
    const columns = types.map((type) => type.columns[type.fields.indexOf(term.name)] ?? null);
    searchBad ||= columns.every((column) => column === null);
    return (i) => {
      const column = columns[typeOf[i]];
      if (column === null) return false;
      const value = column[place[i]];
      return term.how === '>' ? value > term.value : term.how === '<' ? value < term.value : value === term.value;
    };
  }
  const text = term.text;
  const byType = types.map((type) => type.name.includes(text) || type.of === text);
  const byLane = lanes.map((lane) => lane.name === text);
  const byString = data.strings.map((word) => word.toLowerCase().includes(text));
  const stringColumns = types.map((type) => type.columns.filter((_, f) => type.shown[f] === '$'));
  const byFate = [...Array(64)].map((_, f) => f >= Fate.lost && (text === 'lost' || (data.lost[f - Fate.lost] ?? '').includes(text)));
  const copies = text === 'duplicate' || text === 'duplicated';
  return (i) => {
    if (byType[typeOf[i]]) return true;
    if (laneOf[i] >= 0 && byLane[laneOf[i]]) return true;
    if (toLane[i] >= 0 && byLane[toLane[i]]) return true;
    if (Of.message[typeOf[i]] && (byFate[fate[i]] || (copies && fate[i] === Fate.duplicate))) return true;
    for (const column of stringColumns[typeOf[i]]) if (byString[column[place[i]]]) return true;
    return false;
  };
}
function applyFilter() {
  searchBad = false;
  const on = families.map((family) => family.on);
  const tests = termsOf(view.search).map(compile);
  const lane = view.who === '' ? -1 : Number(view.who.slice(1));
  const faults = familyPlace.fault;
  shownCount = 0;
  for (let i = 0; i < count; ++i) {
    const family = familyOf[typeOf[i]];
    let yes = on[family] ? 1 : 0;
    if (yes && view.group > 0 && groupOf[i] !== 0 && groupOf[i] !== view.group) yes = 0;
    if (yes && lane >= 0 && laneOf[i] !== lane && toLane[i] !== lane) yes = 0;
    if (yes && view.pastOnly && !inPast[i] && family !== faults) yes = 0;
    for (let k = 0; yes && k < tests.length; ++k) if (!tests[k](i)) yes = 0;
    shown[i] = yes;
    shownCount += yes;
  }
}

// --- the chosen row
const trail = [];  // effects that were walked back from, for `]`
function select(i, { keepTrail = false, reveal = true } = {}) {
  view.selected = i;
  if (!keepTrail) trail.length = 0;
  near.past = i < 0 ? new Set() : ancestry(i, causesOf, 160);
  near.future = i < 0 ? new Set() : ancestry(i, effectsOf, 60);
  showDetails();
  if (i >= 0) {
    history.replaceState(null, '', `#e=${i + 1}`);
    if (reveal) bringIntoView(i);
  } else if (location.hash) {
    history.replaceState(null, '', location.pathname + location.search);
  }
  resize();
  markTable();
}
function walkBack() {
  if (view.selected < 0) return;
  const [cause] = causesOf(view.selected);
  if (cause === undefined) return;
  trail.push(view.selected);
  select(cause, { keepTrail: true });
}
function walkOn() {
  if (view.selected < 0) return;
  const effect = trail.length > 0 ? trail.pop() : effectsOf(view.selected)[0];
  if (effect !== undefined) select(effect, { keepTrail: true });
}

// --- painting: asked for as often as one likes, done once per frame
let asked = false;
const painted = { first: 0, last: 0, frames: 0 };
function repaint() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    paint();
  });
}
function paint() {
  const started = performance.now();
  paintDiagram();
  paintMinimap();
  painted.last = performance.now() - started;
  ++painted.frames;
  if (painted.first === 0) painted.first = performance.now();
}
function fit(element) {
  const ratio = window.devicePixelRatio || 1;
  const { width, height } = element.getBoundingClientRect();
  const wide = Math.max(1, Math.round(width * ratio)), high = Math.max(1, Math.round(height * ratio));
  if (element.width !== wide || element.height !== high) {
    element.width = wide;
    element.height = high;
  }
  return { width, height, ratio };
}
function resize() {
  Object.assign(canvas, fit(diagram));
  layOut();
  repaint();
}
