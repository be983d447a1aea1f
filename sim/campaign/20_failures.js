// Failures, a card per signature: the worst first, then the most frequent.
function failureCard(failed) {
  const first = failed.first[0];
  const odd = failed.verdict === 'inconclusive' || failed.verdict === 'unavailable';
  const files = Object.entries(failed.files).sort((a, b) => b[1] - a[1]);
  const card = element('article', { className: odd ? 'card odd' : 'card' },
    element('h3', {}, element('span', { className: 'verdict' }, failed.verdict), failed.signature.replace(/^\S+ /, ''),
      element('small', {}, `${plural(failed.runs, 'run')}, ${shareText(failed.runs, data.runs)} · ` + files.slice(0, 4).map(([file, runs]) => `${shortName(file)} ${countText(runs)}`).join(', ') +
        (files.length > 4 ? ` and ${plural(files.length - 4, 'more scenario')}` : ''))),
    element('p', { className: 'detail' }, `${shortName(first.file)}, seed ${first.seed}: ${first.detail}`),
    element('div', { className: 'commands' }, commandLine('replay', first.reproduce), commandLine('picture', `${first.reproduce} --report out.html`),
      commandLine(failed.shrunk === '' ? 'shrink' : 'shrunk', failed.shrunk === '' ? first.shrink : failed.shrunk)));
  if (failed.first.length > 1)
    card.append(element('p', { className: 'also' }, 'also ', ...failed.first.slice(1).flatMap((example, i) =>
      [i > 0 ? ', ' : '', element('span', { title: `${example.reproduce}\n${example.detail}` }, `${shortName(example.file)} seed ${example.seed}`)])));
  const variants = failed.variants.length + (failed.runs_of_more_variants > 0 ? 1 : 0);
  if (variants > 1)
    card.append(element('details', {}, element('summary', {}, `${failed.variants.length}${failed.runs_of_more_variants > 0 ? ' and more' : ''} variants of the text, numbers left out`),
      element('table', {}, ...failed.variants.map((variant) => element('tr', {}, element('td', { className: 'n' }, countText(variant.runs)),
        element('td', {}, variant.detail), element('td', {}, `${shortName(variant.file)} seed ${variant.seed}`)))),
      failed.runs_of_more_variants > 0 ? `${plural(failed.runs_of_more_variants, 'run')} of still others` : ''));
  return card;
}

function showFailures() {
  $('failures').append(element('h2', {}, 'Failures'));
  if (data.signatures.length === 0) $('failures').append(element('p', { className: data.runs > 0 ? 'good' : '' }, data.runs > 0 ? 'None.' : 'Nothing was run yet.'));
  $('failures').append(...data.signatures.map(failureCard));
}
