// What was asked, and what it comes to.
function showHead() {
  const verdict = $('verdict');
  const good = data.failed === 0;
  verdict.textContent = data.runs === 0 ? 'nothing run' : good ? 'ok' : data.worst;
  verdict.className = data.runs === 0 ? 'odd' : good ? 'ok' : data.worst === 'inconclusive' || data.worst === 'unavailable' ? 'odd' : '';
  document.title = `Campaign: ${data.runs === 0 ? 'nothing run' : good ? 'ok' : `${plural(data.failed, 'failure')}`}`;
  $('title').append(good ? `${plural(data.runs, 'run')}, all as expected` : `${countText(data.failed)} of ${plural(data.runs, 'run')} failed`,
    element('small', {}, `${plural(data.scenarios.length, 'scenario')} · seeds ${data.seeds} · limits ${data.limits}`));
  const story = $('story');
  if (good && data.runs > 0) story.append('No checker found anything. ');
  if (!good) story.append(element('b', {}, plural(data.signatures.length, 'signature')), `: failures of the same verdict, checker and invariant are one. `);
  if (data.not_run !== '') story.append(element('b', {}, `Not run: ${countText(data.planned - data.runs)} of ${countText(data.planned)}`), ` (${data.not_run}). `);
  if (data.merged_from.length > 0)
    story.append(`Merged from ${plural(data.merged_from.length, 'folder')}; ${data.twice === 0 ? 'no run was in two of them' : `${plural(data.twice, 'run')} in more than one of them`}. `);
  const figures = [['runs', countText(data.runs)], ['verified twice', countText(data.verified)], ['core time', spanText(data.busy_ns)],
    ['virtual time', spanText(data.virtual_ns)], ['events/s/core', countText(data.events_per_s)], ['runs/h/core', countText(data.runs_per_core_hour)]];
  for (const [name, value] of figures) $('figures').append(element('div', {}, element('dt', {}, name), element('dd', {}, value)));
  $('commands').append(commandLine('again', data.command));
  if (data.go_on !== '') $('commands').append(commandLine('go on', data.go_on));
}

function showSections() {
  const reached = data.marks.filter((mark) => mark.runs > 0).length;
  const struck = data.faults.filter((fault) => fault.runs > 0).length;
  const parts = [['failures', 'Failures', data.signatures.length, data.signatures.length > 0 ? 'alert' : ''], ['scenarios', 'Scenarios', data.scenarios.length, ''],
    ['marks', 'Coverage marks', `${reached}/${data.marks.length}`, ''], ['faults', 'Faults', `${struck}/${data.faults.length}`, ''], ['slowest', 'Slowest runs', '', '']];
  for (const [id, title, count, tone] of parts)
    $('sections').append(element('a', { href: `#${id}`, className: tone }, title, element('small', {}, String(count))));
  $('foot').append(element('span', {}, data.build), element('span', {}, data.verify === 0 ? 'no run was done twice' : data.verify === 1 ? 'every run was done twice' : `one run in ${data.verify} was done twice`));
}
