'use strict';

// The section of servers and database: hidden for a store in files.
/* global clock, element, number, put */
/* exported drawServers */

/** After this time without a reading of the database, the lottery on the page is outdated. */
const OUTDATED_MS = 5_000;

const decimal = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format;

function drawServers({ at, server, servers, database }) {
  element('servers-section').hidden = database === null;
  if (database === null) return;
  const fault = describeFault(at, database);
  element('database-fault').hidden = fault === '';
  put(element('database-fault'), fault);

  const rows = element('servers');
  while (rows.rows.length > servers.length) rows.lastElementChild.remove();
  while (rows.rows.length < servers.length) rows.append(makeServerRow());
  servers.forEach((each, index) => fillServerRow(rows.rows[index], each, each.name === server.name));
  drawDatabase(database);
}

function describeFault(at, { writable, readAt }) {
  const sentences = [];
  if (!writable) sentences.push('The database accepts no writes: no bet can be stored.');
  if (readAt === null) sentences.push('The lottery could not be read yet.');
  else if (Date.parse(at) - Date.parse(readAt) > OUTDATED_MS) {
    sentences.push(`The page shows the lottery as of ${clock(readAt)}: the database could not be read since.`);
  }
  return sentences.join(' ');
}

/** Explicit roles of the cells, because browsers drop the implicit ones in a phone's layout. */
function makeServerRow() {
  const row = document.createElement('tr');
  row.setAttribute('role', 'row');
  for (const [tag, role, name] of [
    ['th', 'rowheader', 'name'],
    ['td', 'cell', 'state'],
    ['td', 'cell', 'number'],
    ['td', 'cell', 'number rate'],
    ['td', 'cell', 'started'],
  ]) {
    const cell = document.createElement(tag);
    if (tag === 'th') cell.scope = 'row';
    cell.className = name;
    cell.setAttribute('role', role);
    row.append(cell);
  }
  return row;
}

function fillServerRow(row, { name, alive, startedAt, seenAt, sessionsOpen, perSecond }, isThis) {
  const [nameCell, state, sessions, rate, started] = row.cells;
  put(nameCell, isThis ? `${name} (this server)` : name);
  put(state, alive ? 'alive' : `lost, last seen ${clock(seenAt)}`);
  state.dataset.state = alive ? 'alive' : 'lost';
  // The last figures of a lost server are no longer those of the lottery.
  put(sessions, alive ? number(sessionsOpen) : '–');
  put(rate, alive ? number(perSecond) : '–');
  sessions.dataset.unit = 'sessions';
  rate.dataset.unit = 'bets a second';
  put(started, new Date(startedAt).toLocaleString());
}

function drawDatabase({ commitSeconds, connections, waits, connectionsLost, failovers, ...more }) {
  put(element('commit-time'), commitSeconds === null ? 'no commits' : `${decimal(commitSeconds * 1_000)} ms`);
  put(element('connections'), `${number(connections.inUse)} of ${number(connections.max)} in use`);
  put(element('connection-waits'), number(waits));
  putCount('connections-lost', connectionsLost);
  putCount('failovers', failovers);
  put(element('retries'), number(more.retries));
  putCount('unknown-outcomes', more.unknownOutcomes);
  put(element('standbys'), describeStandbys(more.standbys));
}

function describeStandbys(standbys) {
  if (standbys === null) return 'not visible to this server';
  if (standbys.length === 0) return 'none connected';
  return standbys.map(({ name, mode, lagSeconds }) => `${name} (${mode}), ${decimal(lagSeconds)} s behind`).join('; ');
}

/** Shows a count of faults. */
function putCount(id, count) {
  put(element(id), number(count));
  element(id).classList.toggle('troubled', count > 0);
}
