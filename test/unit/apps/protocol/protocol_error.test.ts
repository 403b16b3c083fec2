import { expect } from 'chai';
import { ProtocolError, type ProtocolErrorCode } from '../../../../apps/protocol/protocol_error';

/** The protocol's table; true: the agency tries again. */
const CODES: Record<ProtocolErrorCode, boolean> = {
  'bad-type': false,
  'too-long': false,
  'bad-value': false,
  'bad-bet': false,
  'wrong-agency': false,
  'unknown-agency': false,
  unidentified: false,
  'out-of-order': false,
  'count-mismatch': false,
  superseded: false,
  timeout: true,
  busy: true,
  storage: true,
  'shutting-down': true,
};

describe('an error of the protocol', () => {
  for (const [code, isRetryable] of Object.entries(CODES) as [ProtocolErrorCode, boolean][]) {
    it(`${code} is ${isRetryable ? 'retryable' : 'final'}, and unchanged after formatting and parsing`, () => {
      const error = new ProtocolError(code, 'what is wrong: in detail');
      expect(error.message).to.equal(`${code}: what is wrong: in detail`);
      expect(error.isRetryable).to.equal(isRetryable);
      const read = ProtocolError.parse(error.message)!;
      expect(read).to.include({ code, detail: 'what is wrong: in detail', isRetryable });
    });
  }

  it('may have an empty detail, or one of several lines', () => {
    expect(ProtocolError.parse('busy: ')).to.include({ code: 'busy', detail: '' });
    expect(ProtocolError.parse('busy: a\nb')).to.include({ code: 'busy', detail: 'a\nb' });
  });

  for (const text of ['', 'busy', 'busy:', 'Busy: x', 'teapot: x', 'constructor: x', 'toString: x', ' busy: x']) {
    it(`is not ${JSON.stringify(text)}`, () => {
      expect(ProtocolError.parse(text)).to.equal(undefined);
    });
  }
});
