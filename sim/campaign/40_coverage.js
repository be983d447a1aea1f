// What the runs have reached (marks), and what struck them (faults).
function mostIn(mark) {
  let best = null, share = 0, scenarios = 0;
  for (const scenario of data.scenarios) {
    const runs = scenario.marks[mark.name] ?? 0;
    if (runs > 0) ++scenarios;
    if (runs > 0 && runs / scenario.runs > share) [best, share] = [scenario, runs / scenario.runs];
  }
  return best === null ? '' : `${shortName(best.file)} ${shareText(share * best.runs, best.runs)}${scenarios > 1 ? `, ${scenarios} scenarios` : ''}`;
}
const barOf = (share) => element('span', { className: share > 0 ? 'bar' : 'bar none', style: `width: ${(Math.min(1, share) * 100).toFixed(1)}%` });

let markTable, faultTable;
function showMarks() {
  const never = data.marks.filter((mark) => mark.runs === 0 && mark.kind !== 'never');
  const columns = [
    { title: 'mark', of: (m) => m.name, cell: (m) => m.name, tone: (m) => (m.kind === 'never' ? 'bad' : '') },
    { title: 'runs that hit it', of: (m) => m.runs, cell: (m) => barOf(m.runs / Math.max(1, data.runs)) },
    { title: 'runs', n: true, of: (m) => m.runs, cell: (m) => countText(m.runs) },
    { title: '', n: true, cell: (m) => shareText(m.runs, data.runs) },
    { title: 'times', n: true, of: (m) => m.times, cell: (m) => countText(m.times), narrow: true },
    { title: 'kind', of: (m) => m.kind, cell: (m) => m.kind, narrow: true },
    { title: 'most often in', of: mostIn, cell: mostIn, narrow: true },
  ];
  markTable = sortedTable(columns, data.marks.filter((mark) => mark.runs > 0), { column: 2, down: false });
  markTable.table.className = 'bars';
  $('marks').append(element('h2', {}, 'Coverage marks', element('small', {}, 'rare branches of the kernel; the rarest first')));
  if (never.length > 0)
    $('marks').append(element('p', {}, `Never hit: ${never.length} of ${data.marks.length}. In colour: those that every campaign should hit.`),
    element('ul', { className: 'never' }, ...never.map((mark) => element('li', { className: mark.kind, title: mark.kind }, mark.name))));
  else $('marks').append(element('p', { className: 'good' }, 'All were hit.'));
  $('marks').append(element('div', { className: 'wide' }, markTable.table));
}

function showFaults() {
  const most = Math.max(1, ...data.faults.map((fault) => fault.times));
  const columns = [
    { title: 'fault', of: (f) => f.name, cell: (f) => f.name },
    { title: 'times, on a logarithmic scale', of: (f) => f.times, cell: (f) => barOf(f.times > 0 ? Math.max(0.01, Math.log(f.times + 1) / Math.log(most + 1)) : 0) },
    { title: 'times', n: true, of: (f) => f.times, cell: (f) => countText(f.times) },
    { title: 'runs', n: true, of: (f) => f.runs, cell: (f) => countText(f.runs) },
    { title: '', n: true, cell: (f) => shareText(f.runs, data.runs) },
  ];
  faultTable = sortedTable(columns, data.faults.filter((fault) => fault.runs > 0), { column: 2, down: true });
  faultTable.table.className = 'bars';
  const never = data.faults.filter((fault) => fault.runs === 0);
  $('faults').append(element('h2', {}, 'Faults', element('small', {}, 'that really struck, by kind')), element('div', { className: 'wide' }, faultTable.table));
  if (never.length > 0) $('faults').append(element('p', {}, `Never: ${never.map((fault) => fault.name).join(', ')}.`));
}

function showSlowest() {
  if (data.slowest.length === 0) return;
  $('slowest').append(element('h2', {}, 'Slowest runs'),
    element('div', { className: 'wide' }, element('table', {}, element('thead', {}, element('tr', {}, ...[['time', 'n'], ['events', 'n'], ['command', '']].map(([title, tone]) => element('th', { className: tone, scope: 'col' }, title)))),
      element('tbody', {}, ...data.slowest.map((run) => element('tr', {}, element('td', { className: 'n' }, spanText(run.wall_ns)), element('td', { className: 'n' }, countText(run.events)),
        element('td', {}, element('code', {}, run.reproduce))))))));
}
