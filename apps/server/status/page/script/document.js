'use strict';

// Access to the document, and the forms of its values.
/* exported element, number, clock, put, setText, setAttribute */

const element = (id) => document.getElementById(id);
const number = new Intl.NumberFormat('en').format;
const clock = (time) => new Date(time).toLocaleTimeString();

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
