'use strict';

const { reporters } = require('mocha');

/** One line that a script can read, from Mocha's counts. */
function summaryLine({ passes, failures, pending }) {
  return `${passes} passed, ${failures} failed, ${pending} skipped`;
}

/** Mocha's spec reporter, closed by the summary line. */
class SummaryReporter extends reporters.Spec {
  epilogue() {
    super.epilogue();
    reporters.Base.consoleLog(summaryLine(this.stats));
  }
}

module.exports = SummaryReporter;
module.exports.summaryLine = summaryLine;
