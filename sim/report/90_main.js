// Begins.
function firstView() {
  if (seenCalls.length > 0 && viewOfCalls()) return;
  if (violation >= 0) {  // the last rows before it, as many as can be told apart
    let i = violation, seen = 0;
    while (i > 0 && seen < 200) if (shown[--i] && isMessage(i) && familyIn(i) !== familyPlace.beat) ++seen;
    const span = Math.max((at[violation] - at[i]) * 1.12, 1e6);
    view.from = at[violation] - span * 0.92;
    view.to = at[violation] + span * 0.08;
    return clampView();
  }
  // Elections of a short run are most of it: it begins where clients do.
  const called = typeOf.findIndex((type) => types[type].name === 'call');
  const first = called >= 0 && at[called] - begin > (end - begin) * 0.2 ? at[called] : begin;
  view.from = first - (end - first) * 0.02;
  view.to = end + (end - first) * 0.02;
}

function listen() {
  diagram.addEventListener('pointerdown', onDown);
  diagram.addEventListener('pointermove', onMove);
  diagram.addEventListener('pointerup', onUp);
  diagram.addEventListener('pointercancel', () => { drag = null; });
  diagram.addEventListener('pointerleave', () => showTip(-1));
  diagram.addEventListener('wheel', onWheel, { passive: false });
  minimap.addEventListener('pointerdown', onStrip);
  minimap.addEventListener('pointermove', onStrip);
  addEventListener('keydown', onKey);
  addEventListener('resize', resize);
  addEventListener('hashchange', selectByHash);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { readTones(); repaint(); });
  $('in').addEventListener('click', () => zoom(0.6));
  $('out').addEventListener('click', () => zoom(1 / 0.6));
  $('all').addEventListener('click', wholeRun);
  $('to_violation').hidden = violation < 0;
  $('to_violation').addEventListener('click', toViolation);
  $('table_button').addEventListener('click', toggleTable);
  $('copy').addEventListener('click', () => navigator.clipboard?.writeText(data.run.again).then(() => { $('copy').textContent = 'copied'; }));
  $('about_button').addEventListener('click', () => {
    const about = $('about');
    if (about.childElementCount === 0) showAbout();
    about.hidden = !about.hidden;
    $('about_button').setAttribute('aria-expanded', String(!about.hidden));
    resize();
  });
}
function showKeys() {
  const keys = [['wheel', 'zoom'], ['drag', 'pan'], ['[ ]', 'cause, effect'], ['n p', 'next, previous'], ['/', 'search'], ['t', 'table'], ['Esc', 'close']];
  if (violation >= 0) keys.splice(4, 0, ['c', 'causal past'], ['v', 'violation']);
  for (const [key, what] of keys) $('foot').append(element('span', {}, element('kbd', {}, key), ' ' + what));
  $('foot').append(element('span', {}, data.run.build));
}

readTones();
showHead();
makeFilters();
showKeys();
showCalls();
listen();
applyFilter();
++filterVersion;
$('found').textContent = `${countText(shownCount)} rows`;
firstView();
Object.assign(canvas, fit(diagram));
layOut();
// A link shows its row, not all of the run with the row somewhere in it.
if (selectByHash() && view.to - view.from > (end - begin) / 20) zoomTo(view.selected);
paint();
