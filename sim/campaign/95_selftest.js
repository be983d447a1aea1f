// With #selftest the page checks itself and writes what it found: tests/bin/campaign_test.cc reads that with a browser.
if (location.hash === '#selftest') {
  const lines = [];
  let failed = 0;
  const check = (what, holds) => {
    if (!holds) ++failed;
    lines.push(`${holds ? 'ok  ' : 'FAIL'} ${what}`);
  };
  const sum = (of) => data.scenarios.reduce((total, scenario) => total + of(scenario), 0);
  check('scenarios add up to all runs', sum((s) => s.runs) === data.runs && sum((s) => s.failed) === data.failed);
  check('strips add up to their runs', data.scenarios.every((s) => s.strip.reduce((n, column) => n + column[0], 0) === s.runs));
  check('signatures add up to the failures', data.signatures.reduce((n, s) => n + s.runs, 0) === data.failed);
  check('no mark was hit in more runs than there were', data.marks.every((mark) => mark.runs <= data.runs));
  check('a card for each signature', $('failures').querySelectorAll('.card').length === data.signatures.length);
  check('its command repeats the first run', data.signatures.every((s, i) => $('failures').querySelectorAll('.card')[i].textContent.includes(s.first[0].reproduce)));
  check('a row for each scenario', scenarioTable.body.childElementCount === data.scenarios.length);

  const named = () => scenarioTable.body.firstElementChild.firstElementChild.firstElementChild.title;
  const files = data.scenarios.map((s) => s.file).sort();
  const sortHead = scenarioTable.heads[0].querySelector('button');
  sortHead.click();
  if (scenarioTable.heads[0].getAttribute('aria-sort') === 'descending') sortHead.click();
  check('a click sorts', named() === files[0]);
  sortHead.click();
  check('another one turns it round', named() === files[files.length - 1]);
  const search = $('scenario_search');
  search.value = shortName(files[0]);
  search.dispatchEvent(new Event('input'));
  check('the search leaves what was meant', scenarioTable.body.childElementCount >= 1 && [...scenarioTable.body.children].every((row) => row.textContent.includes(shortName(files[0]))));
  search.value = 'nothing is called so';
  search.dispatchEvent(new Event('input'));
  check('or nothing', scenarioTable.body.childElementCount === 0);
  search.value = '';
  search.dispatchEvent(new Event('input'));
  if ($('only_failed')) {
    $('only_failed').click();
    check('failed only', scenarioTable.body.childElementCount === data.scenarios.filter((s) => s.failed > 0).length);
    $('only_failed').click();
  }
  check('the page is no wider than its window', document.documentElement.scrollWidth <= innerWidth);
  const result = $('selftest');
  result.textContent = `${failed === 0 ? 'PASSED' : 'FAILED ' + failed}\n${lines.join('\n')}`;
  result.hidden = false;
}
