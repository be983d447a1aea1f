// With #selftest the page checks itself and writes what it found: tests/bin/report_test.cc reads that with a browser.
if (location.hash === '#selftest') {
  const lines = [];
  let failed = 0;
  const check = (what, holds) => {
    if (!holds) ++failed;
    lines.push(`${holds ? 'ok  ' : 'FAIL'} ${what}`);
  };
  const pointer = (target, type, x, y, more = {}) => {
    const box = target.getBoundingClientRect();
    const event = new PointerEvent(type, { bubbles: true, cancelable: true, clientX: box.left + x, clientY: box.top + y, button: 0, pointerId: 1, ...more });
    target.dispatchEvent(event);
  };
  const key = (name) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true }));
  HTMLElement.prototype.setPointerCapture = () => {};

  check('rows are in the order of time', at.every((t, i) => i === 0 || at[i - 1] <= t));
  check('causes are earlier rows', causeOf.every((cause, i) => cause < i));
  check('whoever used a row is a later turn', usedBy.every((turn, i) => turn < 0 || (turn > i && isTurn(turn))));
  check('a delivered message has a receiver', typeOf.every((_, i) => !isMessage(i) || fate[i] !== Fate.delivered || toLane[i] >= 0));
  check('the filter let something pass', shownCount > 0);

  const span = () => view.to - view.from;
  wholeRun();
  const whole = span();
  key('+');
  check('+ zooms in', span() < whole);
  key('-');
  check('- zooms out', Math.abs(span() - whole) < whole * 0.01);
  diagram.dispatchEvent(new WheelEvent('wheel', { deltaY: -400, clientX: 500, clientY: 300, bubbles: true, cancelable: true }));
  check('the wheel zooms', span() < whole);
  for (let k = 0; k < 4; ++k) key('+');
  const from = view.from;
  key('ArrowRight');
  check('an arrow pans', view.from > from);
  const dragged = view.from;
  pointer(diagram, 'pointerdown', 500, 200);
  pointer(diagram, 'pointermove', 400, 200);
  pointer(diagram, 'pointerup', 400, 200);
  check('dragging pans', view.from > dragged);
  pointer(minimap, 'pointerdown', canvas.left + stripWidth() * 0.5, 20, { buttons: 1 });
  check('the strip moves the view', Math.abs((view.from + view.to) / 2 - (begin + end) / 2) < whole * 0.03);

  // A handled message: its line is clicked, its cause and its effect are walked to.
  const message = typeOf.findIndex((_, i) => isMessage(i) && shown[i] && fate[i] === Fate.delivered && usedBy[i] >= 0 && causeOf[i] >= 0);
  check('there is a handled message', message >= 0);
  if (message >= 0) {
    zoomTo(message);
    paint();
    const [x0, y0, x1, y1] = lineOf(message);
    pointer(diagram, 'pointerdown', (x0 + x1) / 2, (y0 + y1) / 2);
    pointer(diagram, 'pointerup', (x0 + x1) / 2, (y0 + y1) / 2);
    check('a click selects a message', view.selected >= 0 && isMessage(view.selected));
    select(message);
    check('details are shown', !$('details').hidden && $('details').textContent.includes('Header'));
    check('the permalink names it', location.hash === `#e=${message + 1}`);
    key('[');
    check('[ goes to the turn that sent it', view.selected === causeOf[message]);
    key(']');
    check('] comes back', view.selected === message);
    key(']');
    check('] goes on to an effect', view.selected >= 0 && view.selected !== message);
    location.hash = `#e=${message + 1}`;
    selectByHash();
    check('a permalink selects', view.selected === message);
    key('Escape');
    check('Escape closes', view.selected === -1 && $('details').hidden);
  }

  const before = shownCount;
  view.search = 'lost';
  filterChanged();
  check('search for lost finds lost messages only', typeOf.every((_, i) => !shown[i] || isLost(i) || familyIn(i) !== familyPlace.replicate));
  view.search = 'no_such_field=3';
  filterChanged();
  check('an unknown field is said to be one', $('found').textContent === 'no such field');
  view.search = '';
  view.who = 'l0';
  filterChanged();
  check('a lane can be chosen', shownCount < before && typeOf.every((_, i) => !shown[i] || laneOf[i] === 0 || toLane[i] === 0));
  view.who = '';
  view.search = 'prepare view>0';
  filterChanged();
  check('terms are joined by and', typeOf.every((_, i) => !shown[i] || (nameOf(i).includes('prepare') && field(i, 'view') > 0)));
  view.search = '';
  filterChanged();
  check('without them all is back', shownCount === before);
  if (violation >= 0) {
    check('only the past of the violation is shown', view.pastOnly && typeOf.every((_, i) => !shown[i] || inPast[i] || familyIn(i) === familyPlace.fault));
    key('c');
    check('c shows the rest, too', !view.pastOnly && shownCount > before);
    key('c');
    key('v');
    check('v goes to the violation', seenCalls.length > 0 || (view.from < at[violation] && at[violation] < view.to));
  }
  if (seenCalls.length > 0) {
    const bars = [...document.querySelectorAll('.seen')];
    check('what clients saw is shown, one bar per call', !$('calls').hidden && bars.length === seenCalls.length);
    check('one answer is the wrong one', document.querySelectorAll('.seen.wrong').length === 1);
    wholeRun();
    key('v');
    const wrong = seenCalls.find((call) => call.wrong);
    check('v goes to that answer', view.from < wrong.called_ns && wrong.returned_ns < view.to);
    document.querySelector('.seen.wrong').click();
    check('a click on it selects the call', nameOf(view.selected) === 'call' && at[view.selected] === wrong.called_ns);
    check('that call is in the causal past', inPast[view.selected] === 1);
    key('Escape');
  }
  toggleTable();
  check('the table has a page of rows', document.querySelectorAll('#table_section tbody tr').length === Math.min(table.size, shownCount - table.page * table.size));
  toggleTable();

  const frames = painted.frames;
  for (let k = 0; k < 50; ++k) repaint();
  check('many wishes, one frame', painted.frames === frames);
  const costs = [];
  for (const share of [1, 0.5, 0.1, 0.01, 0.001]) {
    const middle = (begin + end) / 2, wide = (end - begin) * share;
    view.from = middle - wide / 2;
    view.to = middle + wide / 2;
    paint();
    const started = performance.now();
    for (let k = 0; k < 5; ++k) paint();
    diagram.getContext('2d').getImageData(0, 0, 1, 1);
    costs.push(((performance.now() - started) / 5).toFixed(1));
  }
  lines.push(`rows ${count}, first paint ${painted.first.toFixed(0)} ms, frames at 100, 50, 10, 1, 0.1 % of the run: ${costs.join(', ')} ms`);
  const result = $('selftest');
  result.textContent = `${failed === 0 ? 'PASSED' : 'FAILED ' + failed}\n${lines.join('\n')}`;
  result.hidden = false;
}
