'use strict';

// The connection to the server, and its absence.
/* global announce, announceProgress, announceStore, clock, draw, finishedOf, hasStopped, isWritable, number, setText */
/* global summary, takeChanges, takeWhole */
/* exported connect, drawLink, watch */

/** The server sends an update per second. After this silence the connection counts as lost. */
const SILENCE_MS = 5_000;
const RETRY_MS = 2_000;

/** Whether this page was served after a login. */
const hasLogin = document.getElementById('logout') !== null;

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
    if (source.readyState === EventSource.CLOSED) setTimeout(hasLogin ? connectOrLogIn : connect, RETRY_MS);
  });
  receivedAt = Date.now();
}

/** Shows the login in place of the page if the session has ended. */
async function connectOrLogIn() {
  const response = await fetch('/', { method: 'HEAD' }).catch(() => undefined);
  if (response?.status === 401) location.reload();
  else connect();
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

function watch() {
  if (Date.now() - receivedAt < SILENCE_MS) return;
  lose();
  connect();
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
