'use strict';
// The payload as typed arrays: one entry per row, rows in the order of time.
const data = JSON.parse(document.getElementById('data').textContent);
const count = data.rows.count;

function summed(deltas, Kind) {
  const values = new Kind(deltas.length);
  let sum = 0;
  for (let i = 0; i < deltas.length; ++i) values[i] = sum += deltas[i];
  return values;
}

const at = summed(data.rows.t, Float64Array);           // ns
const length = Float64Array.from(data.rows.d);          // ns, until it arrived, completed, returned
const typeOf = Uint16Array.from(data.rows.y);
const laneOf = Int16Array.from(data.rows.l);            // -1: the whole cluster
const toLane = Int16Array.from(data.rows.o);
const fate = Uint8Array.from(data.rows.f);
const groupOf = Uint16Array.from(data.rows.g);          // place in data.groups, from 1
const inPast = Uint8Array.from(data.rows.p);
const causeOf = new Int32Array(count);                  // -1: none
const usedBy = new Int32Array(count);                   // the turn that took it; -1: none
const place = new Uint32Array(count);                   // in the columns of its type
const violation = data.violation - 1;                   // -1: none
const begin = count > 0 ? at[0] : 0;
const end = Math.max(data.end_ns, count > 0 ? at[count - 1] : 0, begin + 1);

const types = data.types.map((type) => ({
  name: type.name,
  of: type.of,
  fields: type.fields.map((field) => field.replace(/[$#~]$/, '')),
  shown: type.fields.map((field) => (/[$#~]$/.test(field) ? field.slice(-1) : '')),
  columns: type.columns.map((column) => summed(column, Float64Array)),
}));
{
  const next = new Uint32Array(types.length);
  for (let i = 0; i < count; ++i) {
    place[i] = next[typeOf[i]]++;
    causeOf[i] = data.rows.c[i] === 0 ? -1 : i - data.rows.c[i];
    usedBy[i] = data.rows.u[i] === 0 ? -1 : i + data.rows.u[i];
  }
}
data.rows = null;

const lanes = data.lanes.map(([name, host, client]) => ({ name, host, client: client === 1 }));
const nodeLanes = lanes.map((lane, i) => (lane.client ? -1 : i)).filter((i) => i >= 0);

// What a message came to.
const Fate = { underWay: 0, delivered: 1, duplicate: 2, lost: 3 };

const Of = {};
for (const name of ['turn', 'message', 'disk', 'call', 'mark', 'peer', 'frame'])
  Of[name] = Uint8Array.from(types, (type) => (type.of === name ? 1 : 0));
const isMessage = (i) => Of.message[typeOf[i]] === 1;
const isTurn = (i) => Of.turn[typeOf[i]] === 1;
const isMark = (i) => Of.mark[typeOf[i]] === 1;
const isLost = (i) => isMessage(i) && fate[i] >= Fate.lost;

// Where a message's line begins and ends; a copy begins where its original was sent.
const startOf = (i) => (isMessage(i) && fate[i] === Fate.duplicate && causeOf[i] >= 0 ? at[causeOf[i]] : at[i]);
const endOf = (i) => (isMessage(i) && fate[i] === Fate.duplicate ? at[i] : at[i] + length[i]);

// First row at or after a time.
function rowAt(time) {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Rows that began before `time` may reach into what is shown: blocks know how far theirs do.
const blockRows = 256;
const blockEnd = new Float64Array(Math.ceil(count / blockRows));
for (let i = 0; i < count; ++i) {
  const block = Math.floor(i / blockRows);
  if (endOf(i) > blockEnd[block]) blockEnd[block] = endOf(i);
}
function eachRowIn(from, to, visit) {
  const first = rowAt(from), last = rowAt(to);
  for (let block = 0; block * blockRows < first; ++block) {
    if (blockEnd[block] < from) continue;
    const stop = Math.min(first, (block + 1) * blockRows);
    for (let i = block * blockRows; i < stop; ++i) if (endOf(i) >= from) visit(i);
  }
  for (let i = first; i < last; ++i) visit(i);
  // Copies arrive long after they were sent: their lines may begin before what follows is shown.
  return { first, last };
}

function fieldsOf(i) {
  const type = types[typeOf[i]];
  return type.fields.map((name, f) => [name, shownField(type, f, type.columns[f][place[i]])]);
}
function shownField(type, f, value) {
  if (type.shown[f] === '$') return data.strings[value] ?? '';
  if (type.shown[f] === '#') return '#' + (value >>> 0).toString(16).padStart(8, '0');
  if (type.shown[f] === '~') return durationText(value);
  return String(value);
}
function field(i, name) {
  const type = types[typeOf[i]];
  const f = type.fields.indexOf(name);
  return f < 0 ? undefined : type.columns[f][place[i]];
}

// --- numbers for people
function timeText(ns) {
  const whole = Math.floor(ns / 1e9);
  const rest = String(Math.round(ns - whole * 1e9)).padStart(9, '0');
  return `${whole}.${rest.slice(0, 3)} ${rest.slice(3, 6)} ${rest.slice(6)} s`;
}
function durationText(ns) {
  const size = Math.abs(ns);
  if (size >= 1e9) return `${(ns / 1e9).toFixed(3)} s`;
  if (size >= 1e6) return `${(ns / 1e6).toFixed(3)} ms`;
  if (size >= 1e3) return `${(ns / 1e3).toFixed(1)} µs`;
  return `${ns} ns`;
}
const countText = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, '\u202f');
