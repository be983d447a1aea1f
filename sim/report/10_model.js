// What rows mean: families (colour and filter), causes and effects, and the replicas' states.
const families = [
  { id: 'replicate', label: 'replication', on: true, commands: ['prepare', 'prepare_ok', 'commit', 'entries'] },
  { id: 'view', label: 'view change', on: true,
    commands: ['start_view_change', 'do_view_change', 'start_view', 'get_view'] },
  { id: 'repair', label: 'repair and sync', on: true,
    commands: ['get_headers', 'headers', 'get_prepares', 'unavailable', 'get_manifest', 'manifest', 'get_section', 'section'] },
  { id: 'client', label: 'clients', on: true, commands: ['request', 'reply', 'call', 'answer'] },
  { id: 'state', label: 'states', on: true, commands: [] },
  { id: 'fault', label: 'faults', on: true, commands: [] },
  { id: 'disk', label: 'disk', on: true, commands: [] },
  { id: 'turn', label: 'turns', on: true, commands: [] },
  { id: 'beat', label: 'beats and links', on: false, commands: ['beat', 'ping', 'pong', 'client_ping', 'client_pong'] },
];
const stateMarks = new Set(['primary', 'no longer primary', 'view change', 'normal', 'fenced', 'stuck', 'state sync begins',
  'state sync ends', 'checkpoint', 'commit']);
const familyPlace = Object.fromEntries(families.map((family, i) => [family.id, i]));
function familyOfType(type) {
  const known = families.findIndex((family) => family.commands.includes(type.name));
  if (known >= 0) return known;
  if (type.of === 'turn' || type.of === 'frame') return familyPlace.turn;
  if (type.of === 'disk') return familyPlace.disk;
  if (type.of === 'peer') return familyPlace.beat;
  if (type.of === 'mark') return stateMarks.has(type.name) ? familyPlace.state : familyPlace.fault;
  return familyPlace.replicate;
}
const familyOf = Uint8Array.from(types, familyOfType);
const familyIn = (i) => familyOf[typeOf[i]];
const chatter = Uint8Array.from(types, (type) => (families[familyPlace.beat].commands.includes(type.name) ? 1 : 0));

// --- causes and effects. Two lists per row, by counting: what it took, and what came of it.
function inverted(of) {
  const first = new Uint32Array(count + 1);
  for (let i = 0; i < count; ++i) if (of[i] >= 0) ++first[of[i] + 1];
  for (let i = 0; i < count; ++i) first[i + 1] += first[i];
  const items = new Uint32Array(first[count]);
  const next = first.slice(0, count);
  for (let i = 0; i < count; ++i) if (of[i] >= 0) items[next[of[i]]++] = i;
  return (i) => items.subarray(first[i], first[i + 1]);
}
let takenLists = null, causedLists = null;  // made when first asked for: not before the first paint
function takenBy(i) { return (takenLists ??= inverted(usedBy))(i); }
function causedBy(i) { return (causedLists ??= inverted(causeOf))(i); }

// Most telling first: what a turn was given, then what it knew.
function causesOf(i) {
  const causes = [...takenBy(i)].sort((a, b) => chatter[typeOf[a]] - chatter[typeOf[b]] || b - a);
  if (causeOf[i] >= 0) causes.push(causeOf[i]);
  return causes;
}
function effectsOf(i) {
  const effects = [...causedBy(i)].filter((e) => !isTurn(e) || !isTurn(i));
  const later = [...causedBy(i)].filter((e) => isTurn(e) && isTurn(i));
  if (usedBy[i] >= 0) effects.unshift(usedBy[i]);
  effects.sort((a, b) => inPast[b] - inPast[a] || chatter[typeOf[a]] - chatter[typeOf[b]] || a - b);
  return effects.concat(later.slice(0, 1));
}

// Around a row, as far as the eye follows: at most `limit` rows each way.
function ancestry(start, neighbours, limit) {
  const seen = new Set([start]);
  let edge = [start];
  while (edge.length > 0 && seen.size < limit) {
    const next = [];
    for (const i of edge)
      for (const other of neighbours(i)) {
        if (seen.has(other) || seen.size >= limit) continue;
        seen.add(other);
        next.push(other);
      }
    edge = next;
  }
  return seen;
}

// --- states, by lane and group, in the order of time
const stateFields = data.states.fields;
const stateField = Object.fromEntries(stateFields.map((name, f) => [name, f]));
const states = new Map();
{
  const rows = summed(data.states.row, Float64Array);
  const width = stateFields.length;
  for (let s = 0; s < rows.length; ++s) {
    const key = data.states.lane[s] * 65536 + data.states.group[s];
    let list = states.get(key);
    if (!list) states.set(key, (list = { lane: data.states.lane[s], group: data.states.group[s], rows: [], values: [], last: new Array(width).fill(0) }));
    for (let f = 0; f < width; ++f) list.values.push((list.last[f] += data.states.values[f][s]));
    list.rows.push(rows[s] - 1);
  }
  data.states.values = null;
}
function stateAt(lane, group, row) {
  const list = states.get(lane * 65536 + group);
  if (!list) return null;
  let low = 0, high = list.rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list.rows[middle] <= row) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return null;
  const width = stateFields.length;
  const values = list.values.slice((low - 1) * width, low * width);
  const before = low > 1 ? list.values.slice((low - 2) * width, (low - 1) * width) : null;
  return { values, before, row: list.rows[low - 1] };
}
function stateValue(name, value) {
  if (name === 'status' || name === 'recovering' || name === 'fenced') return data.states[name][value] || '';
  if (name === 'primary' || name === 'syncing') return value ? 'yes' : '';
  return String(value);
}

// Runs of one (view, status, primary) of a lane: what its background shows.
const segmentLists = new Map();
function segmentsOf(lane, group) {
  const key = lane * 65536 + group;
  if (segmentLists.has(key)) return segmentLists.get(key);
  const segments = [];
  const list = states.get(key);
  const width = stateFields.length;
  const downs = bands.filter((band) => band.kind === 'down' && band.pairs[0][0] === lanes[lane].host).map((band) => band.from);
  let down = 0;
  for (let s = 0; list && s < list.rows.length; ++s) {
    const value = (name) => list.values[s * width + stateField[name]];
    const next = { t: at[list.rows[s]], view: value('view'), status: value('status'), primary: value('primary'), syncing: value('syncing') };
    for (; down < downs.length && downs[down] <= next.t; ++down) segments.push({ t: downs[down], gone: true });
    const last = segments[segments.length - 1];
    if (!last || last.gone || last.view !== next.view || last.status !== next.status || last.primary !== next.primary || last.syncing !== next.syncing)
      segments.push(next);
  }
  for (; down < downs.length; ++down) segments.push({ t: downs[down], gone: true });
  segmentLists.set(key, segments);
  return segments;
}

// What is committed anywhere in the group, as steps.
const commitCurves = new Map();
function commitCurve(group) {
  if (commitCurves.has(group)) return commitCurves.get(group);
  const points = [];
  const f = stateField.commit_max, width = stateFields.length;
  for (const list of states.values()) {
    if (list.group !== group) continue;
    for (let s = 0; s < list.rows.length; ++s) points.push([at[list.rows[s]], list.values[s * width + f]]);
  }
  points.sort((a, b) => a[0] - b[0]);
  const curve = [];
  let highest = -1;
  for (const [t, op] of points)
    if (op > highest) curve.push([t, (highest = op)]);
  commitCurves.set(group, curve);
  return curve;
}
const mainGroup = (() => {
  const rows = new Map();
  for (const list of states.values()) rows.set(list.group, (rows.get(list.group) ?? 0) + list.rows.length);
  return [...rows].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 1;
})();
// What a lane's background is about where no group is chosen: the busiest one, or the first one that lives there.
const groupOfLane = lanes.map((_, lane) =>
  (states.has(lane * 65536 + mainGroup) ? mainGroup : [...states.values()].find((list) => list.lane === lane)?.group ?? mainGroup));
const bands = data.bands.map(([kind, from, to, hosts]) => {
  const pairs = [];
  for (let i = 0; i < hosts.length; i += 2) pairs.push([hosts[i], hosts[i + 1]]);
  return { kind, from, to, pairs };
});

// --- words
const hostName = (host) => lanes.find((lane) => lane.host === host)?.name.replace(/\.\d+$/, '') ?? '?';
const laneName = (lane) => (lane < 0 ? '' : lanes[lane].name);
function fateText(i) {
  if (!isMessage(i)) {
    if (types[typeOf[i]].of === 'disk') return ['never completed', 'ok', 'error', 'no space', 'cancelled'][fate[i]] ?? '';
    return '';
  }
  if (fate[i] === Fate.underWay) return 'never arrived: on its way at the end, or its sender crashed before it left';
  if (fate[i] === Fate.delivered) return usedBy[i] < 0 ? 'arrived, never handled' : 'delivered';
  if (fate[i] === Fate.duplicate) return 'a second copy';
  return 'lost: ' + (data.lost[fate[i] - Fate.lost] ?? '');
}
function summaryOf(i) {
  const wanted = ['view', 'op', 'commit', 'commit_max', 'entry_op', 'what', 'outcome', 'name', 'fault', 'zone', 'request', 'reason', 'links', 'power', 'count'];
  return fieldsOf(i).filter(([name, value]) => wanted.includes(name) && value !== '0' && value !== '')
    .map(([name, value]) => (['what', 'outcome', 'name', 'fault', 'zone', 'reason'].includes(name) ? value : `${name} ${value}`)).join(', ');
}
function placeText(i) {
  if (laneOf[i] < 0) return '';
  return toLane[i] >= 0 ? `${laneName(laneOf[i])} \u2192 ${laneName(toLane[i])}` : laneName(laneOf[i]);
}
const nameOf = (i) => types[typeOf[i]].name;
