// What clients saw, where the violation is about that: a strip of calls in the order of what happened, a line per client.
const seenCalls = data.run.failure?.calls ?? [];
const callRow = (call) => {
  const lane = lanes.findIndex(({ client, name }) => client && name === `client ${call.client}`);
  for (let i = rowAt(call.called_ns); i < count && at[i] === call.called_ns; ++i)
    if (laneOf[i] === lane && nameOf(i) === 'call') return i;
  return -1;  // left out of a long run
};
const seenRows = new Map(seenCalls.map((call) => [callRow(call), call]).filter(([row]) => row >= 0));

// All of them but those that hang from long before: of unknown outcome.
function viewOfCalls() {
  const times = seenCalls.filter((call) => call.known || call.wrong);
  if (times.length === 0) return false;
  const from = Math.min(...times.map((call) => call.called_ns)), to = Math.max(...times.map((call) => call.returned_ns));
  const slack = Math.max((to - from) * 0.06, 1e6);
  setView(from - slack, to + slack);
  return true;
}

// Long values get names: they differ somewhere in the middle.
const valueNames = new Map();
function withNames(text) {
  return text.replace(/0x[0-9a-f.]{11,}/g, (value) => {
    if (!valueNames.has(value)) valueNames.set(value, `v${valueNames.size + 1}`);
    return valueNames.get(value);
  });
}

function showCalls() {
  const section = $('calls');
  section.hidden = seenCalls.length === 0;
  if (section.hidden) return;
  const moments = seenCalls.flatMap((call) => (call.known ? [call.called, call.returned] : [call.called])).sort((a, b) => a - b);
  const last = moments.length + 2;
  const lineAt = (moment) => moments.indexOf(moment) + 2;
  const clients = [...new Set(seenCalls.map((call) => call.client))].sort((a, b) => a - b);
  const strip = element('div', { className: 'strip' });
  strip.style.gridTemplateColumns = `auto repeat(${moments.length}, minmax(12px, auto))`;
  clients.forEach((client, c) => {
    const name = element('span', { className: 'who' }, `client ${client}`);
    name.style.gridArea = `${c + 1} / 1`;
    const lane = element('span', { className: 'lane' });
    lane.style.gridArea = `${c + 1} / 2 / ${c + 2} / ${last}`;
    strip.append(name, lane);
  });
  for (const call of seenCalls) {
    const row = callRow(call);
    const bar = element('button', {
      className: `seen ${call.wrong ? 'wrong' : ''} ${call.known ? '' : 'unknown'}`,
      disabled: row < 0,
      title: `call ${call.id}: ${call.asked}\n${call.answered}\n${timeText(call.called_ns)} to ${call.known ? timeText(call.returned_ns) : 'nobody knows when'}`,
      onclick: () => select(row),
    }, element('b', {}, withNames(call.asked)), element('span', {}, withNames(call.answered)));
    bar.style.gridArea = `${clients.indexOf(call.client) + 1} / ${lineAt(call.called)} / auto / ${call.known ? lineAt(call.returned) : last}`;
    strip.append(bar);
  }
  section.append(
    element('h2', {}, 'What clients saw, in the order of what happened, not to scale: no order of these calls explains the red answer'), strip);
  if (valueNames.size > 0)
    section.append(element('p', { className: 'values' }, ...[...valueNames].map(([value, name]) => element('span', {}, element('b', {}, name), ' ' + value))));
}

// In the diagram.
function drawSeenCalls(g) {
  for (const [row, call] of seenRows) {
    const x0 = xOf(at[row]), x1 = call.known ? xOf(endOf(row)) : Math.min(xOf(endOf(row)), canvas.width);
    const y = laneY(laneOf[row]), half = laneHalf(laneOf[row]) + 2;
    g.strokeStyle = call.wrong ? tone.bad : tone.ink;
    g.lineWidth = call.wrong ? 2.5 : 1.2;
    g.strokeRect(x0 - 1, y - half, Math.max(3, x1 - x0 + 1), 2 * half);
  }
}
