// Scenarios: what became of their seeds, and how fast they run.
function stripOf(scenario) {
  const colour = ([runs, failed]) => (failed > 0 ? 'var(--bad)' : runs > 0 ? 'var(--good)' : 'var(--down)');
  const wide = 100 / scenario.strip.length;
  const stops = [];
  scenario.strip.forEach((column, i) => {
    const last = stops[stops.length - 1];
    if (last && last.colour === colour(column)) last.to = (i + 1) * wide;
    else stops.push({ colour: colour(column), from: i * wide, to: (i + 1) * wide });
  });
  const text = `${plural(scenario.runs, 'run')}, ${countText(scenario.failed)} failed, seeds ${data.seeds} from left to right`;
  return element('span', { className: 'strip', role: 'img', title: text, 'aria-label': text,
    style: `background: linear-gradient(to right, ${stops.map((stop) => `${stop.colour} ${stop.from.toFixed(3)}% ${stop.to.toFixed(3)}%`).join(', ')})` });
}
function othersOf(scenario) {
  return Object.entries(scenario.verdicts).filter(([name]) => name !== 'ok').map(([name, runs]) => `${countText(runs)} ${name}`).join(', ');
}

let scenarioTable;
function showScenarios() {
  const columns = [
    { title: 'scenario', of: (s) => s.file, cell: (s) => element('span', { title: s.file }, shortName(s.file), element('span', { className: 'about' }, s.about)) },
    { title: 'runs', n: true, of: (s) => s.runs, cell: (s) => countText(s.runs) },
    { title: 'failed', n: true, of: (s) => s.failed, cell: (s) => countText(s.failed), tone: (s) => (s.failed > 0 ? 'bad' : '') },
    { title: 'seeds', cell: stripOf },
    { title: 'other verdicts', of: othersOf, cell: othersOf, narrow: true },
    { title: 'marks', n: true, of: (s) => Object.keys(s.marks).length, cell: (s) => countText(Object.keys(s.marks).length), narrow: true },
    { title: 'views/run', n: true, of: (s) => s.view_changes / Math.max(1, s.runs), cell: (s) => (s.runs > 0 ? (s.view_changes / s.runs).toFixed(1) : '–'), narrow: true },
    { title: 'commits/run', n: true, of: (s) => s.commits / Math.max(1, s.runs), cell: (s) => (s.runs > 0 ? countText(s.commits / s.runs) : '–'), narrow: true },
    { title: 'time/run', n: true, of: (s) => s.busy_ns / Math.max(1, s.runs), cell: (s) => (s.runs > 0 ? spanText(s.busy_ns / s.runs) : '–') },
    { title: 'runs/s', n: true, of: (s) => perSecond(s.runs, s.busy_ns), cell: (s) => rateText(perSecond(s.runs, s.busy_ns)), narrow: true },
    { title: 'events/s', n: true, of: (s) => perSecond(s.events, s.busy_ns), cell: (s) => rateText(perSecond(s.events, s.busy_ns)) },
    { title: 'virtual : real', n: true, of: (s) => s.virtual_ns / Math.max(1, s.busy_ns), cell: (s) => (s.busy_ns > 0 ? `${countText(s.virtual_ns / s.busy_ns)}` : '–'), narrow: true },
  ];
  const anyFailed = data.failed > 0;
  scenarioTable = sortedTable(columns, data.scenarios, anyFailed ? { column: 2, down: true } : { column: 0, down: false });
  const search = element('input', { type: 'search', placeholder: 'crash, backup, torn', 'aria-label': 'Search scenarios', id: 'scenario_search', spellcheck: false });
  const only = element('input', { type: 'checkbox', id: 'only_failed' });
  const refresh = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter((word) => word !== '');
    scenarioTable.show((s) => (!only.checked || s.failed > 0) && words.every((word) => `${s.file} ${s.about}`.toLowerCase().includes(word)));
  };
  search.addEventListener('input', refresh);
  only.addEventListener('change', refresh);
  const legend = [['var(--good)', 'as expected'], ['var(--bad)', 'failed'], ['var(--down)', 'not run']];
  $('scenarios').append(element('h2', {}, 'Scenarios', element('small', {}, 'speed is per core; a head sorts')),
    element('div', { className: 'tools' }, search, anyFailed ? element('label', {}, only, 'failed only') : null,
      element('span', { className: 'legend' }, ...legend.map(([colour, text]) => element('span', {}, element('i', { style: `background: ${colour}` }), text)))),
    element('div', { className: 'wide' }, scenarioTable.table));
}
