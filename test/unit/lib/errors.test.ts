import { expect } from 'chai';
import * as library from '../../../lib/index';
import { errorClasses, sampleErrors } from '../../support/sample_errors';

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

  it('have one base, and one of its two kinds', () => {
    for (const error of sampleErrors()) {
      expect(error).to.be.instanceOf(library.SockwrightError).and.instanceOf(Error);
      expect(error.name).to.equal(error.constructor.name);
      const isOfSocket = error instanceof library.SocketError;
      expect(error instanceof library.FrameRefusedError, error.name).to.equal(!isOfSocket);
    }
  });

  it('have one code each', () => {
    const codes = sampleErrors().map(({ code }) => code);
    expect(codes).to.have.length(errorClasses().length - 3);
    expect(new Set(codes).size).to.equal(codes.length);
    for (const code of codes) expect(code).to.match(/^[A-Z]+(_[A-Z]+)*$/);
  });
});

describe('formatAddress', () => {
  it('gives host:port, [host]:port for IPv6, or the path', () => {
    expect(library.formatAddress({ host: '127.0.0.1', port: 80 })).to.equal('127.0.0.1:80');
    expect(library.formatAddress({ host: '::1', port: 80 })).to.equal('[::1]:80');
    expect(library.formatAddress({ path: '/run/app.sock' })).to.equal('/run/app.sock');
    expect(library.formatAddress(undefined)).to.equal('unknown address');
  });

  it('takes an address whose properties of the other kind are undefined', () => {
    expect(library.formatAddress({ host: '::1', port: 80, path: undefined })).to.equal('[::1]:80');
    const path: library.Address = { path: '/run/app.sock', host: undefined, port: undefined };
    expect(library.formatAddress(path)).to.equal('/run/app.sock');
    const port: number | undefined = (path as library.Address).port;
    expect(port).to.equal(undefined);
  });
});
