'use strict';

// A curve of the bets of the last seconds.
/* global CURVE_SECONDS, number, setAttribute */
/* exported drawCurve */

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
