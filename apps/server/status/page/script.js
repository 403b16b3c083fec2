'use strict';

// The status page. It shows the updates of /events, and their absence. docs/operations.md describes the format.
(() => {
  const CURVE_SECONDS = 180;
  const ROWS_A_PAGE = 50;
  /** The maximum number of absent agencies in the list. Beyond it they are only counted. */
  const MOST_LISTED = 20_000;
  /** The server sends an update per second. After this silence the connection counts as lost. */
  const SILENCE_MS = 5_000;
  const RETRY_MS = 2_000;
  /** The shortest interval between two announcements of progress to a screen reader. */
  const NEWS_PAUSE_MS = 15_000;

  const STATES = {
    absent: 'absent',
    uploading: 'uploading',
    finished: 'finished',
    winners: 'has its winners',
  };
  const ORDER = Object.keys(STATES);

  const element = (id) => document.getElementById(id);
  const number = new Intl.NumberFormat('en').format;
  const clock = (time) => new Date(time).toLocaleTimeString();

  /** The newest summary, the agencies seen so far by id, and the bets of each of the last seconds. */
  let summary;
  const agencies = new Map();
  let curve = [];
  let page = 0;

  // --- updates of the server --------------------------------------------------------------------------------------

  function takeWhole(report) {
    summary = report;
    agencies.clear();
    for (const agency of report.agency) agencies.set(agency.id, { ...agency, curve: agency.curve ?? [] });
    curve = report.bets.curve;
  }

  function takeChanges(report) {
    curve = advanced(curve, report.bets.stored - summary.bets.stored);
    summary = report;
    const added = new Map();
    for (const agency of report.agency) {
      const before = agencies.get(agency.id);
      added.set(agency.id, agency.bets - (before?.bets ?? 0));
      agencies.set(agency.id, { ...agency, curve: before?.curve ?? [] });
    }
    for (const agency of agencies.values()) agency.curve = advanced(agency.curve, added.get(agency.id) ?? 0);
  }

  function advanced(samples, sample) {
    if (samples.length === 0 && sample === 0) return samples;
    return [...samples.slice(1 - CURVE_SECONDS), sample];
  }

  // --- the connection to the server -------------------------------------------------------------------------------

  let source;
  let receivedAt = 0;
  let lostAt = 0;

  function connect() {
    source?.close();
    source = new EventSource('/events');
    source.addEventListener('whole', (event) => receive(takeWhole, event));
    source.addEventListener('changes', (event) => receive(takeChanges, event));
    source.addEventListener('error', () => {
      lose();
      // The browser reconnects by itself, except after an error response.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS);
    });
    receivedAt = Date.now();
  }

  function receive(take, event) {
    take(JSON.parse(event.data));
    receivedAt = Date.now();
    if (lostAt !== 0) announce('The server is back.');
    lostAt = 0;
    announceProgress();
    announceStore();
    showTitle();
    draw();
  }

  function lose() {
    if (lostAt !== 0) return;
    lostAt = Date.now();
    announce(hasStopped() ? 'The server has stopped. Waiting for it.' : 'The server is lost. Trying again.');
    showTitle();
    draw();
  }

  /** An orderly stop of the server is announced in its last update. */
  function hasStopped() {
    return summary?.server.phase === 'stopping';
  }

  /** Whether the store accepts writes. A store in files does. */
  function isWritable() {
    return summary?.database?.writable ?? true;
  }

  function watch() {
    if (Date.now() - receivedAt < SILENCE_MS) return;
    lose();
    connect();
  }

  // --- announcements to a screen reader ---------------------------------------------------------------------------

  let newsAt = -Infinity;
  let announced = { finished: 0, held: false };

  function announce(text) {
    element('news').textContent = text;
    newsAt = Date.now();
  }

  function announceShown(count) {
    announce(`${number(count)} of ${number(summary.agencies.expected)} agencies shown.`);
  }

  function announceProgress() {
    const { draw, agencies, bets } = summary;
    const finished = finishedOf(agencies);
    if (draw.held && !announced.held) {
      announce(`The draw has been held: ${number(draw.winners)} winning bets.`);
    } else if (finished !== announced.finished && Date.now() - newsAt >= NEWS_PAUSE_MS) {
      announce(`${number(finished)} of ${number(agencies.expected)} agencies finished, ${number(bets.stored)} bets.`);
    } else {
      return;
    }
    announced = { finished, held: draw.held };
  }

  let wasWritable = true;

  function announceStore() {
    if (isWritable() === wasWritable) return;
    wasWritable = isWritable();
    announce(wasWritable ? 'The database accepts writes again.' : 'The database accepts no writes.');
  }

  function finishedOf({ byState }) {
    return byState.finished + byState.winners;
  }

  /** Shows the progress in the tab's title, also for a hidden page. */
  function showTitle() {
    const { draw, agencies } = summary ?? {};
    const state =
      lostAt !== 0
        ? hasStopped()
          ? 'Stopped'
          : 'Lost'
        : draw.held
          ? `No. ${draw.number}`
          : `${number(finishedOf(agencies))}/${number(agencies.expected)}`;
    const title = `${state} · Lottery: the night of the draw`;
    if (document.title !== title) document.title = title;
  }

  // --- drawing ----------------------------------------------------------------------------------------------------

  let isDrawing = false;

  /** Draws with the next frame, once for all changes until then. A hidden tab draws nothing. */
  function draw() {
    if (isDrawing) return;
    isDrawing = true;
    requestAnimationFrame(() => {
      isDrawing = false;
      drawLink();
      if (summary === undefined) return;
      drawWhole();
      drawAgencies();
      document.dispatchEvent(new CustomEvent('report', { detail: summary }));
    });
  }

  function drawLink() {
    const state = lostAt === 0 ? (summary === undefined ? 'waiting' : 'live') : hasStopped() ? 'stopped' : 'lost';
    document.body.dataset.link = state;
    document.body.dataset.store = isWritable() ? 'writable' : 'unwritable';
    if (state === 'waiting') return;
    setText('link-text', state === 'live' ? describePhase() : describeLoss());
  }

  function describeLoss() {
    const last = summary === undefined ? '' : ', this is how it was';
    return `Server ${hasStopped() ? 'stopped' : 'lost'} at ${clock(lostAt)}${last}. Trying again…`;
  }

  function describePhase() {
    const { phase } = summary.server;
    if (phase !== 'ready') return `Live; the server is ${phase}`;
    return isWritable() ? 'Live' : 'Live; the database accepts no writes';
  }

  function drawWhole() {
    const { bets, agencies, errors, server } = summary;
    setText('bets', number(bets.stored));
    setText('rate', number(bets.perSecond));
    const peak = Math.max(0, ...curve);
    setText('peak', peak === 0 ? 'no bets in the last 3 minutes' : `at most ${number(peak)}`);
    drawCurve(element('chart'), curve, 'All agencies');

    const finished = finishedOf(agencies);
    setText('finished', number(finished));
    setText('expected', number(agencies.expected));
    element('meter').style.transform = `scaleX(${finished / agencies.expected})`;
    setText('states', describeStates(agencies.byState));

    drawDraw();
    setText('errors', number(errors.total));
    const codes = Object.entries(errors.byCode).map(([code, count]) => `${number(count)} ${code}`);
    const scope = summary.database === null ? 'since the server started' : 'on this server since its start';
    setText('errors-aside', codes.length === 0 ? scope : codes.join(', '));
    element('errors').classList.toggle('troubled', errors.total > 0);
    setText(
      'since',
      `Server started ${new Date(server.startedAt).toLocaleString()}, ${number(server.sessionsOpen)} sessions open.`,
    );
  }

  /** The agencies missing in the figure above; after the draw, those without their winners. */
  function describeStates({ absent, uploading, finished, winners }) {
    if (!summary.draw.held) return `${number(uploading)} uploading, ${number(absent)} absent`;
    return finished === 0
      ? 'all have their winners'
      : `${number(winners)} have their winners, ${number(finished)} not yet`;
  }

  function drawDraw() {
    const { draw, agencies } = summary;
    setText('draw', draw.held ? `No. ${draw.number}` : 'Not yet');
    const missing = agencies.expected - finishedOf(agencies);
    const waiting = missing > 0 ? `waits for ${number(missing)} of the agencies` : 'is being held';
    setText('draw-aside', draw.held ? `held: ${number(draw.winners)} winning bets` : waiting);
  }

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

  const SVG = 'http://www.w3.org/2000/svg';

  function drawCurve(place, samples, name) {
    if (place.firstElementChild === null) place.append(makeCurve());
    const svg = place.firstElementChild;
    const [area, stroke] = svg.children;
    const most = Math.max(1, ...samples);
    const start = CURVE_SECONDS - samples.length;
    const points = samples.map((sample, at) => `L${start + at},${(29 - (27 * sample) / most).toFixed(1)}`).join('');
    setAttribute(stroke, 'd', `M0,29H${start}${points}`);
    stroke.classList.toggle('empty', samples.length === 0);
    setAttribute(area, 'd', `M${start},29${points}V30H${start}Z`);
    const words =
      samples.length === 0
        ? 'no bets in the last 3 minutes'
        : `${number(samples.at(-1))} bets in the last second, at most ${number(most)} in a second`;
    setAttribute(svg, 'aria-label', `${name}: ${words}`);
  }

  function makeCurve() {
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('role', 'img');
    svg.setAttribute('viewBox', `0 0 ${CURVE_SECONDS} 30`);
    svg.setAttribute('preserveAspectRatio', 'none');
    for (const name of ['area', 'stroke']) {
      const path = document.createElementNS(SVG, 'path');
      path.setAttribute('class', name);
      svg.append(path);
    }
    return svg;
  }

  /** Unchanged nodes stay in place, so that a screen reader and a selection are not disturbed. */
  function put(target, text) {
    if (target.textContent !== text) target.textContent = text;
  }

  function setText(id, text) {
    put(element(id), text);
  }

  function setAttribute(target, name, value) {
    if (target.getAttribute(name) !== value) target.setAttribute(name, value);
  }

  // --- input of the visitor ---------------------------------------------------------------------------------------

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
  document.addEventListener('visibilitychange', draw);

  connect();
  setInterval(watch, 1_000);
})();
