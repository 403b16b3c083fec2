'use strict';

const { reporters } = require('mocha');

/** A line for scripts, from Mocha's counts. */
function summaryLine({ passes, failures, pending }) {
  return `${passes} passed, ${failures} failed, ${pending} skipped`;
}

/** Mocha's spec reporter with a summary line at its end. */
class SummaryReporter extends reporters.Spec {
  epilogue() {
    super.epilogue();
    reporters.Base.consoleLog(summaryLine(this.stats));
  }
}

module.exports = SummaryReporter;
module.exports.summaryLine = summaryLine;
