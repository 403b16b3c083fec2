'use strict';

// The whole lottery: bets, rate, agencies, draw, errors.
/* global curve, drawCurve, element, finishedOf, number, setText, summary */
/* exported drawWhole */

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
