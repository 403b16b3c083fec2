'use strict';

// The state of the lottery, as the updates of /events report it. docs/operations.md describes their format.
/* exported CURVE_SECONDS, agencies, takeWhole, takeChanges, finishedOf, hasStopped, isWritable */

const CURVE_SECONDS = 180;

/** The newest summary, the agencies seen so far by id, and the bets of each of the last seconds. */
let summary;
const agencies = new Map();
let curve = [];

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

function finishedOf({ byState }) {
  return byState.finished + byState.winners;
}

/** An orderly stop of the server is announced in its last update. */
function hasStopped() {
  return summary?.server.phase === 'stopping';
}

/** Whether the store accepts writes. A store in files does. */
function isWritable() {
  return summary?.database?.writable ?? true;
}
