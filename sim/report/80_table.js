// The same rows as a table, a page at a time, for keyboards and screen readers, and for reading in order.
const table = { rows: null, version: -1, page: 0, size: 100 };

function tableRows() {
  if (table.version === filterVersion) return table.rows;
  table.version = filterVersion;
  table.rows = new Uint32Array(shownCount);
  for (let i = 0, n = 0; i < count; ++i) if (shown[i]) table.rows[n++] = i;
  return table.rows;
}
// The page on which the first row at or after it stands.
function pageOf(row) {
  const rows = tableRows();
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle] < row) low = middle + 1;
    else high = middle;
  }
  return Math.floor(Math.min(low, Math.max(0, rows.length - 1)) / table.size);
}
function showTable(withSelected = true) {
  const section = $('table_section');
  if (section.hidden) return;
  const rows = tableRows();
  const pages = Math.max(1, Math.ceil(rows.length / table.size));
  table.page = Math.min(Math.max(table.page, 0), pages - 1);
  const first = table.page * table.size;
  const turnTo = (page) => () => {
    table.page = page;
    showTable(false);
    section.scrollTop = 0;
  };
  const body = element('tbody');
  for (const i of rows.subarray(first, first + table.size)) {
    const details = fieldsOf(i).filter(([, value]) => value !== '0' && value !== '').map(([name, value]) => `${name} ${value}`).join('  ');
    const line = element('tr', { id: `row${i + 1}` },
      element('td', {}, element('a', { href: `#e=${i + 1}` }, String(i + 1))), element('td', {}, timeText(at[i])),
      element('td', {}, nameOf(i)), element('td', {}, placeText(i)),
      element('td', { className: isLost(i) ? 'bad' : '' }, isMessage(i) && fate[i] === Fate.underWay ? 'never arrived' : fateText(i)), element('td', {}, details));
    body.append(line);
  }
  section.replaceChildren(element('table', {},
    element('caption', {}, `Rows ${rows.length === 0 ? 0 : countText(first + 1)} to ${countText(Math.min(first + table.size, rows.length))} of ${countText(rows.length)}`,
      element('button', { onclick: turnTo(table.page - 1), disabled: table.page === 0 }, 'previous'),
      element('button', { onclick: turnTo(table.page + 1), disabled: table.page + 1 >= pages }, 'next'),
      element('button', { onclick: () => { table.page = pageOf(rowAt(view.from)); showTable(false); } }, 'from what is shown above')),
    element('thead', {}, element('tr', {}, ...['row', 'time', 'what', 'where', 'outcome', 'details'].map((text) => element('th', { scope: 'col' }, text)))), body));
  if (withSelected) markTable();
}
function markTable() {
  if ($('table_section').hidden) return;
  for (const line of document.querySelectorAll('#table_section tr.selected')) line.classList.remove('selected');
  if (view.selected < 0) return;
  const line = $(`row${view.selected + 1}`);
  if (line) {
    line.classList.add('selected');
    line.scrollIntoView({ block: 'nearest' });
  } else if (shown[view.selected]) {
    table.page = pageOf(view.selected);
    showTable();
  }
}
function toggleTable() {
  const section = $('table_section');
  section.hidden = !section.hidden;
  $('table_button').setAttribute('aria-expanded', String(!section.hidden));
  if (!section.hidden) table.page = pageOf(view.selected >= 0 ? view.selected : rowAt(view.from));
  showTable();
  resize();
}
