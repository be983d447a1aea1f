// The head of the page, and the panel about the selected row. All text goes in as text: nothing of the data is markup.
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === 'onclick') made.addEventListener('click', value);
    else if (key in made && key !== 'style') made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ''));
  return made;
}
function rowsTable(pairs) {
  return element('table', {}, ...pairs.map(([name, value, kind]) =>
    element('tr', {}, element('td', {}, name), element('td', { className: kind ?? '' }, value))));
}

function showHead() {
  const run = data.run;
  const verdict = $('verdict');
  verdict.textContent = run.verdict + (run.expected && run.verdict !== 'ok' ? ', expected' : '');
  verdict.className = run.verdict === 'ok' ? 'ok' : run.verdict === 'inconclusive' || run.verdict === 'unavailable' || run.expected ? 'odd' : '';
  $('title').append(run.scenario, element('small', {}, `seed ${run.seed} · ${run.shape}`));
  if (run.failure) {
    const f = run.failure;
    $('story').append(element('b', {}, f.kind), ` at ${timeText(f.at_ns)}, in phase ${f.phase}: ${f.detail}`);
  } else {
    $('story').textContent = `${run.build}. ` + (run.checks.length > 0 ? `Nothing wrong was found by ${run.checks.join(', ')}.` : 'No check was on.');
  }
  for (const [name, value] of [['virtual time', (run.virtual_ns / 1e9).toFixed(1) + ' s'], ['commits', countText(run.commits)],
    ['view changes', countText(run.views)], ['calls', countText(run.ok + run.refused + run.unknown)], ['rows', countText(count)]])
    $('figures').append(element('div', {}, element('dt', {}, name), element('dd', {}, value)));
  $('again_command').textContent = run.again;
  $('again_command').title = run.again;
  $('again').hidden = run.again === '';
  if (data.rows_total > count) {
    $('story').append(' ', element('span', {}, `Of ${countText(data.rows_total)} rows this page holds ${countText(count)}: ` +
      (violation >= 0 ? 'the newest of the causal past of the violation, and everything ' : 'those ') + `from ${timeText(data.window_from_ns)} on.`));
  }
}

function showAbout() {
  const run = data.run;
  const counts = (title, of) => {
    const pairs = Object.entries(of).sort((a, b) => a[0].localeCompare(b[0]));
    return element('div', {}, element('h2', {}, title),
      pairs.length > 0 ? element('table', {}, ...pairs.map(([name, n]) => element('tr', {}, element('td', {}, countText(n)), element('td', {}, name)))) : 'none');
  };
  $('about').replaceChildren(
    element('div', {}, element('h2', {}, 'Run'), rowsTable([['build', run.build], ['trace hash', run.hash, 'mono'], ['events', countText(run.events)],
      ['checks', run.checks.join(', ')], ['calls', `${countText(run.ok)} answered, ${countText(run.refused)} refused, ${countText(run.unknown)} unknown`]])),
    counts('Faults that struck', run.faults), counts('Coverage marks', run.marks),
    element('div', {}, element('h2', {}, 'Scenario, resolved'), element('pre', {}, run.text)));
}

// --- the selected row
function rowLink(i, withPlace = true) {
  const text = `${nameOf(i)} ${summaryOf(i)}`.trim();
  const link = element('a', { href: `#e=${i + 1}`, title: `row ${i + 1}` }, text);
  if (isLost(i)) link.className = 'bad';
  return element('li', {}, link, withPlace ? ` ${placeText(i)}` : '');
}
function linkList(title, rows) {
  if (rows.length === 0) return null;
  const most = 12;
  return element('section', {}, element('h2', {}, title),
    element('ul', {}, ...rows.slice(0, most).map((i) => rowLink(i)), rows.length > most ? element('li', {}, `and ${rows.length - most} more`) : null));
}

function showDetails() {
  const panel = $('details');
  const i = view.selected;
  panel.hidden = i < 0;
  if (i < 0) return;
  const causes = causesOf(i), effects = effectsOf(i);
  const times = [];
  if (isMessage(i)) {
    times.push(['sent', timeText(startOf(i))]);
    if (fate[i] === Fate.delivered || fate[i] === Fate.duplicate) times.push(['arrived', timeText(endOf(i))], ['took', durationText(endOf(i) - startOf(i))]);
    times.push(['outcome', fateText(i), isLost(i) ? 'bad' : '']);
  } else {
    times.push(['time', timeText(at[i])]);
    if (length[i] > 0) times.push(['took', durationText(length[i])]);
    if (fateText(i)) times.push(['outcome', fateText(i), fate[i] > 1 ? 'bad' : '']);
  }
  if (groupOf[i] > 0) times.push(['group', data.groups[groupOf[i] - 1]]);
  if (i === violation && data.run.failure) times.push(['what', data.run.failure.detail, 'bad']);
  panel.replaceChildren(
    element('h3', {}, nameOf(i).replaceAll('_', ' ')),
    element('p', { className: 'sub' }, [placeText(i), `row ${i + 1}`, inPast[i] ? 'in the causal past of the violation' : ''].filter((t) => t).join(' · ')),
    element('div', { className: 'walk' },
      element('button', { onclick: walkBack, disabled: causes.length === 0, title: 'To its cause ([)' }, '[ cause'),
      element('button', { onclick: walkOn, disabled: effects.length === 0 && trail.length === 0, title: 'To its effect (])' }, 'effect ]'),
      element('button', { onclick: () => zoomTo(i), title: 'Show it and what surrounds it (z)' }, 'zoom'),
      element('button', { onclick: () => select(-1), title: 'Close (Escape)' }, 'close')),
    element('section', {}, rowsTable(times)));
  const fields = fieldsOf(i);
  if (fields.length > 0)
    panel.append(element('section', {}, element('h2', {}, isMessage(i) ? 'Header' : 'Fields'), rowsTable(fields.map(([name, value]) => [name.replaceAll('_', ' '), value, value.startsWith('#') ? 'mono' : '']))));
  for (const part of [replicaSection(i), linkList('Causes', causes), linkList('Effects', effects)]) if (part) panel.append(part);
}

// The replica as it was after the turn that belongs to the row: at the sender, and at the receiver.
function replicaSection(i) {
  const places = [];
  if (laneOf[i] >= 0 && !lanes[laneOf[i]].client) places.push([laneOf[i], isMessage(i) && causeOf[i] >= 0 ? causeOf[i] : i]);
  if (isMessage(i) && toLane[i] >= 0 && !lanes[toLane[i]].client && usedBy[i] >= 0) places.push([toLane[i], usedBy[i]]);
  if (laneOf[i] < 0) for (const lane of nodeLanes) places.push([lane, i]);
  const group = groupOf[i] || view.group || groupOfLane[Math.max(0, laneOf[i])];
  const columns = places.map(([lane, row]) => ({ lane, row, state: stateAt(lane, group, row) })).filter(({ state }) => state);
  if (columns.length === 0) return null;
  const head = columns.map(({ lane, row }) => element('th', { scope: 'col' }, laneName(lane) + (row === usedBy[i] ? ', after it' : '')));
  const lines = stateFields.map((name, f) => {
    const cells = columns.map(({ row, state }) => {
      const changed = state.row === row && state.before && state.before[f] !== state.values[f];
      return element('td', { className: changed ? 'changed' : '', title: changed ? `was ${stateValue(name, state.before[f]) || 'not'}` : '' }, stateValue(name, state.values[f]));
    });
    const told = columns.some(({ state, row }) => state.values[f] !== 0 || (state.row === row && state.before && state.before[f] !== 0));
    return told || name === 'status' ? element('tr', {}, element('td', {}, name.replaceAll('_', ' ')), ...cells) : null;
  });
  return element('section', {}, element('h2', {}, `Replicas of group ${data.groups[group - 1]}`),
    element('table', {}, element('tr', {}, element('td', {}, ''), ...head), ...lines.filter((line) => line)));
}

function zoomTo(i) {
  const span = Math.max(endOf(i) - startOf(i), 1e5) * 12;
  const middle = (startOf(i) + Math.min(endOf(i), startOf(i) + span)) / 2;
  setView(middle - span / 2, middle + span / 2);
}

// --- what the pointer is on
function showTip(i, x, y) {
  const tip = $('tip');
  tip.hidden = i < 0;
  if (i < 0) return;
  const facts = [placeText(i), timeText(startOf(i)), isMessage(i) ? fateText(i) : length[i] > 0 ? durationText(length[i]) : ''].filter((t) => t);
  tip.replaceChildren(`${nameOf(i).replaceAll('_', ' ')} ${summaryOf(i)}`, element('small', {}, facts.join(' · ')));
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(x + 14, canvas.width - box.width - 6))}px`;
  tip.style.top = `${y + 18 + box.height > canvas.height ? y - box.height - 10 : y + 16}px`;
}
