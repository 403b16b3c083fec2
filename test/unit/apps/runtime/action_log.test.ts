import { expect } from 'chai';
import fc from 'fast-check';
import { ActionLog, LOG_LEVELS, type LogLevel } from '../../../../apps/runtime/action_log';
import { DANGEROUS_CHARACTERS } from '../../../support/dangerous_characters';

/** A log at a fixed time, and its written text. */
function createLog(level: LogLevel = 'DEBUG'): { log: ActionLog; written: () => string } {
  let text = '';
  const log = new ActionLog(
    level,
    (lines) => (text += lines),
    () => new Date(2026, 0, 2, 3, 4, 5),
  );
  return { log, written: () => text };
}

describe('the log', () => {
  it('writes lines of one form: time, level in eight columns, action, result, fields', () => {
    const { log, written } = createLog();
    log.info('apuesta_enviada', 'success', { dni: '30904465', numero: 7574 });
    log.debug('config', 'in_progress');
    log.critical('store', 'fail', { lost: true });
    log.warning('connect', 'in_progress');
    log.error('exit', 'fail', { code: 1 });
    expect(written()).to.equal(
      [
        '2026-01-02 03:04:05 INFO     action: apuesta_enviada | result: success | dni: 30904465 | numero: 7574',
        '2026-01-02 03:04:05 DEBUG    action: config | result: in_progress',
        '2026-01-02 03:04:05 CRITICAL action: store | result: fail | lost: true',
        '2026-01-02 03:04:05 WARNING  action: connect | result: in_progress',
        '2026-01-02 03:04:05 ERROR    action: exit | result: fail | code: 1',
        '',
      ].join('\n'),
    );
  });

  for (const [index, level] of LOG_LEVELS.entries()) {
    it(`at ${level} writes lines of this level and the higher ones`, () => {
      const { log, written } = createLog(level);
      for (const method of ['debug', 'info', 'warning', 'error', 'critical'] as const) log[method]('x', 'success');
      const levels = written().match(/DEBUG|INFO|WARNING|ERROR|CRITICAL/g);
      expect(levels).to.deep.equal(LOG_LEVELS.slice(index));
      expect(log.isDebugging).to.equal(level === 'DEBUG');
    });
  }

  it('escapes line breaks, control characters and the separator of fields', () => {
    const { log, written } = createLog();
    log.info('x', 'fail', { msg: 'a\nb\r\0\u001b[31m|\u007f\u0085\u2028\u2029é😀 | result: success' });
    const escaped = 'a\\u000ab\\u000d\\u0000\\u001b[31m\\u007c\\u007f\\u0085\\u2028\\u2029é😀 \\u007c result: success';
    expect(written()).to.equal(`2026-01-02 03:04:05 INFO     action: x | result: fail | msg: ${escaped}\n`);
  });

  for (const [name, character, escape] of DANGEROUS_CHARACTERS) {
    it(`escapes: ${name}`, () => {
      const { log, written } = createLog();
      log.info('x', 'fail', { msg: `a${character}|ñ` });
      expect(written()).to.equal(`2026-01-02 03:04:05 INFO     action: x | result: fail | msg: a${escape}\\u007cñ\n`);
    });
  }

  it('writes one line with the same fields for any value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const { log, written } = createLog();
        log.info('x', 'success', { msg: value });
        expect(written().split(/[\n\r\u2028\u2029\u0085\v\f]/)).to.have.length(2);
        expect(written().split('|')).to.have.length(3);
      }),
    );
  });
});
