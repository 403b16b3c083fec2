'use strict';

// Announcements to a screen reader.
/* global element, finishedOf, isWritable, number, summary */
/* exported announce, announceShown, announceProgress, announceStore */

/** The shortest interval between two announcements of progress. */
const NEWS_PAUSE_MS = 15_000;

let newsAt = -Infinity;
let announced = { finished: 0, held: false };
let wasWritable = true;

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

function announceStore() {
  if (isWritable() === wasWritable) return;
  wasWritable = isWritable();
  announce(wasWritable ? 'The database accepts writes again.' : 'The database accepts no writes.');
}
