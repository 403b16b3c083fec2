'use strict';

// The status page. It shows the updates of /events, and their absence.
/* global connect, drawAgencies, drawLink, drawServers, drawWhole, summary, watch */

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
    drawServers(summary);
  });
}

document.addEventListener('visibilitychange', draw);

connect();
setInterval(watch, 1_000);
