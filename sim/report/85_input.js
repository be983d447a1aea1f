// Pointer, wheel, keys, filters.
let filterVersion = 0;

function filterChanged() {
  applyFilter();
  ++filterVersion;
  $('found').textContent = searchBad ? 'no such field' : `${countText(shownCount)} rows`;
  table.page = 0;
  if (!$('table_section').hidden) table.page = pageOf(rowAt(view.from));
  showTable(false);
  repaint();
}

function makeFilters() {
  for (const family of families) {
    const used = types.some((type, t) => familyOf[t] === familyPlace[family.id]);
    if (!used) continue;
    const chip = element('button', { className: 'chip', 'aria-pressed': String(family.on), title: 'Shift-click: only this' }, element('i'), family.label);
    chip.style.setProperty('--tone', `var(--${family.id === 'state' ? 'ink' : family.id === 'turn' ? 'soft' : family.id})`);
    family.chip = chip;
    chip.addEventListener('click', (event) => {
      if (event.shiftKey) for (const other of families) other.on = other === family;
      else family.on = !family.on;
      for (const other of families) other.chip?.setAttribute('aria-pressed', String(other.on));
      filterChanged();
    });
    $('families').append(chip);
  }
  const groups = [...new Set([...states.values()].map((list) => list.group))].sort((a, b) => a - b);
  $('group').append(element('option', { value: '0' }, 'all groups'), ...groups.map((g) => element('option', { value: String(g) }, `group ${data.groups[g - 1]}`)));
  view.group = 0;
  $('group').value = '0';
  $('who').append(element('option', { value: '' }, 'all lanes'), ...lanes.map((lane, l) => element('option', { value: 'l' + l }, lane.name)));
  $('group').addEventListener('change', () => { view.group = Number($('group').value); filterChanged(); });
  $('who').addEventListener('change', () => { view.who = $('who').value; filterChanged(); });
  let waiting = 0;
  $('search').addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { view.search = $('search').value; filterChanged(); }, 120);
  });
  $('search').addEventListener('keydown', (event) => {
    if (event.key === 'Escape') { $('search').value = view.search = ''; filterChanged(); diagram.focus(); }
    if (event.key === 'Enter') nextFound(event.shiftKey ? -1 : 1);
  });
  $('past_label').hidden = violation < 0;
  $('past').checked = view.pastOnly;
  $('past').addEventListener('change', () => { view.pastOnly = $('past').checked; filterChanged(); });
}
// The next row that passes the filter, after the selected one or from the left edge.
function nextFound(step) {
  let i = view.selected >= 0 ? view.selected + step : rowAt(view.from);
  while (i >= 0 && i < count && !shown[i]) i += step;
  if (i >= 0 && i < count) select(i);
}

// --- the pointer on the diagram
let drag = null;
function onDown(event) {
  if (event.button !== 0) return;
  drag = { x: event.offsetX, y: event.offsetY, from: view.from, to: view.to, scroll: view.scroll, moved: false };
  diagram.setPointerCapture?.(event.pointerId);
}
function onMove(event) {
  if (!drag) return hover(event.offsetX, event.offsetY);
  const dx = event.offsetX - drag.x;
  if (!drag.moved && Math.hypot(dx, event.offsetY - drag.y) < 4) return;
  drag.moved = true;
  showTip(-1);
  diagram.classList.add('dragging');
  view.scroll = Math.min(Math.max(drag.scroll - (event.offsetY - drag.y), 0), layout.scrollMax);
  const by = (-dx / plotWidth()) * (drag.to - drag.from);
  setView(drag.from + by, drag.to + by);
}
function onUp(event) {
  diagram.classList.remove('dragging');
  const click = drag && !drag.moved;
  drag = null;
  if (!click) return;
  const lane = event.offsetX < canvas.left - 4 ? lanes.findIndex((_, l) => Math.abs(laneY(l) - event.offsetY) < layout.laneHeight[l] / 2) : -1;
  if (lane >= 0) {
    view.who = $('who').value = view.who === 'l' + lane ? '' : 'l' + lane;
    return filterChanged();
  }
  select(rowUnder(event.offsetX, event.offsetY), { reveal: false });
}
let hoverAsked = false;
function hover(x, y) {
  if (hoverAsked) return;
  hoverAsked = true;
  requestAnimationFrame(() => {
    hoverAsked = false;
    if (drag) return;
    view.hovered = rowUnder(x, y);
    diagram.classList.toggle('over', view.hovered >= 0);
    showTip(view.hovered, x, y);
  });
}
function onWheel(event) {
  event.preventDefault();
  const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 200 : 1;
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return pan((event.deltaX || event.deltaY) * unit);
  zoom(Math.exp(Math.max(-240, Math.min(240, event.deltaY * unit)) * 0.0022), event.offsetX);
}
function onStrip(event) {
  if (event.type === 'pointerdown') minimap.setPointerCapture?.(event.pointerId);
  else if (event.buttons !== 1) return;
  const t = stripTime(event.offsetX), span = view.to - view.from;
  setView(t - span / 2, t + span / 2);
}

const wholeRun = () => setView(begin - (end - begin) * 0.02, end + (end - begin) * 0.02);
function toViolation() {
  if (violation < 0 || viewOfCalls()) return;
  const span = Math.min(view.to - view.from, 3e8);
  setView(at[violation] - span * 0.85, at[violation] + span * 0.15);
}
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName ?? '') && event.target.type !== 'checkbox') return;
  const actions = {
    '+': () => zoom(0.6), '=': () => zoom(0.6), '-': () => zoom(1 / 0.6), '_': () => zoom(1 / 0.6), '0': wholeRun,
    ArrowLeft: () => pan(-plotWidth() * 0.15), ArrowRight: () => pan(plotWidth() * 0.15),
    ArrowUp: () => { view.scroll -= 60; layOut(); repaint(); }, ArrowDown: () => { view.scroll += 60; layOut(); repaint(); },
    Home: () => setView(begin, begin + view.to - view.from), End: () => setView(end - (view.to - view.from), end),
    '[': walkBack, ']': walkOn, n: () => nextFound(1), p: () => nextFound(-1), v: toViolation, t: toggleTable,
    z: () => view.selected >= 0 && zoomTo(view.selected), Escape: () => select(-1), '/': () => $('search').focus(),
    c: () => { if (violation >= 0) { view.pastOnly = $('past').checked = !view.pastOnly; filterChanged(); } },
  };
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}
function selectByHash() {
  const wanted = /^#e=(\d+)$/.exec(location.hash);
  if (!wanted) return false;
  const i = Number(wanted[1]) - 1;
  if (i < 0 || i >= count) return false;
  if (i !== view.selected) select(i);
  return true;
}
