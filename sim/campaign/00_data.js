'use strict';
// The summary, and how its values are written. All text goes in as text: nothing of the data is markup.
const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);

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

const countText = (n) => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, '\u202f');
const plural = (n, one, many = one + 's') => `${countText(n)} ${n === 1 ? one : many}`;
const perSecond = (count, ns) => (ns > 0 ? (count * 1e9) / ns : 0);
const rateText = (rate) => (rate === 0 ? '–' : rate < 10 ? rate.toFixed(2) : countText(rate));
const shareText = (part, whole) => {
  if (whole === 0) return '–';
  const percent = (part / whole) * 100;
  return part === 0 ? '0 %' : percent < 0.1 ? '< 0.1 %' : percent > 99.9 && part < whole ? '> 99.9 %' : `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
};
function spanText(ns) {
  const seconds = ns / 1e9;
  if (seconds < 1) return `${(seconds * 1000).toFixed(0)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds / 60) % 60)} min`;
}
// "crash/primary" of "scenarios/crash/primary.textproto"
const shortName = (file) => file.replace(/^scenarios\//, '').replace(/\.textproto$/, '');

function copyButton(text) {
  const button = element('button', { title: 'Copy the command', 'aria-label': 'Copy the command' }, 'copy');
  button.addEventListener('click', () => navigator.clipboard?.writeText(text).then(() => { button.textContent = 'copied'; }));
  return button;
}
function commandLine(what, command) {
  return element('div', { className: 'command' }, element('span', {}, what), element('code', { title: command }, command), copyButton(command));
}

// A table whose head sorts it. A column: {title, of (what is sorted by), cell, n (a number), down (sort downwards first)}.
function sortedTable(columns, rows, first) {
  const body = element('tbody');
  let by = first.column, down = first.down;
  const heads = columns.map((column, i) => {
    const head = element('th', { className: [column.n ? 'n' : '', column.narrow ? 'narrow' : ''].join(' '), scope: 'col' });
    if (column.of === undefined) head.append(column.title);
    else head.append(element('button', { title: 'Sort by it', onclick: () => { down = by === i ? !down : column.n === true; by = i; fill(); } }, column.title));
    return head;
  });
  function fill() {
    heads.forEach((head, i) => { if (i === by) head.setAttribute('aria-sort', down ? 'descending' : 'ascending'); else head.removeAttribute('aria-sort'); });
    const value = columns[by].of;
    const order = rows.map((row, i) => [value(row), i]).sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0) * (down ? -1 : 1) || a[1] - b[1]);
    body.replaceChildren(...order.map(([, i]) => rows[i]).filter((row) => filter(row)).map((row) => {
      const line = element('tr');
      columns.forEach((column) => line.append(element('td', { className: [column.n ? 'n' : '', column.narrow ? 'narrow' : '', column.tone?.(row) ?? ''].join(' ') }, column.cell(row))));
      return line;
    }));
  }
  let filter = () => true;
  fill();
  return {
    table: element('table', {}, element('thead', {}, element('tr', {}, ...heads)), body),
    show: (which) => { filter = which; fill(); return body.childElementCount; },
    heads, body,
  };
}
