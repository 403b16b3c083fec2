'use strict';

// The table of the agencies: filter, order, pages.
/* global agencies, announceShown, clock, draw, drawCurve, element, number, put, setText, summary */
/* exported drawAgencies */

const ROWS_A_PAGE = 50;
/** The maximum number of absent agencies in the list. Beyond it they are only counted. */
const MOST_LISTED = 20_000;

const STATES = {
  absent: 'absent',
  uploading: 'uploading',
  finished: 'finished',
  winners: 'has its winners',
};
const ORDER = Object.keys(STATES);

let page = 0;

function drawAgencies() {
  const chosen = choose();
  const pages = Math.max(1, Math.ceil(chosen.length / ROWS_A_PAGE));
  page = Math.min(page, pages - 1);
  const first = page * ROWS_A_PAGE;
  const visible = chosen.slice(first, first + ROWS_A_PAGE);

  const rows = element('rows');
  while (rows.rows.length > visible.length) rows.lastElementChild.remove();
  while (rows.rows.length < visible.length) rows.append(makeRow());
  visible.forEach((agency, index) => fillRow(rows.rows[index], agency));

  const shown = visible.length === 0 ? 'none' : `${number(first + 1)} to ${number(first + visible.length)}`;
  const notListed = summary.agencies.expected > MOST_LISTED ? '; absent agencies are not listed' : '';
  setText('shown', `${shown} of ${number(chosen.length)}${notListed}`);
  element('pages').hidden = pages === 1 && notListed === '';
  element('none').hidden = visible.length > 0;
  allowSteps(page > 0, page < pages - 1);
  return chosen.length;
}

/** Moves the keyboard's focus away from a disabled button. */
function allowSteps(back, on) {
  const [previous, next] = [element('previous'), element('next')];
  previous.disabled = !back;
  next.disabled = !on;
  if (document.activeElement === previous && !back && on) next.focus();
  if (document.activeElement === next && !on && back) previous.focus();
}

/** The agencies of the current filter, in the current order. */
function choose() {
  const filter = element('filter').value;
  const wanted = element('search').value.trim();
  const isChosen = (agency) =>
    (filter === 'all' || agency.state === filter || (filter === 'errors' && agency.errors > 0)) &&
    (wanted === '' || String(agency.id).startsWith(wanted));
  return listAll()
    .filter(isChosen)
    .sort(comparison(element('sort').value));
}

function listAll() {
  const all = Array.from(agencies.values());
  if (summary.agencies.expected > MOST_LISTED) return all;
  for (let id = 1; id <= summary.agencies.expected; id++) {
    if (!agencies.has(id)) all.push(absentAgency(id));
  }
  return all;
}

function absentAgency(id) {
  const winners = summary.draw.held ? 0 : null;
  return { id, state: 'absent', bets: 0, perSecond: 0, errors: 0, lastError: null, winners, curve: [] };
}

function comparison(key) {
  if (key === 'id') return (left, right) => left.id - right.id;
  if (key === 'state') {
    return (left, right) => ORDER.indexOf(left.state) - ORDER.indexOf(right.state) || left.id - right.id;
  }
  return (left, right) => (right[key] ?? 0) - (left[key] ?? 0) || left.id - right.id;
}

/** Explicit roles of the cells, because browsers drop the implicit ones in a phone's layout. */
function makeRow() {
  const row = document.createElement('tr');
  row.setAttribute('role', 'row');
  const head = document.createElement('th');
  head.scope = 'row';
  head.setAttribute('role', 'rowheader');
  row.append(head);
  for (const name of ['state', 'number', 'number rate', 'curve', 'number winners', 'errors']) {
    const cell = document.createElement('td');
    cell.className = name;
    cell.setAttribute('role', 'cell');
    row.append(cell);
  }
  return row;
}

function fillRow(row, agency) {
  const [id, state, bets, rate, curveCell, winners, errors] = row.cells;
  put(id, String(agency.id));
  const isIdle = agency.state === 'uploading' && agency.perSecond === 0;
  put(state, isIdle ? 'uploading, idle' : STATES[agency.state]);
  state.dataset.state = isIdle ? 'idle' : agency.state;
  put(bets, number(agency.bets));
  bets.dataset.unit = 'bets';
  put(rate, number(agency.perSecond));
  rate.dataset.unit = 'a second';
  bets.classList.toggle('zero', agency.bets === 0);
  rate.classList.toggle('zero', agency.perSecond === 0);
  winners.classList.toggle('zero', agency.winners === 0);
  drawCurve(curveCell, agency.curve, `Agency ${agency.id}`);
  put(winners, agency.winners === null ? '' : number(agency.winners));
  winners.dataset.unit = agency.winners === 1 ? 'winner' : 'winners';
  put(errors, describeErrors(agency));
  errors.classList.toggle('troubled', agency.errors > 0);
}

function describeErrors({ errors, lastError }) {
  if (errors === 0) return '';
  return `${number(errors)}, last ${lastError.code} at ${clock(lastError.at)}`;
}

for (const id of ['filter', 'sort', 'search']) {
  element(id).addEventListener('input', () => {
    page = 0;
    if (summary !== undefined) announceShown(drawAgencies());
  });
}
element('previous').addEventListener('click', () => {
  page--;
  draw();
});
element('next').addEventListener('click', () => {
  page++;
  draw();
});
