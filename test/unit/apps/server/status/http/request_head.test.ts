import { expect } from 'chai';
import { RequestHead } from '../../../../../../apps/server/status/http/request_head';

describe('the end of a request’s head', () => {
  /** Passes the text in pieces that end at these offsets. Returns the number of bytes of the head. */
  function bytesOf(text: string, ...splits: number[]): number | undefined {
    const head = new RequestHead();
    const bytes = Buffer.from(text, 'latin1');
    let before = 0;
    for (const [index, from] of [0, ...splits].entries()) {
      const piece = bytes.subarray(from, splits[index]);
      const end = head.endIn(piece);
      if (end !== undefined) return before + end;
      before += piece.length;
    }
    return undefined;
  }

  const heads = {
    'a head without fields': 'GET / HTTP/1.1\r\n\r\n',
    'a head with fields': 'GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n',
    'lines that end with a bare line feed': 'GET / HTTP/1.1\nHost: x\n\n',
    'an empty line that is a bare line feed': 'GET / HTTP/1.1\r\nHost: x\r\n\n',
    'an empty line behind a bare line feed': 'GET / HTTP/1.1\nHost: x\n\r\n',
    'empty lines before the request line': '\r\n\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n',
  };
  for (const [kind, head] of Object.entries(heads)) {
    it(`is found for ${kind}, split at any byte`, () => {
      for (const rest of ['', 'x', '\r\n', 'GET / HTTP/1.1\r\n\r\n']) {
        for (let split = 0; split <= head.length; split++) {
          expect(bytesOf(head + rest, split), `${JSON.stringify(rest)}, split at ${split}`).to.equal(head.length);
        }
      }
      const everywhere = Array.from({ length: head.length - 1 }, (_, index) => index + 1);
      expect(bytesOf(head, ...everywhere)).to.equal(head.length);
    });
  }

  it('is not found before its last byte', () => {
    for (const head of Object.values(heads)) {
      for (let length = 0; length < head.length; length++) expect(bytesOf(head.slice(0, length))).to.equal(undefined);
    }
    expect(bytesOf('\r\n\r\n\r\n\r\n')).to.equal(undefined);
  });
});
