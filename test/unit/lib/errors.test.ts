import { expect } from 'chai';
import * as library from '../../../lib/index';

describe('the errors', () => {
  const ends = { local: { host: '::1', port: 1 }, remote: { path: '/run/app.sock' } };

  it('have stable codes, names, and their system error as the cause', () => {
    const cause = Object.assign(new Error('connect ENOENT'), { code: 'ENOENT' });
    const error = new library.ConnectFailedError(ends, cause);
    expect(error).to.be.instanceOf(library.SocketError).and.instanceOf(Error);
    expect(error).to.include({ code: 'CONNECT_FAILED', name: 'ConnectFailedError', operation: 'connect', cause });
    expect(error.message).to.equal('connect to /run/app.sock: connect ENOENT');
  });

  it('have the address of a listener', () => {
    const error = new library.AcceptFailedError(ends, new Error('EMFILE'));
    expect(error.message).to.equal('accept on [::1]:1: EMFILE');
  });

  it('have a text for a cause without one', () => {
    const textless = Object.assign(new Error(''), { code: 'EHOSTDOWN' });
    expect(new library.ConnectFailedError({}, textless).message).to.equal('connect: EHOSTDOWN');
    expect(new library.ConnectFailedError({}, new AggregateError([textless])).message).to.contain('EHOSTDOWN');
    expect(new library.ConnectFailedError({}, 'gone').message).to.equal('connect: gone');
  });

  it('have one line, whatever the cause', () => {
    const text = '80DC61D2057F0000:error:0A00009C:SSL routines:ssl3_get_record:http request:ssl3_record.c:341:\n';
    const openSsl = { library: 'SSL routines', reason: 'http request', code: 'ERR_SSL_HTTP_REQUEST' };
    for (const [cause, problem] of [
      [Object.assign(new Error(text), openSsl), 'http request (ERR_SSL_HTTP_REQUEST)'],
      [Object.assign(new Error(text), { ...openSsl, code: undefined }), 'http request (SSL routines)'],
      [new Error('one\r\n  two \n'), 'one two'],
      ['one\ntwo', 'one two'],
    ] as const) {
      expect(new library.ConnectFailedError(ends, cause).message).to.equal(`connect to /run/app.sock: ${problem}`);
      expect(new library.ConnectionLostError('send', ends, cause).message).to.contain(`lost (${problem})`);
    }
  });

  it('have one code each', () => {
    const classes = Object.entries(library).filter(([name]) => name.endsWith('Error'));
    const codes = classes.map(([, constructor]) => codeOf(constructor as new (...args: unknown[]) => Error));
    const concrete = codes.filter((code) => code !== undefined);
    expect(concrete).to.have.length(classes.length - 2);
    expect(new Set(concrete).size).to.equal(concrete.length);
    for (const code of concrete) expect(code).to.match(/^[A-Z]+(_[A-Z]+)*$/);
  });

  /** The code of a class, undefined for the two abstract ones. */
  function codeOf(constructor: new (...args: unknown[]) => Error): unknown {
    const sample = [library.SocketError, library.FrameRefusedError] as unknown[];
    if (sample.includes(constructor)) return undefined;
    const first = constructor.prototype instanceof library.SocketError ? {} : 'x';
    const error =
      constructor.name === 'SocketClosedError' || constructor.name === 'SocketStateError' || isTimed(constructor)
        ? new constructor('send', {}, 1)
        : new constructor(first, 1, 1, new Error('x'));
    return (error as Error & { code?: unknown }).code;
  }

  function isTimed(constructor: { readonly name: string }): boolean {
    return ['TimedOutError', 'AbortedError', 'ConnectionLostError'].includes(constructor.name);
  }
});

describe('formatAddress', () => {
  it('gives host:port, [host]:port for IPv6, or the path', () => {
    expect(library.formatAddress({ host: '127.0.0.1', port: 80 })).to.equal('127.0.0.1:80');
    expect(library.formatAddress({ host: '::1', port: 80 })).to.equal('[::1]:80');
    expect(library.formatAddress({ path: '/run/app.sock' })).to.equal('/run/app.sock');
  });
});
